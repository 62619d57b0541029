"""The node's side of BlueZ on a bus of the test's own, with a daemon that does what BlueZ 5.82 or 5.66 does on the bus (bluez.py), and nothing more: the real
one, with the real kernel, is in Tests/Bluetooth."""
import re
import shutil
import socket
import subprocess
import time

import pytest

from bluez import IN, NODE, OUT, SERVICE, Central, Daemon, Refused
from gatt import BEGIN, Closed, Stream
from harness import wait_until
from test_discovery import BUS

pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")


class Bus:
    def __init__(self, directory):
        self.path = directory / "bus"
        self.configuration = directory / "bus.conf"
        self.configuration.write_text(BUS.format(path=self.path))
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.path}"}
        self.process = None

    @property
    def address(self):
        return self.environment["DBUS_SYSTEM_BUS_ADDRESS"]

    def begin(self):
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.configuration}", "--nofork"], stderr=subprocess.DEVNULL)
        wait_until(self.answers, "the bus")
        return self

    def answers(self):
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.path)) == 0

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process = None
        self.path.unlink(missing_ok=True)


@pytest.fixture
def bus(tmp_path):
    bus = Bus(tmp_path)
    yield bus
    if bus.process:
        bus.end()


@pytest.fixture
def make_daemon(bus):
    daemons = []

    def make(version="5.82", **options):
        if not bus.process:
            bus.begin()
        daemons.append(Daemon(bus.address, version, **options))
        return daemons[-1]
    yield make
    for daemon in daemons:
        daemon.close()


@pytest.fixture
def start(make_node, bus):
    def start(*arguments, **board):
        node = make_node().init()
        node.write_board(sensors=[], actuators=[], bluetooth=board)
        return node.start("--no-mdns", *arguments, environment=bus.environment)
    return start


def about(node):
    return node.status()["bluetooth"]


def lines(node, pattern="event=bluetooth "):
    return [line for line in node.log_text().splitlines() if pattern in line]


def becomes(node, state, patience=30):
    """The state is reached, and said."""
    wait_until(lambda: about(node)["state"] == state and lines(node) and f"state={state}" in lines(node)[-1], f"the state {state}", patience)


def path(node, name="device.json.pgp"):
    return f"/p2p/{node.fingerprint}/{name}"


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


@pytest.mark.parametrize("mtu", [23, 185, 247, 517])
def test_files_by_gatt(make_daemon, start, mtu):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    stream = Stream(Central(daemon, 1, mtu).subscribe()).open()
    assert stream.get(path(node)) == (200, node.fetch("device.json.pgp"))
    assert stream.get(path(node, "nothing"))[0] == 404
    assert about(node)["streams"] == 1
    stream.central.disconnect()
    wait_until(lambda: about(node)["clients"] == 0, "the client's end")


def test_two_clients_at_once_and_one_that_leaves(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    one, two = (Stream(Central(daemon, number).subscribe()).open() for number in (1, 2))
    one.send(b"GET /p2p")
    assert two.get(path(node))[0] == 200
    two.central.disconnect()
    one.send(b"/x HTTP/1.1\r\nHost: a\r\n\r\n")
    while b"404" not in one.received:
        one.take()
    assert about(node)["disputed"] == 0


def test_writes_that_come_as_messages(make_daemon, start):
    """Of a client that BlueZ could get no descriptor for."""
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    central = Central(daemon, 1).subscribe()
    central.write = central.write_value
    assert Stream(central).open().get(path(node))[0] == 200
    stranger = Central(daemon, 2)
    with pytest.raises(Refused):
        stranger.write_value(b"abc")
    with pytest.raises(Refused):
        stranger.write(b"abc")


def test_shared_descriptors_serve_one_stream_at_a_time(make_daemon, start):
    """BlueZ 5.66: the second central's subscription is not told to the node, and both write to the same descriptor."""
    daemon = make_daemon("5.66")
    node = start()
    becomes(node, "advertising")
    first = Stream(Central(daemon, 1).subscribe()).open()
    assert first.get(path(node))[0] == 200
    second = Stream(Central(daemon, 2).subscribe())
    with pytest.raises(Closed) as told:
        second.open()
    assert told.value.reason == 7
    assert about(node)["disputed"] == 1 and about(node)["streams"] == 0
    assert len(lines(node, "event=bluetooth-shared")) == 1
    # Whoever comes next, and nobody else, is served.
    assert Stream(second.central).open().get(path(node))[0] == 200
    # One after another nobody is disturbed: the first leaves, the second, then a third comes.
    for stream in (first, second):
        stream.central.disconnect()
    wait_until(lambda: about(node)["clients"] == 0, "the clients' end")
    assert Stream(Central(daemon, 3).subscribe()).open().get(path(node))[0] == 200
    assert about(node)["disputed"] == 1


def test_a_new_stream_of_the_same_client(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    central = Central(daemon, 1).subscribe()
    Stream(central).open().send(b"GET /half")
    assert Stream(central).open().get(path(node))[0] == 200
    central.unsubscribe()
    wait_until(lambda: about(node)["clients"] == 0, "the client's end")
    assert Stream(central.subscribe()).open().get(path(node))[0] == 200


def test_the_seventeenth_client(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    streams = [Stream(Central(daemon, number).subscribe()).open() for number in range(16)]
    late = Stream(Central(daemon, 16).subscribe())
    with pytest.raises(Closed) as told:
        late.open()
    assert told.value.reason == 5 and about(node)["refused"] == 1
    for number in range(17, 20):
        Central(daemon, number).subscribe()
    with pytest.raises(Refused):
        Central(daemon, 20).subscribe()
    assert about(node)["clients"] == 20 and about(node)["streams"] == 16
    assert streams[15].get(path(node))[0] == 200
    streams[3].central.disconnect()
    wait_until(lambda: about(node)["clients"] == 19, "the client's end")
    assert Stream(late.central).open().get(path(node))[0] == 200


def test_clients_without_a_stream_make_room(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    idle = [Central(daemon, number).subscribe() for number in range(16)]
    assert Stream(Central(daemon, 16).subscribe()).open().get(path(node))[0] == 200
    assert about(node)["evicted"] == 1 and about(node)["clients"] == 16
    assert idle[0].receive() is None


def test_garbage(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    good = Stream(Central(daemon, 1).subscribe()).open()
    bad = Central(daemon, 2).subscribe()
    for octets in (b"\x01", b"\xff" * 3, bytes(100), bytes(244), b"\x06\0\0", b"\x01\0\0" + bytes([9, 0, 0, 1, 2, 3, 4]), bytes(600)):
        bad.write(octets)
    # What they were answered with, then the word for one that belongs to no stream.
    time.sleep(1.1)
    bad.write(b"\x02\0\0")
    while bad.receive() != b"\x04\0\0\x01":
        pass
    # A stream that is violated ends for that reason.
    broken = Stream(bad).open()
    bad.write(b"\xff" * 20)
    with pytest.raises(Closed) as told:
        broken.get(path(node))
    assert told.value.reason == 2
    assert good.get(path(node))[0] == 200


def test_a_client_that_never_reads_and_one_that_floods(make_daemon, start):
    daemon = make_daemon()
    node = start()
    becomes(node, "advertising")
    good = Stream(Central(daemon, 1).subscribe()).open()
    deaf = Stream(Central(daemon, 2).subscribe()).open()
    before = node.status()["memory"]["privateDirtyKiB"]
    for _ in range(2000):
        deaf.emit(2)  # a question, which the node answers each time
        deaf.emit(BEGIN, bytes([1, 244, 0]) + deaf.identifier)
    assert good.get(path(node))[0] == 200
    assert node.status()["memory"]["privateDirtyKiB"] - before < 200
    assert node.stop() == 0


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


def test_switching_on(make_daemon, start):
    daemon = make_daemon(powered=False)
    node = start(switchOn=True)
    becomes(node, "advertising")
    # Who switches it off afterwards means it.
    daemon.set_power(False)
    becomes(node, "off")
    time.sleep(0.3)
    assert about(node)["state"] == "off"


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
    before = node.status()["wakeUps"]
    time.sleep(3)
    assert node.status()["wakeUps"] - before <= 2, "besides those of the two questions"
