"""SIGKILL at any point: the next start serves everything that was acknowledged, and nothing that fails to verify."""
import random
import subprocess
import time

import pytest

from harness import sha256

SEED = 20260401
KILLS = 200


@pytest.fixture
def posting(make_node, gnupg):
    """A node that posts as fast as sensors go, with the least S2K count: start-up is not what is tested."""
    node = make_node().init()
    gnupg.import_key(node.public_key())
    node.weaken_passphrase(gnupg)
    sensor = {"title": "x", "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100, "period": 0.1, "batch": 1,
              "source": {"type": "simulator"}, "retention": {"count": 40}}
    node.write_board(sensors=[{**sensor, "name": "public", "audience": "public"}, {**sensor, "name": "private", "period": 0.2}], actuators=[])
    return node


class Ledger:
    """What the node has acknowledged: listed files by name with their sums, and what `maud publish` exited 0 for."""

    def __init__(self, node, gnupg):
        self.node, self.gnupg = node, gnupg
        self.listed, self.published, self.verified = {}, {}, set()

    def listing(self):
        return {entry["path"].rsplit("/", 1)[1]: entry["sum"] for entry in self.node.listing()}

    def check(self):
        """After a restart: nothing acknowledged is missing or changed, everything listed is there and verifies."""
        now = self.listing()
        readings = sorted(name for name in now if name.startswith("r-public"))
        for name, sum in self.listed.items():
            if name in now:
                if name.startswith("r-"):
                    assert now[name] == sum, f"{name} was listed and has changed"
            else:
                assert name.startswith("r-") and readings and name < readings[0], f"{name} was listed and is gone"
        for name, sum in self.published.items():
            assert now.get(name) == sum, f"maud publish exited 0 for {name} and it is gone"
        for name, sum in now.items():
            if sum in self.verified:
                continue
            path = self.node.own / name
            data = path.read_bytes() if path.exists() else None
            if data is None or sha256(data) != sum:
                # Posting goes on while we look: only what is served counts.
                status, _, data = self.node.get("/" + name)
                if status == 404 and name.startswith("r-"):
                    continue
            self.gnupg.open(data)
            self.verified.add(sha256(data))
        self.listed.update(now)

    def chain_is_whole(self):
        """Private readings too: numbers without a gap, beyond what retention removed."""
        for sensor in ("public", "private"):
            numbers = sorted(int(path.name.split("-")[2].split(".")[0]) for path in self.node.own.glob(f"r-{sensor}-*"))
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), f"a gap in {sensor}"


def publish(posting, content, number):
    """`maud publish` beside the node, under way."""
    content.write_text(f"content {number}")
    return subprocess.Popen([*posting.maud, "publish", "--root", posting.root, "--passphrase-file", posting.passphrase_file, "--runtime", posting.runtime,
                             "--public", "--name", "edited.json.pgp", content], stderr=subprocess.DEVNULL)


def live(posting, ledger, chance, content, number):
    """One life of a node that was checked: every tenth time something is published, and every second of these is killed too."""
    publishing = publish(posting, content, number) if number % 10 == 0 else None
    time.sleep(chance.uniform(0, 0.5))
    ledger.listed.update(ledger.listing())
    if publishing and number % 20 == 0 and publishing.wait() == 0:
        ledger.published["edited.json.pgp"] = sha256((posting.own / "edited.json.pgp").read_bytes())
    elif publishing:
        time.sleep(chance.uniform(0, 0.3))
        publishing.kill()
        publishing.wait()
        ledger.published.pop("edited.json.pgp", None)
        ledger.listed.pop("edited.json.pgp", None)
    time.sleep(chance.uniform(0, 0.2))


def test_killed_two_hundred_times_while_it_posts(posting, gnupg, tmp_path):
    chance = random.Random(SEED)
    ledger = Ledger(posting, gnupg)
    started = 0
    for number in range(KILLS):
        if number % 4 == 3:
            # Anywhere in start-up, the first readings included.
            posting.start(wait=False)
            time.sleep(chance.uniform(0, 0.4))
        else:
            posting.start()
            started += 1
            ledger.check()
            live(posting, ledger, chance, tmp_path / "content", number)
        posting.process.kill()
        posting.process.wait()
        posting.process.stdout.close()
        posting.log.close()
    posting.start()
    ledger.check()
    assert posting.stop() == 0
    ledger.chain_is_whole()
    assert started == KILLS * 3 // 4 and len(ledger.verified) > KILLS
    assert not [path.name for path in posting.own.iterdir() if not path.name.endswith((".pgp", ".versions"))], "temporary files were left behind"
    assert list(posting.runtime.iterdir()) == []


@pytest.mark.parametrize("seed", range(3))
def test_an_edit_killed_at_any_point_leaves_the_old_or_the_new(node, gnupg, tmp_path, seed):
    chance = random.Random(SEED + seed)
    node.weaken_passphrase(gnupg)
    content = tmp_path / "content"
    content.write_text("first")
    line = [*node.maud, "publish", "--root", node.root, "--passphrase-file", node.passphrase_file, "--runtime", node.runtime, "--public", "--name", "x.pgp", content]
    begin = time.monotonic()
    subprocess.run(line, check=True)
    duration = time.monotonic() - begin
    seen = {"first"}
    for number in range(15):
        old = gnupg.open((node.own / "x.pgp").read_bytes())[0].decode()
        content.write_text(f"edit {number}")
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, duration))
        process.kill()
        process.wait()
        now = gnupg.open((node.own / "x.pgp").read_bytes())[0].decode()
        assert now in (old, f"edit {number}")
        seen.add(now)
    kept = [gnupg.open(path.read_bytes())[0].decode() for path in (node.own / "x.pgp.versions").glob("*")] if (node.own / "x.pgp.versions").exists() else []
    assert seen <= {*kept, now}, "a version that was published is lost"
