"""A client of docs/bluetooth.md, written from that page alone, on Bumble's host stack: scanning, Node, the stream over GATT, the channel."""
import asyncio
import dataclasses

from bumble.att import ATT_Write_Command
from bumble.core import UUID
from bumble.device import Peer
from bumble.l2cap import LeCreditBasedChannelSpec

from stream import Stream, StreamError

SERVICE, NODE, IN, OUT = (UUID(f"76ae07{number:02x}-376d-4c1e-9f25-6e6c6655c3bc") for number in range(0x28, 0x2C))


@dataclasses.dataclass
class NodeValue:
    """(1.3)"""
    version: int
    flags: int
    fingerprint: str
    largest: int
    window: int
    psm: int

    @classmethod
    def parse(cls, value):
        assert len(value) >= 27, f"Node has {len(value)} octets"
        return cls(value[0], value[1], value[2:22].hex(), int.from_bytes(value[22:24], "little"), value[24], int.from_bytes(value[25:27], "little"))


class Client:
    """A connection to a node: what its GATT service is, and one stream at a time."""

    def __init__(self, central, connection):
        self.central, self.connection = central, connection
        self.peer = Peer(connection)
        self.node = self.stream = None
        self.mtu = 23
        # For tests: called with "in" or "out" and each fragment; returns the list of fragments to pass on in its place.
        self.carrier = lambda direction, octets: [octets]

    async def discover(self, mtu=517):
        if mtu > 23:
            self.mtu = await self.peer.request_mtu(mtu)
        (service,) = await self.peer.discover_service(SERVICE)
        await service.discover_characteristics()
        self.node_value, self.into, self.out = (service.get_characteristics_by_uuid(uuid)[0] for uuid in (NODE, IN, OUT))
        await self.read_node()
        return self

    async def read_node(self):
        self.node = NodeValue.parse(bytes(await self.peer.read_value(self.node_value)))
        return self.node

    async def subscribe(self):
        await self.peer.subscribe(self.out, self.notified)
        return self

    async def unsubscribe(self):
        await self.peer.unsubscribe(self.out, self.notified)

    def notified(self, value):
        if self.stream:
            for octets in self.carrier("out", bytes(value)):
                self.stream.received(octets)

    def write(self, octets):
        for one in self.carrier("in", octets):
            self.peer.gatt_client.send_gatt_pdu(bytes(ATT_Write_Command(attribute_handle=self.into.handle, attribute_value=one)))

    async def open(self):
        """A new stream; the client is subscribed."""
        self.stream = Stream(self.write, self.mtu, self.node.largest)
        return await self.stream.open()

    async def channel(self, **options):
        """The stream without fragments (6)."""
        options = {"mtu": 2048, "mps": 1024, "max_credits": 64, **options}
        channel = await self.central.device.create_l2cap_channel(self.connection, LeCreditBasedChannelSpec(psm=self.node.psm, **options))
        return Channel(channel)

    async def disconnect(self):
        await self.connection.disconnect()


class Channel:
    """An LE credit-based channel as a carrier of octets."""

    def __init__(self, channel):
        self.channel, self.parts = channel, asyncio.Queue()
        self.ended = False
        channel.sink = self.parts.put_nowait
        channel.on("close", lambda: self.parts.put_nowait(b""))

    async def send(self, data):
        size = self.channel.peer_mtu
        for start in range(0, len(data), size):
            self.channel.write(data[start:start + size])
        await self.channel.drain()

    async def receive(self):
        if self.ended:
            return b""
        data = bytes(await self.parts.get())
        self.ended = not data
        return data

    def close(self):
        asyncio.ensure_future(self.channel.disconnect())


__all__ = ["Client", "Channel", "NodeValue", "SERVICE", "NODE", "IN", "OUT", "StreamError"]
