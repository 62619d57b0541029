"""`mau` by Bluetooth with a real node, without a radio (air.py). The real daemon and the real kernel are in Tests/Bluetooth."""
import json
import shutil
import time

import pytest

from air import air, board  # noqa: F401
from harness import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")


def test_devices_says_who_is_in_range(air, board):
    stranger = air.add("stranger", meets=())
    air.pc.close()
    air.listen()
    devices = {one["device"]: one for one in air.json("devices", "--wait", "1")}
    assert set(devices) == {board.fingerprint, stranger.fingerprint}
    own, other = devices[board.fingerprint], devices[stranger.fingerprint]
    assert own == {"device": board.fingerprint, "name": "Greenhouse", "isFriend": True, "isFollowed": True, "address": "00:00:5E:00:53:01", "carrier": "gatt",
                   "signalStrength": -41, "state": "proven"} | ({"isClaimable": False} if "isClaimable" in own else {})
    assert other["state"] == "proven" and not other["isFriend"] and "name" not in other and other["signalStrength"] == -42
    text = air.run("devices", "--wait", "1").stdout.decode()
    assert f"Greenhouse      {board.fingerprint}  00:00:5E:00:53:01  -41 dBm  gatt  proven" in text and text.startswith("DEVICE")
    air.is_left()


def test_a_friend_who_is_not_in_range_is_away(air, board):
    air.daemons[1].advertisement = None
    one, = air.json("devices", "--wait", "1")
    assert one["state"] == "away" and "signalStrength" not in one


@pytest.mark.parametrize("version", ["5.82", "5.66"])
def test_every_verb_goes_by_bluetooth(air, version, gnupg):
    board = air.add("Greenhouse", version)
    pc = air.listen()
    board.wait_for("^r-temperature")
    wait_until(lambda: list(board.own.glob("r-humidity-*")), "a private batch")
    assert air.json("show", "greenhouse")["device"] == board.fingerprint
    readings = {one["sensor"]: one for one in air.json("get")}
    gnupg.import_key(board.public_key())
    temperature = readings["temperature"]
    assert json.loads(board.verified(gnupg, temperature["file"]))["readings"][-1]["value"] == temperature["value"]
    assert 35 <= readings["humidity"]["value"] <= 65  # for viewers only: TLS has proven who asks
    outcome = air.json("set", "led", "on")
    assert (outcome["actionStatus"], outcome["carrier"], outcome["result"]) == ("CompletedActionStatus", "put", 1)
    assert air.json("sync")[0]["isComplete"] and air.json("browse")
    assert all(chain["isWhole"] for chain in air.json("verify"))
    assert air.run("export", "--csv").stdout.startswith(b"device,")
    assert [one["name"] for one in air.json("controllers", board.fingerprint[:8], "list")] == ["you"]
    assert air.run("watch", "temperature", "--count", "1", "--json").stdout.count(b"\n") == 1
    began = time.monotonic()
    air.json("get", "temperature")
    print(json.dumps({"measurement": "mau get --bluetooth, without a radio", "bluez": version, "seconds": round(time.monotonic() - began, 2)}))
    air.is_left()
    assert "RemoveDevice" not in pc.calls


def test_who_may_command_changes_by_bluetooth(air, board, make_person):
    bob = make_person("Bob")
    key = bob.directory / "bob.pgp"
    bob.run("key", "--output", key)
    assert air.json("controllers", "Greenhouse", "add", key)["actionStatus"] == "CompletedActionStatus"
    assert air.json("hand-over", "Greenhouse", key, "--yes")["actionStatus"] == "CompletedActionStatus"
    assert "takes no commands" in air.sentence("noPermission", "set", "led", "on")


@pytest.mark.parametrize("mtu,loss", [(23, 0), (517, 0), (247, 0.05), (517, 0.2)])
def test_a_bad_link_loses_nothing(air, mtu, loss):
    board = air.add("Greenhouse")
    pc = air.listen(mtu=mtu, loss=loss)
    board.wait_for("^r-temperature")
    wait_until(lambda: list(board.own.glob("r-humidity-*")), "a private batch")
    assert {one["sensor"] for one in air.json("get") if "value" in one} == {"temperature", "humidity"}
    assert air.json("set", "led", "on")["actionStatus"] == "CompletedActionStatus"
    assert not loss or sum(pump.lost for pump in pc.pumps) > 0


def test_a_daemon_without_descriptors(air):
    air.add("Greenhouse")
    pc = air.listen(descriptors=False)
    assert air.json("set", "led", "on")["actionStatus"] == "CompletedActionStatus"
    assert "StartNotify" in pc.calls and "WriteValue" in pc.calls


# First contact


def uri(node):
    return node.command("claim-code", "--root", node.root, identity=False).stdout.decode().strip()


@pytest.mark.parametrize("by_uri", [True, False])
def test_a_device_without_an_owner_is_claimed(air, by_uri):
    owned = air.add("owned")
    device = air.add("new", meets=())
    air.listen()
    claimable = {one["device"]: one.get("isClaimable", False) for one in air.json("devices", "--wait", "1")}
    assert claimable == {owned.fingerprint: False, device.fingerprint: True}
    code = uri(device) if by_uri else uri(device).split("claim=")[1]
    claimed = air.json("claim", code)
    assert (claimed["device"], claimed["wasOwn"]) == (device.fingerprint, False)
    assert air.json("set", f"{device.fingerprint}/led", "on")["actionStatus"] == "CompletedActionStatus"
    assert not any(one.get("isClaimable") for one in air.json("devices", "--wait", "1"))
    air.is_left()


def test_a_wrong_code_and_nobody(air):
    device = air.add("new", meets=())
    air.listen()
    wrong = uri(device).split("claim=")[1]
    wrong = ("1" if wrong[0] == "0" else "0") + wrong[1:]
    assert "the claim code is wrong" in air.sentence("noPermission", "claim", wrong)
    air.daemons[1].advertisement = None
    assert "no device in range of Bluetooth waits for an owner" in air.sentence("unavailable", "claim", wrong)
    assert "is not in range of Bluetooth" in air.sentence("unavailable", "claim", uri(device))
