"""The node's side of BlueZ on a bus of the test's own, with a daemon that does what BlueZ 5.82 or 5.66 does on the bus (bluez.py), and nothing more: the real
one, with the real kernel, is in Tests/Bluetooth. What the node gives BlueZ, and what becomes of it when that or the adapter comes and goes."""
import json
import re
import shutil
import time

import pytest

from bluez import IN, NODE, OUT, SERVICE, Central, Refused
from bus import about, becomes, bus, lines, make_daemon, path, start  # noqa: F401
from gatt import Stream
from harness import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")


def test_what_bluez_is_given(make_daemon, start):
    daemon = make_daemon()
    node = start(interval=500, transmitPower=-4)
    becomes(node, "advertising")
    assert daemon.table() == [(SERVICE, None), (NODE, ["read"]), (IN, ["write-without-response", "write"]), (OUT, ["notify"])]
    identity = bytes.fromhex(node.fingerprint)[-8:]
    advertisement = daemon.advertisement
    assert {key: value.value for key, value in advertisement.pop("ScanResponseServiceData").items()} == {SERVICE: identity}
    assert advertisement == {"Type": "peripheral", "ServiceUUIDs": [SERVICE], "Discoverable": True, "LocalName": "mau", "MinInterval": 500, "MaxInterval": 500, "TxPower": -4}
    central = Central(daemon, 1, mtu=23)
    value = central.read_node()
    # It speaks TLS, and waits for its first owner.
    assert value[:24] == bytes([1, 3]) + bytes.fromhex(node.fingerprint) + (495).to_bytes(2, "little") and 1 <= value[24] <= 15 and len(value) == 27
    assert central.read_node(22) == value[22:] and central.read_node(27) == b""
    with pytest.raises(Refused, match="InvalidOffset"):
        central.read_node(28)
    assert len(lines(node)) == 1 and "state=advertising adapter=hci0" in lines(node)[0]


def test_an_older_bluez_has_a_name_in_the_scan_response(make_daemon, start):
    daemon = make_daemon("5.66")
    node = start()
    becomes(node, "advertising")
    assert daemon.advertisement["LocalName"] == "mau-" + node.fingerprint[-16:] and "ScanResponseServiceData" not in daemon.advertisement


def test_what_is_not_there(bus, make_daemon, start):
    """No bus, no daemon, no adapter, off, blocked, on: each is said once."""
    node = start()
    becomes(node, "absent")
    assert node.get("/device.json.pgp")[0] in (200, 404)
    daemon = make_daemon(adapters=())
    becomes(node, "no-adapter", 40)
    daemon.add_adapter(powered=False)
    becomes(node, "off")
    daemon.set_power(False, blocked=True)
    becomes(node, "blocked")
    daemon.set_power(False)
    becomes(node, "off")
    daemon.set_power(True)
    becomes(node, "advertising")
    assert [re.search("state=(\\S+)", line)[1] for line in lines(node)] == ["absent", "no-adapter", "off", "blocked", "off", "advertising"]


def test_whatever_happens_to_the_daemon_and_the_adapter(bus, make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")

    def is_back(count):
        wait_until(lambda: about(node)["advertisements"] == count and about(node)["state"] == "advertising", f"advertisement {count}", 40)
        assert daemon.advertisement and Stream(Central(daemon, 1).subscribe()).open().get(path(node))[0] == 200
    is_back(1)
    daemon.set_power(False)
    becomes(node, "off")
    daemon.set_power(True)
    is_back(2)
    daemon.remove_adapter()
    becomes(node, "no-adapter")
    daemon.add_adapter()
    is_back(3)
    # Unplugged and back before anybody looks.
    daemon.remove_adapter()
    daemon.add_adapter()
    is_back(4)
    daemon.end()
    becomes(node, "absent")
    daemon.begin()
    is_back(5)
    daemon.release()
    wait_until(lambda: about(node)["advertisements"] == 6, "advertising again", 40)
    daemon.end()
    bus.end()
    becomes(node, "absent")
    bus.begin()
    daemon.begin()
    is_back(7)
    assert node.stop() == 0


def test_an_adapter_whose_managers_come_later(make_daemon, start):
    daemon = make_daemon()
    daemon.managers = False
    node = start()
    becomes(node, "refused")
    daemon.add_managers()
    becomes(node, "advertising")


HANDLE = 0x7600  # docs/bluetooth.md, 1.1


def test_handles_that_somebody_has_are_given_up(make_daemon, start):
    """BlueZ says Failed then. What it gives in their place is asked for at once, and only once; with the next adapter it is as before."""
    daemon = make_daemon()
    daemon.errors = ["org.bluez.Error.Failed"]
    node = start()
    becomes(node, "advertising")
    assert daemon.handles == [HANDLE, 0] and len(lines(node)) == 1
    daemon.remove_adapter()
    becomes(node, "no-adapter")
    daemon.errors = ["org.bluez.Error.Failed"] * 2
    daemon.add_adapter()
    becomes(node, "refused")
    assert daemon.handles == [HANDLE, 0, HANDLE, 0]


@pytest.mark.parametrize("error", ["org.bluez.Error.InvalidArguments", "org.bluez.Error.NotReady", "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.UnknownObject",
                                   "org.bluez.Error.FailedOtherwise"])
def test_no_other_failure_moves_the_handles(make_daemon, start, error):
    """Phones remember where the table is."""
    daemon = make_daemon()
    daemon.errors = [error]
    node = start()
    becomes(node, "refused")
    daemon.add_managers()  # something is new: it asks again
    becomes(node, "advertising")
    assert daemon.handles == [HANDLE, HANDLE]


def test_what_the_controller_cannot_is_left_out(make_daemon, start):
    daemon = make_daemon(refuses=["TxPower"])
    node = start(transmitPower=4, interval=100)
    becomes(node, "advertising")
    assert "TxPower" not in daemon.advertisement and daemon.advertisement["MinInterval"] == 100
    assert len(lines(node, "event=bluetooth-settings-refused")) == 1


def test_the_adapter_that_is_meant(make_daemon, start):
    daemon = make_daemon(adapters=("hci10", "hci2", "hci0"))
    node = start(adapter="hci2")
    becomes(node, "advertising")
    assert "adapter=hci2" in lines(node)[0]
    daemon.remove_adapter("/org/bluez/hci2")
    becomes(node, "no-adapter")


def test_the_lowest_adapter_is_taken(make_daemon, start):
    make_daemon(adapters=("hci10", "hci2"))
    node = start()
    becomes(node, "advertising")
    assert "adapter=hci2" in lines(node)[0]


def test_a_lower_adapter_that_comes_later(make_daemon, start):
    """The node stays with the one that it is registered with, whatever is heard of it, and takes the other one when that is gone."""
    daemon = make_daemon(adapters=("hci1",))
    node = start()
    becomes(node, "advertising")
    daemon.add_adapter("/org/bluez/hci0")
    asked = len(daemon.asked)
    daemon.add_managers("/org/bluez/hci1")  # more is heard of the one that is used: the node looks again
    wait_until(lambda: len(daemon.asked) > asked, "the look")
    assert daemon.advertises == "/org/bluez/hci1" and about(node)["advertisements"] == 1
    daemon.remove_adapter("/org/bluez/hci1")
    wait_until(lambda: about(node)["advertisements"] == 2 and about(node)["state"] == "advertising", "the other adapter", 20)
    assert daemon.advertises == "/org/bluez/hci0" and Stream(Central(daemon, 1).subscribe()).open().get(path(node))[0] == 200


def test_switching_on(make_daemon, start):
    daemon = make_daemon(powered=False)
    node = start(switchOn=True)
    becomes(node, "advertising")
    # Who switches it off afterwards means it.
    daemon.set_power(False)
    becomes(node, "off")
    # The bus keeps the order: who is asked to look again, and does, has sent before whatever it was about to.
    asked = len(daemon.asked)
    daemon.add_managers()
    wait_until(lambda: len(daemon.asked) > asked, "the look")
    assert about(node)["state"] == "off" and daemon.switched_on == 1


def test_not_wanted(make_daemon, start):
    daemon = make_daemon()
    node = start(enabled=False)
    assert "bluetooth" not in node.status() and daemon.registrations == []
    node.stop()
    node.write_board(sensors=[], actuators=[])
    node.start("--no-mdns", "--no-bluetooth")
    assert "bluetooth" not in node.status()


def test_idle_advertising_costs_no_wake_up(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    for number in range(50):
        daemon.see_device(number)  # somebody scans
    before, seconds = node.status()["wakeUps"], 3
    time.sleep(seconds)  # the time is what is tested: nothing happens in it
    woken = node.status()["wakeUps"] - before
    print(json.dumps({"measurement": "wake-ups while it advertises", "value": woken, "unit": f"in {seconds} s", "limit": 2, "how": "maud status; the question itself wakes it up to twice"}))
    assert woken <= 2, "besides those of the two questions"
