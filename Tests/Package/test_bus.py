"""The node in its unit on the system's D-Bus, with Debian's own rules for it: BlueZ's (what bluetoothd does there is done by ../EndToEnd/bluez.py, as root) and the real
Avahi's. The real bluetoothd is in Tests/Bluetooth."""
import json

import pytest

from bluez import Central, Daemon
from gatt import Stream
from harness import wait_until


def status(board): return json.loads(board.run("maudctl", "status").stdout)


@pytest.fixture
def bluetoothd(board):
    daemon = Daemon(f"unix:path=/proc/{board.init}/root/run/dbus/system_bus_socket")
    yield daemon
    daemon.close()


def test_bluetooth(board, bluetoothd):
    """The node may call bluetoothd, and bluetoothd the node."""
    assert board.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "bluez").stdout == "installed", "with its rules for the bus"
    wait_until(lambda: status(board)["bluetooth"]["state"] == "advertising", f"the advertisement in\n{board.journal()}")
    node = board.run("maudctl", "fingerprint").stdout.strip()
    central = Central(bluetoothd, 1)
    assert central.read_node()[2:22].hex() == node
    stream = Stream(central.subscribe()).open()
    answer, body = stream.get(f"/p2p/{node}/device.json.pgp")
    assert answer == 200 and len(body) > 500
    assert "AF_BLUETOOTH" in board.run("systemctl", "show", "-P", "RestrictAddressFamilies", "maud").stdout


def test_avahi(board):
    board.run("sh", "-c", "ip link add eth0 type veth peer name eth1 && ip address add 198.51.100.7/24 dev eth0 && ip link set eth0 up multicast on && ip link set eth1 up multicast on")
    board.run("systemctl", "start", "avahi-daemon")
    node = board.run("maudctl", "fingerprint").stdout.strip()

    def found(): return board.run("avahi-browse", "-t", "-r", "-p", "-k", "_mau._tcp", check=False).stdout
    wait_until(lambda: f";{node};_mau._tcp;" in found() and ";8448;" in found(), f"the announcement in\n{board.journal()}{board.journal('avahi-daemon')}")
