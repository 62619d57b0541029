"""How fast, against what BlueZ reaches with nothing on top (guest/bare.c) in the same run, over a radio that takes the time of LE 1M (without that time the
emulated processor would be measured). `make bench MEASURE=bluetooth` prints the lines."""
import asyncio
import statistics
import time

import pytest
from bumble.core import UUID
from bumble.l2cap import LeCreditBasedChannelSpec

from board import start_in_background, stop
from client import Channel
from waiting import report

SERVICE, WRITTEN, NOTIFIED = (UUID(f"0ba7e00{number}-376d-4c1e-9f25-6e6c6655c3bc") for number in range(3))
PSM = 0xF3
AMOUNT = 80 * 1024
ROUNDS = 7

pytestmark = pytest.mark.measurement


@pytest.fixture
def bare(world, loop):
    loop.run(world.guest.run(": > /tmp/bare.log; " + start_in_background("bare", world.bare)), 60)
    loop.run(world.guest.wait_for("grep ready /tmp/bare.log", "the bare loop"), 60)
    world.radio.controllers[0].takes_time = True
    yield
    world.radio.controllers[0].takes_time = False
    loop.run(world.guest.run(stop("bare") + "; killall bare", check=False), 60)


async def arrival(receive, amount):
    """Octets a second from the first arrival to the last."""
    async with asyncio.timeout(60):
        first = arrived = len(await receive())
        begin = time.monotonic()
        while arrived < amount:
            arrived += len(await receive())
    return (arrived - first) / (time.monotonic() - begin)


async def bare_notifications(client):
    (service,) = await client.peer.discover_service(SERVICE)
    await service.discover_characteristics()
    written, notified = (service.get_characteristics_by_uuid(uuid)[0] for uuid in (WRITTEN, NOTIFIED))
    heard = asyncio.Queue()
    await client.peer.subscribe(notified, heard.put_nowait)

    async def once():
        await client.peer.write_value(written, AMOUNT.to_bytes(4, "little"), with_response=False)
        return await arrival(heard.get, AMOUNT)
    return once


def of_node(exchange, node):
    """A download from the first octet of the response to the last."""
    async def once():
        first = []
        receive = exchange.carrier.receive

        async def timed():
            octets = await receive()
            first.append((time.monotonic(), len(octets)))
            return octets
        exchange.carrier.receive = timed
        status, _, body = await exchange.get(node.path("large.bin.pgp"))
        exchange.carrier.receive = receive
        assert status == 200
        return (sum(length for _, length in first) - first[0][1]) / (first[-1][0] - first[0][0])
    return once


async def compare(what, ours, theirs, limit):
    """Rounds that take turns, each a ratio of two that had the same machine; their median: what else this machine does disturbs some of them, on either side."""
    rates = [(await ours(), await theirs()) for _ in range(ROUNDS)]
    ratios = [rate / bare for rate, bare in rates]
    report(what, statistics.median(ratios), "times", limit, f"{AMOUNT} octets, the median of {ROUNDS} rounds, both in turn in each, LE 1M between QEMU and Bumble", at_least=True,
           all=[round(ratio, 3) for ratio in ratios], octets_a_second=round(statistics.median(rate for rate, _ in rates)), bare=round(statistics.median(bare for _, bare in rates)))


@pytest.mark.parametrize("mtu", [247, 517])
async def test_out_reaches_80_percent_of_a_bare_notify_loop(world, node, bare, mtu):
    client = await world.client(mtu)
    theirs = await bare_notifications(client)
    ours = of_node(await world.exchange(client), node)
    await compare(f"Out against a bare notify loop, MTU {mtu}", ours, theirs, 0.8)


async def test_the_channel_reaches_90_percent_of_a_bare_channel(world, node, bare):
    client = await world.client()
    exchange = await world.over(await client.channel())
    other = Channel(await client.central.device.create_l2cap_channel(
        client.connection, LeCreditBasedChannelSpec(psm=PSM, mtu=2048, mps=1024, max_credits=64)))

    async def theirs():
        await other.send(AMOUNT.to_bytes(4, "little"))
        return await arrival(other.receive, AMOUNT)
    await compare("channel against a bare channel", of_node(exchange, node), theirs, 0.9)
