"""A node beside a bluetoothd that is none (bluez.py), on a bus of the test's own: what the tests of either need."""
import socket
import subprocess

import pytest

from bluez import Daemon
from harness import wait_until
from test_discovery import BUS


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
    def start(*arguments, actuators=(), **board):
        node = make_node().init()
        node.write_board(sensors=[], actuators=list(actuators), bluetooth=board)
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
