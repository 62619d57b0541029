"""Nodes find each other on a network of their own: real dbus-daemon and avahi-daemon, one of each in each network namespace."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from harness import wait_until
from test_sync import about, names

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("avahi-daemon") or not shutil.which("dbus-daemon"), reason="needs root, avahi-daemon and dbus-daemon")

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*" eavesdrop="true"/></policy></busconfig>"""
AVAHI = """[server]
host-name={host}
use-ipv4=yes
use-ipv6=yes
[wide-area]
enable-wide-area=no
[publish]
disable-publishing=no
"""


class Machine:
    """A network namespace on a common bridge, with a bus and an Avahi daemon of its own."""

    def __init__(self, directory, number):
        self.name = f"maud-{os.getpid()}-{number}"
        self.directory = directory / f"machine-{number}"
        self.directory.mkdir()
        self.address = f"198.51.100.{number}"
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.directory}/bus"}
        self.processes = {}
        self.inside = ["ip", "netns", "exec", self.name]

    def run(self, *words, **options):
        return subprocess.run([*self.inside, *map(str, words)], env={**os.environ, **self.environment}, check=True, capture_output=True, **options).stdout.decode()

    def begin(self, what, *words):
        # Its own /run: Avahi's pid file has one name for the machine.
        line = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run/avahi-daemon && exec "$@"', "sh", *words] if what == "avahi" else words
        self.processes[what] = subprocess.Popen([*self.inside, *map(str, line)], env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL,
                                                stderr=open(self.directory / f"{what}.log", "ab"))

    def begin_bus(self):
        configuration = self.directory / "bus.conf"
        configuration.write_text(BUS.format(path=self.directory / "bus"))
        self.begin("bus", "dbus-daemon", f"--config-file={configuration}", "--nofork")
        wait_until(lambda: self.bus_answers(), "the bus")

    def bus_answers(self):
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.directory / "bus")) == 0

    def begin_avahi(self):
        configuration = self.directory / "avahi.conf"
        configuration.write_text(AVAHI.format(host=self.name))
        os.makedirs("/run/avahi-daemon", exist_ok=True)
        self.begin("avahi", "avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", configuration)
        wait_until(lambda: "running" in self.server_state(), "the Avahi daemon")

    def server_state(self):
        command = [*self.inside, "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.Avahi", "/", "org.freedesktop.Avahi.Server.GetState"]
        answer = subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, text=True)
        return "running" if "int32 2" in answer.stdout else answer.stdout

    def end(self, what, number=signal.SIGTERM):
        process = self.processes.pop(what)
        process.send_signal(number)
        process.wait()

    def services(self):
        """What avahi-browse sees: (name, address, port, text)."""
        found = set()
        for line in self.run("avahi-browse", "-t", "-r", "-p", "-k", "_mau._tcp").splitlines():
            fields = line.split(";")
            if fields[0] == "=":
                found.add((fields[3], fields[7], fields[8], fields[9]))
        return found


@pytest.fixture
def network(tmp_path):
    bridge = f"maud{os.getpid() % 100000}"
    machines = []

    def run(*words):
        subprocess.run(list(map(str, words)), check=True, capture_output=True)
    try:
        run("ip", "link", "add", bridge, "type", "bridge", "mcast_snooping", 0)
    except subprocess.CalledProcessError:
        pytest.skip("needs the right to make network devices")
    run("ip", "link", "set", bridge, "up")

    def connect(machine, number):
        ends = f"mh{number}-{os.getpid() % 10000}", f"mg{number}-{os.getpid() % 10000}"
        run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        run("ip", "link", "set", ends[0], "master", bridge, "up")
        run("ip", "link", "set", ends[1], "netns", machine.name, "name", "eth0")
        machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "eth0")
        machine.run("ip", "link", "set", "eth0", "up", "multicast", "on")

    def make():
        number = len(machines) + 1
        machine = Machine(tmp_path, number)
        run("ip", "netns", "add", machine.name)
        machines.append(machine)
        machine.run("ip", "link", "set", "lo", "up")
        connect(machine, number)
        machine.connect = lambda: connect(machine, number)
        machine.begin_bus()
        machine.begin_avahi()
        return machine
    yield make
    for machine in machines:
        for what in list(machine.processes):
            machine.end(what, signal.SIGKILL)
        run("ip", "netns", "del", machine.name)
    run("ip", "link", "del", bridge)


def start(node, machine, *arguments):
    """The node on a machine of the network."""
    return node.start(*arguments, https="[::]:0", wrapper=machine.inside, environment=machine.environment)


def discovery(node):
    return node.status()["discovery"]


def port(node):
    return node.status()["listeners"]["https"].rsplit(":", 1)[1]


def befriend(node, other):
    key = other.directory / "key.pgp"
    key.write_bytes(other.public_key())
    node.command("friend add", key)
    node.command("friend follow", other.fingerprint)


def test_two_nodes_find_each_other_and_whatever_happens_to_the_daemon(network, make_node):
    one, two = network(), network()
    source, sink = make_node("source").init(), make_node("sink").init()
    befriend(sink, source)
    start(source, one)
    start(sink, two)
    wait_until(lambda: about(sink, source).get("visits"), "the first visit", 60)
    assert "device.json.pgp" in names(sink.root / source.fingerprint)
    # As a program that is not ours sees it.
    seen = {entry for entry in two.services() if entry[0] == source.fingerprint}
    assert ("198.51.100.1", port(source)) in {(entry[1], entry[2]) for entry in seen}
    assert all("txtvers=1" in entry[3] for entry in seen), "the Go implementation needs a TXT record"
    # The friend's daemon goes and comes back: announced again.
    one.end("avahi")
    wait_until(lambda: discovery(source)["state"] == "absent", "noticing that the daemon is gone")
    one.begin_avahi()
    wait_until(lambda: discovery(source)["state"] == "announced", "announcing again")
    # Ours too: the friend is found again.
    found = discovery(sink)["found"]
    two.end("avahi", signal.SIGKILL)
    wait_until(lambda: discovery(sink)["state"] == "absent", "noticing that the daemon is gone")
    two.begin_avahi()
    wait_until(lambda: discovery(sink)["found"] > found, "finding the friend again", 60)
    # The whole bus: it takes a pause of 10 seconds.
    two.end("avahi")
    two.end("bus")
    wait_until(lambda: discovery(sink)["state"] == "absent", "noticing that the bus is gone")
    (two.directory / "bus").unlink(missing_ok=True)
    two.begin_bus()
    two.begin_avahi()
    wait_until(lambda: discovery(sink)["state"] == "announced", "announcing on the new bus", 90)
    for node in (source, sink):
        assert node.stop() == 0


def test_an_interface_that_goes_and_comes(network, make_node):
    one, two = network(), network()
    source, sink = make_node("source").init(), make_node("sink").init()
    befriend(sink, source)
    start(sink, two)
    one.run("ip", "link", "del", "eth0")
    start(source, one)
    one.connect()
    wait_until(lambda: about(sink, source).get("visits"), "the visit", 90)


def test_a_friend_with_another_address_is_found_again(network, make_node):
    """The service stays as it was, and nobody says anything of it: only its machine's address is another."""
    one, two = network(), network()
    for machine in (one, two):
        machine.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    source, sink = make_node("source").init(), make_node("sink").init()
    befriend(sink, source)
    one.begin("publish", "avahi-publish", "-s", source.fingerprint, "_mau._tcp", "4433", "txtvers=1")
    start(sink, two)
    wait_until(lambda: about(sink, source).get("failedVisits"), "a visit while nobody serves", 60)
    one.run("ip", "address", "del", f"{one.address}/24", "dev", "eth0")
    one.run("ip", "address", "add", "198.51.100.77/24", "dev", "eth0")
    source.start("--no-mdns", https="[::]:4433", wrapper=one.inside, environment=one.environment)
    wait_until(lambda: about(sink, source).get("visits"), "the visit", 100)
    assert about(sink, source)["lastAddress"] == "198.51.100.77:4433" and about(sink, source)["addresses"] == 1


def test_a_friend_announced_in_capitals_is_found(network, make_node, gnupg):
    """Announced by avahi-publish, served by a node that says nothing."""
    one, two = network(), network()
    source, sink = make_node("source").init(), make_node("sink").init()
    befriend(sink, source)
    start(source, one, "--no-mdns")
    start(sink, two)
    assert "discovery" not in source.status()
    one.begin("publish", "avahi-publish", "-s", source.fingerprint.upper(), "_mau._tcp", port(source), "txtvers=1")
    wait_until(lambda: about(sink, source).get("visits"), "the visit", 60)


GO_SERVER = """
# The Go implementation's announcement: unicast answers only, and a host name outside of .local.
import socket, struct, sys
name, address, port = sys.argv[1] + "._mau._tcp.local", socket.inet_aton(sys.argv[2]), int(sys.argv[3])
def labels(text): return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + bytes(1)
def record(owner, kind, data): return labels(owner) + struct.pack(">HHIH", kind, 1, 120, len(data)) + data
records = [record("_mau._tcp.local", 12, labels(name)), record(name, 33, struct.pack(">HHH", 10, 1, port) + labels("gopeer")), record("gopeer", 1, address),
           record(name, 16, bytes([3]) + b"mau")]
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("224.0.0.251", 5353))
listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + address)
while True:
    query, peer = listener.recvfrom(9000)
    if not query[2] & 0x80 and labels("_mau._tcp.local") in query:
        listener.sendto(query[:2] + struct.pack(">HHHHH", 0x8400, 0, len(records), 0, 0) + b"".join(records), peer)
"""
GO_CLIENT = """
# The Go implementation's question, from a port of its own; one second for all answers.
import socket, struct, sys
def labels(text): return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + bytes(1)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind((sys.argv[1], 0))
client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
client.settimeout(1)
client.sendto(struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + labels("_mau._tcp.local") + struct.pack(">HH", 12, 1), ("224.0.0.251", 5353))
try:
    while True: print(client.recv(9000).hex())
except TimeoutError: pass
"""


def records(packet):
    """(type, data) of every record behind the questions of a DNS message; owners are passed over."""
    def skip(position):
        while packet[position] and packet[position] < 0xC0:
            position += 1 + packet[position]
        return position + (2 if packet[position] else 1)
    questions, *counts = (int.from_bytes(packet[start:start + 2], "big") for start in (4, 6, 8, 10))
    position = 12
    for _ in range(questions):
        position = skip(position) + 4
    for _ in range(sum(counts)):
        position = skip(position)
        length = int.from_bytes(packet[position + 8:position + 10], "big")
        yield int.from_bytes(packet[position:position + 2], "big"), packet[position + 10:position + 10 + length]
        position += 10 + length


def test_a_go_peers_announcement_is_understood(network, make_node):
    one, two = network(), network()
    source, sink = make_node("source").init(), make_node("sink").init()
    befriend(sink, source)
    start(source, one, "--no-mdns")
    one.end("avahi")
    one.begin("publish", sys.executable, "-c", GO_SERVER, source.fingerprint, one.address, port(source))
    start(sink, two)
    wait_until(lambda: about(sink, source).get("visits"), "the visit", 60)


def test_a_go_client_finds_the_node(network, make_node):
    """It wants name, port, IPv4 address and text, all within a second of its one question."""
    one, two = network(), network()
    node = start(make_node().init(), one)
    wait_until(lambda: discovery(node)["state"] == "announced", "the announcement")
    packets = [bytes.fromhex(line) for line in two.run(sys.executable, "-c", GO_CLIENT, two.address).split()]
    seen = [record for packet in packets for record in records(packet)]
    assert any(kind == 12 and data[1:41] == node.fingerprint.encode() for kind, data in seen), "PTR"
    assert any(kind == 33 and int.from_bytes(data[4:6], "big") == int(port(node)) for kind, data in seen), "SRV"
    assert (1, socket.inet_aton(one.address)) in seen and any(kind == 16 for kind, _ in seen), "A, TXT"


def test_whoever_announces_a_friends_name_gains_nothing(network, make_node):
    one, two = network(), network()
    source, sink = make_node("source").init(), make_node("sink").init()
    befriend(sink, source)
    impostor = make_node("impostor").init()
    start(impostor, one, "--no-mdns")
    start(sink, two)
    one.begin("publish", "avahi-publish", "-s", source.fingerprint, "_mau._tcp", port(impostor), "txtvers=1")
    wait_until(lambda: about(sink, source).get("failedVisits"), "the visit", 60)
    assert "another than the one" in about(sink, source)["problem"]
    assert names(sink.root / source.fingerprint) == []


def test_on_a_conflict_the_node_keeps_its_name_and_serves_on(network, make_node):
    one, two = network(), network()
    node = make_node().init()
    two.begin("publish", "avahi-publish", "-s", node.fingerprint, "_mau._tcp", "9", "txtvers=1")
    wait_until(lambda: any(entry[0] == node.fingerprint for entry in one.services()), "the other's announcement")
    start(node, one)
    wait_until(lambda: discovery(node)["conflicts"] > 0, "the conflict", 60)
    assert discovery(node)["state"] == "conflict"
    assert re.search("event=not-announced .*has this node's name", node.log_text())
    services = {entry[0] for entry in two.services()}
    assert services == {node.fingerprint}, "renamed"
    two.end("publish")
    wait_until(lambda: discovery(node)["state"] == "announced", "another attempt", 60)
    assert node.stop() == 0


def test_a_person_finds_devices_and_commands_them_by_name(network, make_node, make_person):
    one, two = network(), network()
    board, stranger = make_node("board").init(), make_node("stranger").init()
    person = make_person().meets(board, "controllers", "viewers")
    start(board, one)
    start(stranger, one)
    wait_until(lambda: {discovery(node)["state"] for node in (board, stranger)} == {"announced"}, "the announcements")

    def mau(*words, **options):
        return person.json(*words, wrapper=two.inside, environment=two.environment, **options)

    def seen():
        return {entry["device"]: entry for entry in mau("devices")}
    found = wait_until(lambda: len(all_seen := seen()) == 2 and all_seen, "both being found")
    assert found[board.fingerprint]["address"] == f"198.51.100.1:{port(board)}" and found[board.fingerprint]["state"] == "proven"
    assert not found[stranger.fingerprint]["isFriend"]
    assert mau("show", "simulator" if mau("sync")[0]["isComplete"] else "")["device"] == board.fingerprint
    assert mau("set", "LED", "on")["actionStatus"] == "CompletedActionStatus"
    assert board.status()["actuators"]["led"] == 1
    # Without the daemon nobody waits, and what was fetched is shown.
    two.end("avahi")
    assert mau("show", "simulator")["name"] == "Simulator"
