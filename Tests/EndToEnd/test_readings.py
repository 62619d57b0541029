"""Signed readings: what they say, who may read them, their chain, what retention leaves."""
import json
import re
import subprocess

import pytest
from check_document import Checker

from harness import sha256, wait_until
from openpgp import recipients, tags


@pytest.fixture(scope="module")
def checker():
    return Checker()


def sensor(name, **changes):
    return {"name": name, "title": name, "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": -1000, "maximum": 1000,
            "source": {"type": "simulator", "waveform": "sawtooth", "low": 0, "high": 10, "cycle": 10}, "period": 0.2, "batch": 1,
            "audience": "public", **changes}


@pytest.fixture
def viewer(node, gnupg, tmp_path):
    """A friend in the group viewers, whose secret key the test's gpg has."""
    fingerprint = gnupg.new_key("viewer")
    (tmp_path / "viewer.pgp").write_bytes(gnupg.run("--export", fingerprint).stdout)
    node.command("friend add", "--group", "viewers", tmp_path / "viewer.pgp")
    return fingerprint


def batches(node, gnupg, chain, count):
    """The first `count` batches of a chain: (file name, octets, document)."""
    names = sorted(node.wait_for(f"^r-{chain}-[0-9]", count))[:count]
    found = []
    for name in names:
        data = node.fetch(name)
        plain, signer = gnupg.open(data)
        assert signer == node.fingerprint
        found.append((name, data, json.loads(plain)))
    return found


def test_every_published_document_obeys_the_vocabulary(running, gnupg, checker):
    running.wait_for("^r-temperature", 3)
    documents = [json.loads(running.verified(gnupg, name)) for name in running.names()]
    assert len(documents) >= 5
    for document in documents:
        assert checker.check(document) == []
    assert list(checker.check_together(documents)) == []


def test_a_batch_is_one_immutable_file_that_names_the_one_before(running, gnupg):
    found = batches(running, gnupg, "temperature", 4)
    for number, (name, data, document) in enumerate(found):
        assert name == f"r-temperature-{number + 1:012}.json.pgp"
        assert document["sequence"] == number + 1 and len(document["readings"]) == 1
        assert document.get("previous") == (sha256(found[number - 1][1]) if number else None)
        assert tags(data) == [4, 11, 2]
    assert running.fetch(found[0][0]) == found[0][1]
    values = [document["readings"][0]["value"] for _, _, document in found]
    assert all(18 <= value <= 24 for value in values)


def test_the_chain_goes_on_after_a_restart(node, gnupg):
    node.start()
    before = batches(node, gnupg, "temperature", 2)
    node.stop()
    count = len(list(node.own.glob("r-temperature-*")))
    node.start()
    found = batches(node, gnupg, "temperature", count + 2)
    assert [document["sequence"] for _, _, document in found] == list(range(1, count + 3))
    for earlier, later in zip(found, found[1:]):
        assert later[2]["previous"] == sha256(earlier[1])
    assert found[:2] == before


def test_viewers_readings_are_invisible_in_http_and_open_for_a_viewer(node, viewer, gnupg):
    node.start()
    node.wait_for("^r-temperature", 3)
    wait_until(lambda: len(list(node.own.glob("r-humidity-*"))) >= 2, "private readings")
    assert node.names("humidity") == []
    first = min(node.own.glob("r-humidity-*"))
    assert node.get("/" + first.name)[0] == 404
    data = first.read_bytes()
    assert len(recipients(data)) == 2 and tags(data) == [1, 1, 18]
    plain, signer = gnupg.open(data)
    document = json.loads(plain)
    assert signer == node.fingerprint and document["audience"] == {"@type": "Audience", "audienceType": "group", "name": "viewers"}
    assert node.command("open", first).stdout == plain
    assert "viewer" not in json.dumps([json.loads(node.verified(gnupg, name)) for name in node.names("^r-")])


def test_a_stranger_cannot_open_a_viewers_reading(node, viewer, tmp_path):
    node.start()
    wait_until(lambda: list(node.own.glob("r-humidity-*")), "private readings")
    home = tmp_path / "stranger"
    home.mkdir(mode=0o700)
    result = subprocess.run(["gpg", "--homedir", home, "--batch", "-d", min(node.own.glob("r-humidity-*"))], capture_output=True)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"])
    assert result.returncode == 2 and result.stdout == b""


def test_ten_readings_are_one_file(node, gnupg):
    node.write_board(sensors=[sensor("ten", batch=10)])
    node.start()
    (_, _, document), = batches(node, gnupg, "ten", 1)
    times = [reading["monotonicSeconds"] for reading in document["readings"]]
    assert len(times) == 10 and times == sorted(times)
    assert all(abs(later - earlier - 0.2) < 0.1 for earlier, later in zip(times, times[1:]))


def test_a_dead_band_drops_what_hardly_changes(node, gnupg):
    steady = {"type": "simulator", "waveform": "constant", "low": 5, "high": 5, "cycle": 10}
    node.write_board(sensors=[sensor("steady", deadBand=1, source=steady), sensor("clock")])
    node.start()
    node.wait_for("^r-clock", 10)
    assert len(node.names("^r-steady")) == 1


def test_a_failing_sensor_publishes_the_fault_and_no_stale_value(node, gnupg, checker):
    source = node.directory / "value"
    source.write_text("12.5\n")
    node.write_board(sensors=[sensor("file", source={"type": "file", "path": str(source)})])
    node.start()
    (_, _, document), = batches(node, gnupg, "file", 1)
    assert document["readings"][0]["value"] == 12.5
    source.write_text("no number\n")

    def last():
        return json.loads(node.verified(gnupg, max(node.names("^r-file"))))
    reading = wait_until(lambda: (r := last()["readings"][0]) and "fault" in r and r, "a fault")
    assert "value" not in reading
    source.unlink()
    wait_until(lambda: last()["readings"][0].get("fault") == "sourceMissing", "another fault")
    assert checker.check(last()) == []
    source.write_text("-3\n")
    wait_until(lambda: last()["readings"][0].get("value") == -3, "the sensor's recovery")
    source.write_text("5000\n")
    wait_until(lambda: last()["readings"][0].get("fault") == "outOfRange", "the fault of a value out of range")


def test_a_commands_output_is_a_reading(node, gnupg):
    node.write_board(sensors=[sensor("command", period=1, source={"type": "command", "arguments": ["/bin/echo", "7.25"]}),
                              sensor("hanging", period=1, source={"type": "command", "arguments": ["/bin/sleep", "60"], "timeout": 1})])
    node.start()
    (_, _, document), = batches(node, gnupg, "command", 1)
    assert document["readings"][0]["value"] == 7.25
    (_, _, document), = batches(node, gnupg, "hanging", 1)
    assert document["readings"][0]["fault"] == "timedOut"


def test_retention_removes_the_oldest_and_a_checkpoint_tells(node, gnupg, checker):
    node.write_board(sensors=[sensor("short", retention={"count": 3}), sensor("clock", period=1)])
    node.start()
    node.wait_for("^r-short-0*12")
    names = wait_until(lambda: (n := node.names("^r-short")) and len(n) <= 4 and n, "removal")
    checkpoint = json.loads(node.verified(gnupg, "checkpoint-short.json.pgp"))
    assert checker.check(checkpoint) == []
    assert checkpoint["removedThrough"] >= 5 and len(checkpoint["removedThroughSha256"]) == 64
    oldest = min(int(name.split("-")[-1].split(".")[0]) for name in names)
    wait_until(lambda: json.loads(node.verified(gnupg, "checkpoint-short.json.pgp"))["removedThrough"] >= oldest - 1, "the checkpoint of what was removed")
    sums = {entry["path"]: entry["sum"] for entry in node.listing()}
    first = json.loads(node.verified(gnupg, min(node.names("^r-short"))))
    checkpoint = json.loads(node.verified(gnupg, "checkpoint-short.json.pgp"))
    if checkpoint["removedThrough"] == first["sequence"] - 1:
        assert checkpoint["removedThroughSha256"] == first["previous"] and len(sums) > 0


def test_a_quota_removes_the_oldest_readings_first(node, gnupg, tmp_path):
    """1 MiB, most of it taken by a file that is nobody's to remove: readings give way, and the node goes on."""
    (tmp_path / "big").write_bytes(bytes(1_000_000))
    node.command("publish", "--public", "--name", "big.bin.pgp", tmp_path / "big")
    node.write_board(quota=1_048_576, sensors=[sensor("many", period=0.1)])
    node.start()
    wait_until(lambda: node.names("^r-many") and "r-many-000000000001.json.pgp" not in node.names(), "removal under the quota", 60)
    assert "big.bin.pgp" in node.names()
    status = json.dumps(node.status())
    assert "remov" in status and "remov" in node.log_text()


def test_another_audience_is_another_chain(node, viewer, gnupg):
    """A sensor that becomes private starts anew: nothing in the public chain tells of readings that are not public."""
    node.write_board(sensors=[sensor("level")])
    node.start()
    node.wait_for("^r-level", 2)
    node.stop()
    node.write_board(sensors=[sensor("level", audience={"group": "viewers"})])
    before = set(path.name for path in node.own.glob("r-*"))
    node.start()
    wait_until(lambda: len(set(path.name for path in node.own.glob("r-*")) - before) >= 2, "private readings")
    new = sorted(set(path.name for path in node.own.glob("r-*")) - before)
    assert not set(new) & set(node.names())
    first = json.loads(gnupg.open((node.own / new[0]).read_bytes())[0])
    assert first["sequence"] == 1 and "previous" not in first
    assert first["chain"] != "level"


def modification_times(node, pattern="r-*"):
    return {path.name: path.stat().st_mtime_ns for path in node.own.glob(pattern)}


def test_a_quota_takes_the_oldest_of_chains_that_nobody_adds_to(node, viewer, gnupg, checker, tmp_path):
    """The node comes back with a board whose sensor `level` has become private, whose `gone` and others were removed, and under
    its quota: over all chains the oldest go, and the signed checkpoints tell it to whom the chains were for."""
    others = [f"other{number}" for number in range(10)]
    node.write_board(sensors=[sensor("level", period=0.1, batch=20), sensor("gone", period=0.1, batch=20, audience={"group": "viewers"})]
                     + [sensor(name, period=0.1, batch=20) for name in others])
    node.start()
    for chain in ["level", "gone", *others]:
        wait_until(lambda: len(list(node.own.glob(f"r-{chain}-*"))) >= 5, f"five batches of {chain}")
    node.stop()
    before = modification_times(node)
    own = sum(path.stat().st_size for path in node.own.rglob("*.pgp"))
    readings = sum(path.stat().st_size for path in node.own.glob("r-*"))
    # The tenth of the quota that goes is half of all readings.
    quota = max(1_048_576, 5 * readings)
    (tmp_path / "big").write_bytes(bytes(quota - own - 2000))
    node.command("publish", "--public", "--name", "big.bin.pgp", tmp_path / "big")
    (tmp_path / "more").write_bytes(bytes(4000))
    node.command("publish", "--public", "--name", "more.bin.pgp", tmp_path / "more")
    node.write_board(quota=quota, sensors=[sensor("level", period=5, audience={"group": "viewers"})])
    node.start()
    wait_until(lambda: node.status()["readings"]["batchesRemovedForSpace"], "removal")
    assert sum(path.stat().st_size for path in node.own.rglob("*.pgp")) < quota
    after = modification_times(node)
    chains = ["level", "gone", *others]
    newest = {max(name for name in before if name.startswith(f"r-{chain}-0")) for chain in chains}
    removed, kept = set(before) - set(after), set(before) & set(after)
    assert newest <= kept and len(removed) >= 12 and len(kept) > len(newest)
    assert max(before[name] for name in removed) < min(before[name] for name in kept - newest), "the oldest of all chains go first"
    status = node.status()["readings"]
    assert status["batchesRemovedForSpace"] == status["batchesRemoved"] == len(removed)
    for chain in chains:
        gone = sorted(name for name in removed if name.startswith(f"r-{chain}-0"))
        assert gone, f"no batch of {chain} was among the oldest"
        assert re.search(f"event=readings-removed .*chain={chain} through={len(gone)} batches={len(gone)} ", node.log_text())
        data = (node.own / f"checkpoint-{chain}.json.pgp").read_bytes()
        plain, signer = gnupg.open(data)
        checkpoint = json.loads(plain)
        assert signer == node.fingerprint and checker.check(checkpoint) == []
        assert checkpoint["chain"] == chain and checkpoint["removedThrough"] == len(gone)
        oldest = json.loads(gnupg.open((node.own / f"r-{chain}-{len(gone) + 1:012}.json.pgp").read_bytes())[0])
        assert oldest["previous"] == checkpoint["removedThroughSha256"]
        assert checkpoint["audience"] == oldest["audience"]
        assert len(recipients(data)) == (2 if chain == "gone" else 0) and (f"checkpoint-{chain}.json.pgp" in node.names()) == (chain != "gone")
