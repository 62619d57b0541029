"""`mau` by Bluetooth with a real node, without a radio: the node is registered with one daemon that is none (bluez.py), `mau` asks another on a bus of its own
(central.py), and between them are descriptors. The real daemon and the real kernel are in Tests/Bluetooth."""
import json
import shutil
import signal
import subprocess
import time

import pytest

from bluez import Daemon
from central import CentralDaemon
from companion import MAU
from harness import wait_until
from test_bluetooth import Bus
from test_discovery import BUS

pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")
DENYING = BUS.replace("</policy>", '<deny send_destination="org.bluez"/></policy>')


def make_bus(directory):
    directory.mkdir()
    return Bus(directory).begin()


class Air:
    """Nodes with daemons of their own, and a person's daemon that hears them."""

    def __init__(self, directory, make_node, make_person):
        self.directory, self.make_node = directory, make_node
        self.nodes, self.daemons, self.buses = {}, {}, []
        self.bus = self.new_bus("pc")
        self.ada, self.pc = make_person(), None

    def new_bus(self, name):
        self.buses.append(make_bus(self.directory / f"bus-{name}"))
        return self.buses[-1]

    def add(self, name="board", version="5.82", meets=("controllers", "viewers"), **board):
        """A node that advertises."""
        number, bus = len(self.nodes) + 1, self.new_bus(name)
        self.daemons[number] = Daemon(bus.address, version)
        node = self.nodes[number] = self.make_node(name).init(name=name)
        if board:
            node.write_board(**board)
        if meets:
            self.ada.meets(node, *meets)
        node.start("--no-mdns", environment=bus.environment)
        wait_until(lambda: self.daemons[number].advertisement, "the advertisement")
        node.wait_for("^device")
        return node

    def listen(self, **options):
        """From now on the person's machine hears them."""
        self.pc = CentralDaemon(self.bus.address, self.daemons, **options)
        return self.pc

    def run(self, *words, **options):
        return self.ada.run(*words, "--bluetooth", environment=self.bus.environment, **options)

    def json(self, *words, **options):
        return json.loads(self.run(*words, "--json", **options).stdout)

    def sentence(self, code, *words, environment=None):
        return self.ada.sentence(code, *words, "--bluetooth", environment=environment or self.bus.environment)

    def close(self):
        if self.pc:
            self.pc.close()
        for daemon in self.daemons.values():
            daemon.close()
        for bus in self.buses:
            if bus.process:
                bus.end()


@pytest.fixture
def air(tmp_path, make_node, make_person):
    air = Air(tmp_path, make_node, make_person)
    yield air
    for node in air.nodes.values():
        node.close()
    air.close()


@pytest.fixture
def board(air):
    node = air.add("Greenhouse")
    air.listen()
    return node


def test_devices_says_who_is_in_range(air, board):
    stranger = air.add("stranger", meets=())
    air.pc.close()
    pc = air.listen()
    devices = {one["device"]: one for one in air.json("devices", "--wait", "1")}
    assert set(devices) == {board.fingerprint, stranger.fingerprint}
    own, other = devices[board.fingerprint], devices[stranger.fingerprint]
    assert own == {"device": board.fingerprint, "name": "Greenhouse", "isFriend": True, "isFollowed": True, "address": "00:00:5E:00:53:01", "carrier": "gatt",
                   "signalStrength": -41, "state": "proven"} | ({"isClaimable": False} if "isClaimable" in own else {})
    assert other["state"] == "proven" and not other["isFriend"] and "name" not in other and other["signalStrength"] == -42
    text = air.run("devices", "--wait", "1").stdout.decode()
    assert f"Greenhouse      {board.fingerprint}  00:00:5E:00:53:01  -41 dBm  gatt  proven" in text and text.startswith("DEVICE")
    assert pc.connected() == []


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
    assert pc.connected() == [] and "RemoveDevice" not in pc.calls


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


def test_a_connection_that_was_left_is_ended_first(air, board):
    device = air.pc.device(1)
    device.known = device.connected = True
    air.pc.goes_slowly = 0.3
    assert air.json("sync")[0]["isComplete"]
    assert air.pc.calls.index("Disconnect") < air.pc.calls.index("Connect")
    wait_until(lambda: air.pc.connected() == [], "the end of the connection")


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
    assert air.pc.connected() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_is_interrupted_disconnects(air, board, number):
    air.pc.close()
    air.listen(loss=0.97)  # a link on which nothing comes to an end
    with subprocess.Popen([MAU, "sync", "--bluetooth"], stderr=subprocess.PIPE, env={**air.ada.environment, **air.bus.environment}) as sync:
        wait_until(lambda: "AcquireWrite" in air.pc.calls, "the stream")
        sync.send_signal(number)
        assert sync.wait(20) == 75 and b"interrupted" in sync.stderr.read()
    wait_until(lambda: air.pc.connected() == [], "the end of the connection")
    assert not list(air.ada.runtime.iterdir())


def test_the_node_may_say_to_be_another_one(air, board):
    other = air.add("other", meets=())
    air.pc.close()
    # It advertises the identity of the friend: a hint that anybody can give.
    air.daemons[2].advertisement = dict(air.daemons[1].advertisement)
    air.daemons[1].advertisement = None
    air.listen()
    assert f"it says to be {other.fingerprint}" in air.json("sync", code=69)[0]["problem"]
    assert air.pc.connected() == []


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
    assert air.pc.connected() == []


def test_a_wrong_code_and_nobody(air):
    device = air.add("new", meets=())
    air.listen()
    wrong = uri(device).split("claim=")[1]
    wrong = ("1" if wrong[0] == "0" else "0") + wrong[1:]
    assert "the claim code is wrong" in air.sentence("noPermission", "claim", wrong)
    air.daemons[1].advertisement = None
    assert "no device in range of Bluetooth waits for an owner" in air.sentence("unavailable", "claim", wrong)
    assert "is not in range of Bluetooth" in air.sentence("unavailable", "claim", uri(device))
