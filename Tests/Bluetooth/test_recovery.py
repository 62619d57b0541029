"""No bluetoothd, no adapter, one that is off, blocked or gone: the node says so once, serves the rest, and takes Bluetooth up when it is there."""
import re

import pytest

from radio import hint
from waiting import until

SERVED = "wget -q -O /dev/null http://127.0.0.1:8008/p2p/{}/small.json.pgp"


async def assert_serves_the_rest(world):
    await world.guest.run(SERVED.format(world.node.fingerprint))


async def assert_found(world, seconds=30):
    exchange = await world.exchange(seconds=seconds)
    assert (await exchange.get(world.node.path("small.json.pgp")))[0] == 200
    await world.radio.clear()


async def assert_silent(world):
    """Nothing is advertised any more."""
    central = await world.radio.central()
    with pytest.raises(TimeoutError):
        await central.find(seconds=2)


async def states(node):
    """What the node has said of its Bluetooth so far (7.6)."""
    return re.findall(r"event=bluetooth state=(\S+)", await node.log())


async def said(node, state, since):
    """The node says it in time."""
    async def is_said():
        return state in (await states(node))[since:]
    await until(is_said, f"the state {state} being said")


async def said_once(node, state, since):
    """When it is over, and the node advertises again."""
    async def is_over():
        return (await states(node))[-1] == "advertising"
    await until(is_over, "the node advertising again", 30)
    found = (await states(node))[since:]
    assert found.count(state) == found.count("advertising") == 1 and len(found) <= 3, found


async def test_the_advertisement_is_back_after_each_disconnect(world, node):
    for turn in range(3):
        clients = [await world.client() for _ in range(2)]
        if turn != 1:
            await clients[0].subscribe()
            await clients[0].open()
        await world.radio.clear()
        found = await (await world.radio.central()).find(seconds=5)
        assert hint(found) == bytes.fromhex(node.fingerprint)[-8:]


@pytest.mark.parametrize("number", ["TERM", "KILL"])
async def test_bluetoothd_restarts(world, node, number):
    await world.client()
    before = len(await states(node))
    await world.board.stop_bluetoothd(number)
    await assert_serves_the_rest(world)
    await said(node, "absent", before)
    await world.radio.clear()
    await world.board.start_bluetoothd(world.board.settings)
    await said_once(node, "absent", before)  # what the kernel still advertised of the one before has no service behind it
    await assert_found(world)


async def off_and_on(world):
    await world.board.power(False)
    yield "off"
    await world.board.power(True)


async def blocked_and_not(world):
    await world.board.block(True)
    yield "blocked"
    await world.board.block(False)
    await world.board.power(True)


async def unplugged_and_back(world):
    await world.board.unplug()
    yield "no-adapter"
    await world.board.plug()


@pytest.mark.parametrize("happens", [off_and_on, blocked_and_not, unplugged_and_back])
async def test_the_adapter_goes_and_comes(world, node, happens):
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
    before = len(await states(node))
    steps = happens(world)
    state = await anext(steps)
    await assert_serves_the_rest(world)
    await assert_silent(world)
    await said(node, state, before)
    await world.radio.clear()
    async for _ in steps:
        pass
    await said_once(node, state, before)
    await assert_found(world)


async def test_a_node_that_starts_without_bluetoothd(world, node):
    await node.stop()
    await world.board.stop_bluetoothd()
    await node.start()
    await assert_serves_the_rest(world)
    await said(node, "absent", 0)
    await world.board.start_bluetoothd(world.board.settings)
    await said_once(node, "absent", 0)
    await assert_found(world)


async def test_a_node_that_starts_without_an_adapter(world, node):
    await node.stop()
    await world.board.unplug()
    await node.start()
    await assert_serves_the_rest(world)
    await said(node, "no-adapter", 0)
    await world.board.plug()
    await said_once(node, "no-adapter", 0)
    await assert_found(world)


async def test_a_node_that_is_killed_and_started_again(world, node):
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
    await node.stop("KILL")
    await assert_silent(world)
    await world.radio.clear()
    await node.start()
    await assert_found(world)
