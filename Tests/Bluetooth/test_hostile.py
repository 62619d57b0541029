"""Garbage, oversized, replayed, half-open and unread streams: closed with a reason, in bounded memory (docs/bluetooth.md, 2 to 4)."""
import asyncio
import random

import pytest

from stream import ACKNOWLEDGEMENT, CLOSE, CREDIT, DATA, GAP, OPEN, QUESTION, StreamError, fragment


class Raw:
    """A subscribed client that writes fragments by hand and sees those of the node."""

    def __init__(self, client):
        self.client, self.heard = client, asyncio.Queue()

    @classmethod
    async def make(cls, world, **options):
        raw = cls(await world.client(**options))
        await raw.client.peer.subscribe(raw.client.out, lambda value: raw.heard.put_nowait(bytes(value)))
        return raw

    def write(self, octets):
        self.client.write(octets)

    async def next(self, seconds=10):
        async with asyncio.timeout(seconds):
            return await self.heard.get()

    async def closed(self, seconds=10):
        """The payload of the close fragment that comes sooner or later."""
        async with asyncio.timeout(seconds):
            while True:
                octets = await self.heard.get()
                if octets[0] & 15 == CLOSE:
                    return octets[3:]

    async def hears(self, count, seconds=20):
        """Waits for so many different fragments of data."""
        numbers = set()
        async with asyncio.timeout(seconds):
            while len(numbers) < count:
                octets = await self.heard.get()
                if octets[0] & DATA:
                    numbers.add(octets[1])

    async def open(self, identifier=b"abcd", version=1, largest=495, credit=15, sequence=7):
        self.write(opening(identifier, version, largest, credit, sequence))
        while (answer := await self.next())[0] & 15 != OPEN:
            pass  # of the stream before
        assert answer[6:10] == identifier and answer[2] == sequence
        return answer


def opening(identifier=b"abcd", version=1, largest=495, credit=15, sequence=7):
    return fragment(OPEN, credit, sequence, 0, bytes([version]) + largest.to_bytes(2, "little") + identifier)


VIOLATIONS = {
    "of one octet": b"\x08",
    "of two octets": b"\x08\x07",
    "data without data": fragment(DATA, 15, 7, 0),
    "a kind between": fragment(0x9, 15, 7, 0, b"x"),
    "every bit": fragment(15, 15, 7, 0, b"x"),
    "close without a reason": fragment(CLOSE, 15, 7, 0),
    "an acknowledgement with a payload": fragment(ACKNOWLEDGEMENT, 15, 7, 0, b"x"),
    "a question with a payload": fragment(QUESTION, 15, 7, 0, b"x"),
    "a gap with a payload": fragment(GAP, 15, 7, 0, b"x"),
    "a short opening": fragment(OPEN, 15, 7, 0, b"\x01\xef\x01ab"),
    "an opening that takes 19 octets": opening(b"efgh", largest=19),
    "larger than it takes": fragment(DATA, 15, 7, 0, b"x" * 500),
    "beyond the credit": fragment(DATA, 15, 7 + 15, 0, b"x"),
}


@pytest.mark.parametrize("octets", VIOLATIONS.values(), ids=VIOLATIONS.keys())
async def test_a_violation_closes_the_stream_with_reason_2(world, node, octets):
    raw = await Raw.make(world)
    await raw.open()
    raw.write(octets)
    assert await raw.closed() == b"\x02"
    raw.client.stream = None
    await raw.open(b"next")  # and another may be opened


async def test_what_belongs_to_no_stream_hears_reason_1_once_a_second(world, node):
    raw = await Raw.make(world)
    for number in range(30):
        raw.write(fragment(DATA, 15, number, 0, b"x"))
    assert await raw.closed() == b"\x01"
    with pytest.raises(TimeoutError):
        await raw.next(0.5)


async def test_another_version_hears_which_one_is_spoken(world, node):
    raw = await Raw.make(world)
    raw.write(opening(version=2))
    assert await raw.closed() == b"\x03\x01"


async def test_replayed_fragments_are_taken_once(world, node):
    raw = await Raw.make(world)
    await raw.open(sequence=250)
    request = f"GET {node.path('small.json.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    half = len(request) // 2
    parts = [fragment(DATA, 15, 250, 0, request[:half]), fragment(DATA, 15, 251, 0, request[half:])]
    for octets in (parts[0], parts[0], parts[1], parts[0], parts[1], parts[1]):
        raw.write(octets)
    found, seen = b"", set()
    while len(found) < 550 or found.count(b"\r\n\r\n") < 1:
        octets = await raw.next()
        if octets[0] & DATA and octets[1] not in seen:
            seen.add(octets[1])
            found += octets[3:]
    raw.write(fragment(ACKNOWLEDGEMENT, 15, 252, octets[1] + 1))
    assert found.startswith(b"HTTP/1.1 200") and found.count(b"HTTP/1.1") == 1, "one request was answered once"


async def test_garbage_for_a_while_harms_nobody(world, node):
    good = await world.exchange()
    raw = await Raw.make(world)
    noise = random.Random(5)
    before = await node.memory()
    for turn in range(300):
        if turn % 10 == 0:
            raw.write(opening(noise.randbytes(4)))
        raw.write(noise.randbytes(noise.randrange(1, 512)))
        if turn % 8 == 0:
            await raw.client.connection.drain()
    assert (await good.get(node.path("small.json.pgp")))[0] == 200
    status, _, body = await good.get(node.path("large.bin.pgp"))
    assert status == 200 and body == world.content.file("large.bin.pgp")
    await raw.client.disconnect()
    assert await node.memory() - before <= 64 * 1024


async def test_garbage_inside_a_stream_is_a_bad_request(world, node):
    client = await world.client()
    await client.subscribe()
    stream = await client.open()
    await stream.send(b"\x00\x01\x02 not HTTP\r\n\r\n", end=True)
    assert (await stream.receive()).startswith(b"HTTP/1.1 400")


async def test_a_client_that_subscribes_and_never_reads_costs_little(world, node):
    """Its credit is used up, and no more is prepared for it; the node's memory stays where it was."""
    before = None
    for _ in range(3):
        raw = await Raw.make(world)
        await raw.open(credit=CREDIT)
        request = b"".join(f"GET {node.path('large.bin.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for _ in range(3))
        raw.write(fragment(DATA, 15, 7, 0, request[:400]))
        if before is None:
            await raw.next()
            before = await node.memory()
        await raw.hears(CREDIT)
    assert await node.memory() - before <= 96 * 1024
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200


@pytest.mark.seconds(150)
async def test_half_open_streams_end_within_their_time(world, node):
    """One that answers nothing (3.8) hears reason 4 if it hears at all; one whose request never ends is answered 408."""
    silent = await Raw.make(world)
    await silent.open()
    silent.write(fragment(DATA, 15, 7, 0, f"GET {node.path('large.bin.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode()))
    client = await world.client()
    await client.subscribe()
    stream = await client.open()
    await stream.send(b"GET /p2p/")
    assert (await asyncio.wait_for(stream.receive(), 20)).startswith(b"HTTP/1.1 408")
    assert await silent.closed(60) == b"\x04"


async def test_writes_with_response_are_taken_too(world, node):
    raw = await Raw.make(world)
    await raw.client.peer.write_value(raw.client.into, opening(), with_response=True)
    answer = await raw.next()
    assert answer[0] & 15 == OPEN and answer[6:10] == b"abcd"


async def test_a_new_identifier_replaces_the_stream_without_a_word(world, node):
    raw = await Raw.make(world)
    await raw.open()
    raw.write(fragment(DATA, 15, 7, 0, b"GET /p2p"))
    await raw.open(b"efgh", sequence=100)
    raw.write(fragment(DATA, 15, 100, 0, f"GET {node.path('small.json.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode()))
    while not (octets := await raw.next())[0] & DATA:
        pass
    assert octets[3:].startswith(b"HTTP/1.1 200"), "half a request of the old stream was not kept"


async def test_the_node_says_that_it_stops(world, node):
    client = await world.client()
    exchange = await world.exchange(client)
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
    await node.stop()
    with pytest.raises(StreamError) as failure:
        async with asyncio.timeout(10):
            await exchange.get(node.path("small.json.pgp"))
    assert failure.value.told and failure.value.reason == 6
