"""Boards without a battery clock: what the node does while its clock is unset, and when it becomes set.

The wrong clock comes from shims/shim.c, for the node and for the gpg it runs alike; the gpg that verifies has the real time.
"""
import email.utils
import json
import os
import struct
import time

import pytest

from harness import FIXTURES, wait_until

YEARS = 365 * 86400


class WrongClock:
    def __init__(self, directory, shim):
        self.file, self.fifo = directory / "clock-offset", directory / "clock-set"
        self.disciplined = directory / "clock-disciplined"
        self.file.write_bytes(bytes(8))
        os.mkfifo(self.fifo)
        self.shim, self.boot = shim, None

    @property
    def environment(self):
        """The board starts when a program is first run with this: its time since boot is not this machine's."""
        self.boot = self.boot or time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return {"LD_PRELOAD": str(self.shim), "MAUD_TEST_CLOCK": str(self.file), "MAUD_TEST_CLOCK_SET": str(self.fifo), "MAUD_TEST_BOOT": str(self.boot),
                "MAUD_TEST_DISCIPLINED": str(self.disciplined)}

    def set(self, seconds):
        """Moves the clock to so many seconds from the real time, and tells who waits for that."""
        with open(self.file, "r+b") as file:
            file.write(struct.pack("=q", int(seconds)))
        try:
            descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return  # nobody waits
        os.write(descriptor, bytes(8))
        os.close(descriptor)


@pytest.fixture
def clock(tmp_path, shim):
    return WrongClock(tmp_path, shim)


def documents(node, gnupg, pattern="^r-temperature"):
    return [json.loads(node.verified(gnupg, name)) for name in sorted(node.names(pattern))]


def signature_times(gnupg, data):
    listing = gnupg.run("--list-packets", input=data).stdout.decode()
    return [int(word.split("created ")[1].split(",")[0]) for word in listing.splitlines() if "created " in word and "sigclass" not in word]


def test_in_1970_readings_say_so_and_stock_gpg_verifies_every_signature(node, clock, gnupg):
    created = int(time.time())
    clock.set(120 - time.time())
    node.start(environment=clock.environment)
    node.wait_for("^r-temperature", 3)
    for document in documents(node, gnupg):
        assert document["clockState"] == "clockUnset" and len(document["bootId"]) == 36
        assert document["bootId"] == open("/proc/sys/kernel/random/boot_id").read().strip()
        for reading in document["readings"]:
            assert "observationDate" not in reading and 0 <= reading["monotonicSeconds"] < 120
    for name in node.names():
        data = node.fetch(name)
        gnupg.open(data)
        made, = signature_times(gnupg, data)
        assert made >= created - 60, f"{name} was signed before its key was made"
    times = [(node.own / name).stat().st_mtime_ns for name in node.names()]
    assert times == sorted(set(times)) and times[0] > (created - 60) * 10**9


def test_when_the_clock_becomes_set_followers_see_this_boots_files_again(node, clock, gnupg):
    clock.set(120 - time.time())
    node.start(environment=clock.environment)
    node.wait_for("^r-temperature", 3)
    before = node.names()
    since = email.utils.formatdate(int(time.time()), usegmt=True)
    clock.set(0)

    def seen():
        return [entry["path"].rsplit("/", 1)[1] for entry in node.listing("", "-H", f"If-Modified-Since: {since}")]
    wait_until(lambda: set(before) <= set(seen()), "new modification times for this boot's files", 10)
    order = [name for name in seen() if name in before]
    assert order == before, "the order of publication was lost"
    times = [(node.own / name).stat().st_mtime_ns for name in node.names()]
    assert times == sorted(set(times))
    last = wait_until(lambda: (d := documents(node, gnupg)) and d[-1]["clockState"] == "clockSet" and d[-1], "a reading with the time")
    assert abs(time.time() - time.mktime(time.strptime(last["readings"][0]["observationDate"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60


def test_what_was_published_before_this_boot_keeps_its_time(node, clock, gnupg):
    node.start().wait_for("^r-temperature", 2)
    node.stop()
    earlier = {path.name: path.stat().st_mtime_ns for path in node.own.glob("r-*")}
    clock.set(120 - time.time())
    node.start(environment=clock.environment)
    wait_until(lambda: len(list(node.own.glob("r-temperature*"))) > len(earlier) / 2 + 2, "new readings")
    clock.set(0)
    wait_until(lambda: documents(node, gnupg)[-1]["clockState"] == "clockSet", "a reading with the time")
    for name, modified in earlier.items():
        assert (node.own / name).stat().st_mtime_ns == modified
    newer = [path.stat().st_mtime_ns for path in node.own.glob("r-*") if path.name not in earlier]
    assert min(newer) > max(earlier.values())


def test_modification_times_increase_when_the_clock_is_set_back(node, clock, gnupg):
    """An hour back is still above the floor of the key: only the order of publication counts."""
    clock.set(7200)
    node.start(environment=clock.environment).wait_for("^r-temperature", 2)
    clock.set(3600)
    count = len(node.names())
    node.wait_for("", count + 3)
    names = sorted(node.names("^r-temperature"))
    times = [(node.own / name).stat().st_mtime_ns for name in names]
    assert times == sorted(set(times))


def test_a_friends_key_and_file_from_our_future_verify_for_us(node, clock):
    """The fixtures were made years after this board's clock; its own key is older still."""
    clock.set(86400 - time.time())
    node.command("friend add", FIXTURES / "keys/ref-alice.asc", environment=clock.environment)
    assert b"a62fd4d43e3fc83ec3bedef69c780921444be7d5" in node.command("friend list", environment=clock.environment).stdout
    node.command("friend add", FIXTURES / "keys/gnupg24-gina.asc", environment=clock.environment)
    gina = "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c"
    (node.root / gina).mkdir(exist_ok=True)
    (node.root / gina / "public.json.pgp").write_bytes((FIXTURES / "gnupg24/gina" / gina / "public.json.pgp").read_bytes())
    opened = node.command("open", node.root / gina / "public.json.pgp", environment=clock.environment)
    assert opened.stdout == (FIXTURES / "plain/hello.json").read_bytes()


def test_an_identity_made_with_an_unset_clock_is_valid_for_stock_gpg(make_node, clock, gnupg):
    clock.set(300 - time.time())
    node = make_node(environment=clock.environment).init()
    gnupg.import_key(node.public_key())
    assert gnupg.fingerprints() == [node.fingerprint]
    node.start()
    node.verified(gnupg, node.wait_for("^r-temperature")[0])


def test_publish_and_passwd_work_with_an_unset_clock(node, clock, gnupg, tmp_path):
    clock.set(300 - time.time())
    (tmp_path / "x").write_text("x")
    node.command("publish", "--public", "--name", "x.pgp", tmp_path / "x", environment=clock.environment)
    assert gnupg.open((node.own / "x.pgp").read_bytes())[0] == b"x"
    assert (node.own / "x.pgp").stat().st_mtime > YEARS * 50


def test_a_clock_that_was_years_ahead_is_set_right(make_node, make_person, clock, gnupg):
    """Nothing is lost or reordered, nobody is locked out, and what is signed afterwards has the true time."""
    node = make_node("board").init(name="Greenhouse")
    gnupg.import_key(node.public_key())
    ada = make_person().meets(node, "controllers", "viewers")
    node.start("--no-mdns", environment=clock.environment)
    ada.reaches(node)
    assert ada.json("set", "led", "on")["actionStatus"] == "CompletedActionStatus"
    clock.set(8 * YEARS)
    ahead = wait_until(lambda: (d := documents(node, gnupg)) and d[-1]["readings"][0].get("observationDate", "") > "2034" and d[-1], "a reading from the future")
    clock.set(0)
    wait_until(lambda: "event=clock-doubted" in node.log_text(), "a line that says so")
    wait_until(lambda: documents(node, gnupg)[-1]["clockState"] == "clockUnset", "readings that are marked")
    # What a device cannot place in time it takes by a challenge.
    assert ada.json("set", "led", "off")["actionStatus"] == "CompletedActionStatus"
    before = node.names()
    clock.disciplined.touch()
    clock.set(0)
    wait_until(lambda: "event=clock-believed" in node.log_text(), "the clock to be believed")
    last = wait_until(lambda: (d := documents(node, gnupg)[-1])["clockState"] == "clockSet" and d, "readings with dates")
    assert last["readings"][0]["observationDate"] < "2034" < ahead["readings"][0]["observationDate"]
    wait_until(lambda: all((node.own / name).stat().st_mtime < time.time() + 60 for name in node.names()), "files with times of now")
    assert [name for name in node.names() if name in before] == [name for name in before if name in node.names()], "the order of publication was lost"
    # One that gpg was at work on meanwhile may still carry the far time.
    count = len(node.names("^r-temperature"))
    for name in node.wait_for("^r-temperature", count + 4)[count + 1:]:
        data = node.fetch(name)
        gnupg.open(data)
        assert abs(signature_times(gnupg, data)[0] - time.time()) < 120, "signed with the far time"
    for value in ("on", "off"):
        assert ada.json("set", "led", value)["actionStatus"] == "CompletedActionStatus"
    node.stop()
    node.start("--no-mdns", environment=clock.environment)
    ada.reaches(node)
    assert node.status()["clockState"] == "clockSet" and node.log_text().count("event=clock-believed") == 1
    assert ada.json("set", "led", "on")["actionStatus"] == "CompletedActionStatus"
    ada.run("sync")
    assert all(one["isWhole"] for one in ada.json("verify", "greenhouse"))
