"""`mau` by Bluetooth (air.py): connections that fail, end and are left, and what is missing on the PC."""
import shutil
import signal
import subprocess

import pytest

from air import air, board  # noqa: F401
from bluez import Central
from bus import Bus
from central import CentralDaemon
from companion import MAU
from gatt import Stream
from harness import wait_until
from test_discovery import BUS

pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")
DENYING = BUS.replace("</policy>", '<deny send_destination="org.bluez"/></policy>')


# What goes wrong with the connection


def test_a_connection_is_tried_again(air, board):
    air.pc.refused_connections = 2
    assert air.json("sync")[0]["isComplete"] and air.pc.calls.count("Connect") >= 3
    air.pc.refused_connections = 99
    report, = air.json("sync", code=69)
    assert "no connection by Bluetooth could be made (le-connection-abort-by-local)" in report["problem"]


def test_an_attempt_without_end_is_given_up(air, board):
    air.pc.hanging = 1
    assert air.json("sync")[0]["isComplete"] and air.pc.calls.count("Connect") == 2


def test_a_device_without_a_place_says_so(air, board):
    others = [Stream(Central(air.daemons[1], number).subscribe()).open() for number in range(16)]
    report, = air.json("sync", code=69)
    assert "it has as many streams as it takes" in report["problem"]
    others[0].central.disconnect()
    wait_until(lambda: board.status()["bluetooth"]["clients"] == 15, "the end of one")
    assert air.json("sync")[0]["isComplete"]


def test_whom_another_client_disturbs_tries_again(air):
    """BlueZ 5.66: both streams end (docs/bluetooth.md, 7.3)."""
    board = air.add("Greenhouse", "5.66")
    air.listen()
    Stream(Central(air.daemons[1], 1).subscribe()).open()
    assert air.json("sync")[0]["isComplete"] and board.status()["bluetooth"]["disputed"] == 1


def test_a_connection_that_was_left_is_ended_first(air, board):
    device = air.pc.device(1)
    device.known = device.connected = True
    air.pc.goes_slowly = 0.3
    assert air.json("sync")[0]["isComplete"]
    assert air.pc.calls.index("Disconnect") < air.pc.calls.index("Connect")
    air.is_left()


def test_who_was_left_connected_is_heard_again(air, board):
    device = air.pc.device(1)
    device.known = device.connected = True
    air.pc.goes_slowly = 0.3
    one, = air.json("devices", "--wait", "1")
    assert (one["state"], one["signalStrength"]) == ("proven", -41)
    assert air.pc.calls.index("Disconnect") < air.pc.calls.index("StartDiscovery")


def test_what_another_program_uses_is_left_alone(air, board):
    device = air.pc.device(1)
    device.known = device.connected = device.acquired = True
    assert "another program on this computer is using it" in air.json("sync", code=69)[0]["problem"]
    assert "Disconnect" not in air.pc.calls


def test_a_table_of_another_time_is_forgotten(air, board):
    air.pc.foreign_table = 1
    assert air.json("sync")[0]["isComplete"] and air.pc.calls.count("RemoveDevice") == 1
    air.pc.foreign_table = 9
    assert "no Mau device" in air.json("sync", code=69)[0]["problem"]


def test_a_lost_connection_is_said_and_made_again(air, board):
    command = [MAU, "watch", "temperature", "--bluetooth", "--json", "--every", "0.3"]
    air.run("sync")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**air.ada.environment, **air.bus.environment}) as watch:
        assert watch.stdout.readline()
        air.pc.lose(1)
        before = air.pc.calls.count("Connect")
        for _ in range(4):
            assert watch.stdout.readline()
        assert air.pc.calls.count("Connect") > before
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 0
    air.is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_is_interrupted_disconnects(air, board, number):
    air.pc.close()
    air.listen(loss=0.97)  # a link on which nothing comes to an end
    with subprocess.Popen([MAU, "sync", "--bluetooth"], stderr=subprocess.PIPE, env={**air.ada.environment, **air.bus.environment}) as sync:
        wait_until(lambda: "AcquireWrite" in air.pc.calls, "the stream")
        sync.send_signal(number)
        assert sync.wait(20) == 75 and b"interrupted" in sync.stderr.read()
    air.is_left()
    assert not list(air.ada.runtime.iterdir())


def test_the_node_may_say_to_be_another_one(air, board):
    other = air.add("other", meets=())
    air.pc.close()
    # It advertises the identity of the friend: a hint that anybody can give.
    air.daemons[2].advertisement = dict(air.daemons[1].advertisement)
    air.daemons[1].advertisement = None
    air.listen()
    assert f"it says to be {other.fingerprint}" in air.json("sync", code=69)[0]["problem"]
    air.is_left()


@pytest.mark.parametrize("lies_in_node", [False, True])
def test_who_advertises_the_same_keeps_nobody_away(air, lies_in_node):
    air.add("liar", meets=())
    board = air.add("Greenhouse")
    # It is heard better, and says the same in the air; then in Node, too: only TLS tells.
    air.daemons[1].advertisement = dict(air.daemons[2].advertisement)
    pc = air.listen()
    if lies_in_node:
        pc.device(1).central.read_node = pc.device(2).central.read_node
    assert air.json("sync")[0]["isComplete"]
    assert air.json("set", "led", "on")["actionStatus"] == "CompletedActionStatus"
    assert board.status()["commands"]["completed"] == 1
    air.is_left()


# What is missing


def test_nobody_in_range_is_one_sentence(air, board):
    air.daemons[1].advertisement = None
    air.run("sync", code=69)
    assert "it is not in range of Bluetooth, or not on" in air.sentence("unavailable", "controllers", "Greenhouse", "remove", board.fingerprint)


@pytest.mark.parametrize("options,words", [
    ({"adapters": ()}, "no Bluetooth adapter"), ({"powered": False}, "hci0 is off (bluetoothctl power on)"),
    ({"powered": False, "blocked": True}, "hci0 is blocked (rfkill unblock bluetooth)")])
def test_an_adapter_that_is_not_there_or_not_on(air, options, words):
    air.listen(**options)
    assert words in air.sentence("unavailable", "devices")


def test_no_daemon_no_bus_no_right(air, tmp_path):
    assert "bluetoothd does not run" in air.sentence("unavailable", "devices")
    assert "the system has no D-Bus" in air.sentence("unavailable", "devices", environment={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/nothing"})
    denying = Bus(tmp_path)
    denying.configuration.write_text(DENYING.format(path=denying.path))
    denying.begin()
    daemon = CentralDaemon(denying.address, {})
    try:
        assert "you may not use Bluetooth" in air.sentence("noPermission", "devices", environment=denying.environment)
    finally:
        daemon.close()
        denying.end()


def test_the_adapter_that_is_named_is_used(air):
    air.listen(adapters=("hci0", "hci1"))
    assert "there is no adapter hci7; there is hci0, hci1" in air.sentence("unavailable", "devices", "--adapter", "hci7")
    assert air.json("devices", "--adapter", "hci1", "--wait", "0") == []


@pytest.mark.parametrize("words", [["--adapter", "hci0"], ["--no-channel"], ["--bluetooth", "--adapter", "usb"], ["--bluetooth", "--peer", "a62fd4d43e3fc83ec3bedef69c780921444be7d5=h:1"]])
def test_options_that_make_no_sense(air, words):
    air.ada.run("devices", *words, code=64)


def test_without_the_option_bluetooth_is_left_alone(air, board):
    assert air.ada.json("sync", "--no-mdns", environment=air.bus.environment, code=69)[0]["problem"].startswith("no address")
    assert air.pc.calls == []
