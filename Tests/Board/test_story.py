"""From an empty board to a lamp that is switched from a PC, with the real systemd, GnuPG and Avahi of Debian 13."""
import json
import re

from companion import Person
from owned import BOARD_FILE, configure, install
from harness import wait_until


def line(board):
    """What the kernel says of the line of the GPIO controller that the node drives: "hi" or "lo"."""
    text = board.run("mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; cat /sys/kernel/debug/gpio")
    return re.search(r"\|maud +\) out (hi|lo)", text)[1]


def test_the_story(fresh, package, tmp_path):
    said = install(fresh, package)
    fingerprint = fresh.status()["fingerprint"]
    assert f"This machine is the Mau node {fingerprint}." in said
    configure(fresh, BOARD_FILE)
    uri = re.search("mau:[0-9a-f]{40}\\?claim=[0-9A-Z-]{23}", fresh.run("maudctl claim-code"))[0]
    ada = Person(tmp_path / "ada").init()
    try:
        # It is found by nothing but the network.
        found = wait_until(lambda: [one for one in ada.json("devices") if one["device"] == fingerprint], "the board on the network", 60)
        assert found[0]["state"] == "proven" and found[0]["isClaimable"]
        ada.run("claim", uri)
        shown = ada.json("show", "greenhouse")
        assert [one["name"] for one in shown["sensors"]] == ["temperature", "load"] and [one["name"] for one in shown["actuators"]] == ["lamp", "pump"]
        watched = [json.loads(line) for line in ada.text("watch", "greenhouse/temperature", "--count", "2", "--json").splitlines()]
        assert len(watched) >= 2 and all(18 <= one["value"] <= 24 for one in watched)
        answer = ada.json("set", "lamp", "on")
        assert answer["actionStatus"] == "CompletedActionStatus" and fresh.status()["actuators"]["lamp"] == 1
        assert fresh.run("cat /sys/class/leds/ACT/brightness").strip() == "1"
        assert line(fresh) == "lo"
        ada.run("set", "pump", "on")
        assert line(fresh) == "hi"
        ada.run("sync")
        chains = {one["chain"]: one for one in ada.json("verify", "greenhouse")}
        assert chains["temperature"]["files"] >= 2 and chains["log"]["files"] >= 1 and all(one["isWhole"] for one in chains.values())
    finally:
        ada.close()
