"""Nodes and a person's PC with Bluetooth and no radio: each node is registered with a daemon that is none (bluez.py), `mau` asks another on a bus of its own (central.py),
and between them are descriptors."""
import json

import pytest

from bluez import Daemon
from bus import Bus
from central import CentralDaemon
from harness import wait_until


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

    def is_left(self):
        """`mau` asks for the end of its connections and does not stay to see it."""
        wait_until(lambda: self.pc.connected() == [], "the end of the connections")

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
