"""A board without a battery clock, with the real kernel and systemd: what is read before the clock is set, and what happens when it jumps (docs/readings.md, R3, R9)."""
import json
import time

import pytest

from harness import wait_until
from network import BOARD
from owned import configure
from workload import fetch

pytestmark = pytest.mark.long

SENSOR = {"name": "often", "title": "x", "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100, "decimals": 1,
          "source": {"type": "simulator", "cycle": 60}, "period": 8, "batch": 1, "audience": "public", "retention": {"days": 30}}
FILE = {"name": "Greenhouse", "sensors": [SENSOR],
        "actuators": [{"name": "lamp", "title": "Lamp", "type": "switch", "source": {"type": "led", "name": "ACT"}, "audience": {"group": "controllers"}}]}


class Clock:
    def __init__(self, board, owned, gnupg):
        self.board, self.person, self.gnupg = board, owned.person, gnupg
        self.fingerprint = owned.fingerprint
        self.url = f"http://{BOARD}:8008/p2p/{owned.fingerprint}"
        gnupg.import_key((owned.directory / "board.pgp").read_bytes())

    def wait_serving(self):
        wait_until(lambda: fetch(self.url)[0] == 200, "the node", 180)

    def batches(self):
        """The names of the batches in the order of publication."""
        return [one["path"].rsplit("/", 1)[1] for one in json.loads(fetch(self.url)[1]) if "/r-often-" in one["path"]]

    def next(self, count=2):
        """Waits for so many further batches; the reading of the last one. Stock gpg verifies it, by the true time."""
        before = len(self.batches())
        names = wait_until(lambda: (found := self.batches())[before + count - 1:] and found, "further batches", 240)
        text, signer = self.gnupg.open(fetch(f"{self.url}/{names[-1]}")[1])
        assert signer == self.fingerprint
        return json.loads(text)

    def next_in(self, state):
        """The first batch whose readings are of this state of the clock; readings of another that wait for their signatures come before it."""
        for _ in range(10):
            if (batch := self.next(1))["clockState"] == state:
                return batch
        raise AssertionError(f"no reading is {state}")

    def set(self, seconds):
        self.board.run(f"date -u -s @{time.time() + seconds:.0f}")

    def discipline(self):
        """Tells the board's kernel what a daemon does that measures the time: the clock is right, within 5 ms (adjtimex(2), by number: perl has no name for it)."""
        self.board.run("""perl -e '$t = pack("Ix4qqqqix4", 0x14, 0, 0, 5000, 5000, 1); $t .= "\\0" x (208 - length $t); exit(syscall(171, $t) < 0)'""")


def test_before_the_clock_is_set(boards, owned, gnupg):
    board = boards(is_on=False, date="1999-12-31T23:59:00").start()
    clock = Clock(board, owned, gnupg)
    clock.wait_serving()
    configure(board, FILE)
    clock.wait_serving()
    early = clock.next_in("clockUnset")
    assert len(early["bootId"]) == 36
    assert "observationDate" not in early["readings"][-1] and early["readings"][-1]["monotonicSeconds"] > 0
    # Its owner still commands it, and it is proven by TLS.
    assert owned.person.json("set", "lamp", "on")["actionStatus"] == "CompletedActionStatus"
    before = clock.batches()
    clock.set(0)
    late = clock.next_in("clockSet")
    assert "observationDate" in late["readings"][-1]
    assert clock.batches()[:len(before)] == before, "the order of publication was lost"
    assert owned.person.json("set", "lamp", "off")["actionStatus"] == "CompletedActionStatus"
    owned.person.run("sync")
    assert all(one["isWhole"] for one in owned.person.json("verify", "greenhouse"))


def test_jumps(boards, owned, gnupg):
    board = boards()
    clock = Clock(board, owned, gnupg)
    clock.wait_serving()
    configure(board, FILE)
    clock.wait_serving()
    clock.next()
    before = clock.batches()
    for years in (1, -1, 8):
        clock.set(years * 365 * 86400)
        clock.next()
        assert clock.batches()[:len(before)] == before, f"{years} years: something was lost or reordered"
        before = clock.batches()
    clock.set(0)
    clock.next()
    assert clock.batches()[:len(before)] == before
    # Nobody is locked out by what was signed with a wrong clock, not after a restart either.
    for _ in range(2):
        assert owned.person.json("set", "lamp", "on")["actionStatus"] == "CompletedActionStatus"
        board.run("systemctl restart maud", 200)
        clock.wait_serving()
    assert clock.batches()[:len(before)] == before
    owned.person.run("sync")
    assert all(one["isWhole"] for one in owned.person.json("verify", "greenhouse") if one["chain"] == "often")


def test_a_clock_that_was_ahead(boards, owned, gnupg):
    """In the unit, which may not ask the kernel: systemd-timedated is asked (docs/clock.md, part 2)."""
    board = boards()
    clock = Clock(board, owned, gnupg)
    clock.wait_serving()
    configure(board, FILE)
    clock.wait_serving()
    clock.next()
    clock.set(8 * 365 * 86400)
    clock.next()
    clock.set(0)
    assert clock.next()["clockState"] == "clockUnset"
    board.wait_for("journalctl -u maud | grep event=clock-doubted", "a line about the clock")
    before = clock.batches()
    clock.discipline()
    # What it wrote tells a new process, too.
    board.run("systemctl restart maud", 200)
    clock.wait_serving()
    board.wait_for("journalctl -u maud | grep event=clock-believed", "the clock being believed")
    last = clock.next(3)
    assert last["clockState"] == "clockSet" and last["readings"][-1]["observationDate"] < "2033"
    assert clock.batches()[:len(before)] == before
    board.wait_for("! find /var/lib/maud/root -name '*.json.pgp' -not -path '*.versions*' -newermt '1 year' | grep .", "times that are taken back")
    assert owned.person.json("set", "lamp", "on")["actionStatus"] == "CompletedActionStatus"
    owned.person.run("sync")
    assert all(one["isWhole"] for one in owned.person.json("verify", "greenhouse") if one["chain"] == "often")
