"""Several centrals at once, and those that leave, stall and lie (BlueZ 5.82)."""
import asyncio

import pytest

from bumble import hci
from stream import CREDIT, DATA, StreamError, fragment
from waiting import until


async def fetch_all(world, node, exchange):
    status, _, body = await exchange.get(node.path("large.bin.pgp"))
    assert status == 200 and body == world.content.file("large.bin.pgp")
    return exchange.carrier.counts


async def test_clients_at_once_get_their_own(world, node):
    exchanges = [await world.exchange(certificate=world.content.certificate if number == 1 else None) for number in range(4)]
    for turn in range(2):
        found = await asyncio.gather(*(exchange.get(node.path("private.json.pgp")) for exchange in exchanges))
        assert [status for status, _, _ in found] == [404, 200, 404, 404]
        found = await asyncio.gather(*(exchange.get(node.path("large.bin.pgp" if turn else "small.json.pgp")) for exchange in exchanges))
        assert len({body for _, _, body in found}) == 1


async def leaves(client, exchange, node):
    await client.disconnect()


async def vanishes(client, exchange, node):
    """Out of range, in the middle of a download: the link layer notices only after its time-out."""
    radio = client.central.radio
    await exchange.carrier.send(f"GET {node.path('large.bin.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    before = radio.air.unheard
    radio.air.controllers.discard(client.central.controller)
    await until(lambda: radio.air.unheard > before, "something being sent to nobody")
    guest = radio.controllers[0]
    for connection in list(guest.le_connections.values()):
        if connection.peer_address == client.central.device.random_address:
            guest.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)


async def stalls(client, exchange, node):
    """Asks for much and takes nothing."""
    client.carrier = lambda direction, octets: [octets] if direction == "in" else []
    await exchange.carrier.send(f"GET {node.path('large.bin.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


async def lies(client, exchange, node):
    """Acknowledges what was never sent, and sends beyond every credit."""
    stream = exchange.carrier
    for number in range(40):
        client.write(fragment(DATA, CREDIT, stream.sender.number + number * 3, stream.receiver.expected + 100 + number, b"x" * 20))


async def unsubscribes(client, exchange, node):
    await client.unsubscribe()


@pytest.mark.parametrize("behave", [leaves, vanishes, stalls, lies, unsubscribes])
async def test_one_that_misbehaves_disturbs_nobody(world, node, behave):
    bad = await world.client()
    bad_exchange = await world.exchange(bad)
    assert (await bad_exchange.get(node.path("small.json.pgp")))[0] == 200
    good = [await world.exchange() for _ in range(2)]
    downloads = [asyncio.ensure_future(fetch_all(world, node, exchange)) for exchange in good]
    await behave(bad, bad_exchange, node)
    for counts in await asyncio.gather(*downloads):
        assert counts["gaps"] == 0
    newcomer = await world.exchange()
    assert (await newcomer.get(node.path("small.json.pgp")))[0] == 200


async def test_more_streams_than_places_are_told_so(world, node):
    """16, and four who hear reason 5 (7.4); who has a stream keeps it."""
    exchanges, refused = [], []
    for _ in range(20):
        try:
            exchange = await world.exchange()
            assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
            exchanges.append(exchange)
        except StreamError as error:
            assert error.told
            refused.append(error.reason)
    assert len(exchanges) == 16 and refused == [5] * 4
    for exchange in exchanges:
        assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
    await world.radio.clear()
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200


@pytest.mark.seconds(180)
async def test_a_flood_of_connections_leaves_nothing_behind(world, node):
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
    await world.radio.clear()
    before = await node.memory()
    for turn in range(30):
        central = await world.radio.central()
        client = await central.connect(seconds=20)
        if turn % 3:
            await client.subscribe()
        if turn % 3 == 2:
            await client.open()
        await central.leave()
        world.radio.centrals.remove(central)
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
    await world.radio.clear()
    assert await node.memory() - before <= 64 * 1024
