"""Finding a node, and its GATT table (docs/bluetooth.md, 1)."""
import asyncio
import json

import pytest
from bumble.gatt import Characteristic

from client import IN, NODE, OUT, SERVICE
from radio import hint
from waiting import report, until


async def test_a_node_is_found_by_its_service_and_the_end_of_its_fingerprint(world, node):
    advertisement = await (await world.radio.central()).find()
    assert hint(advertisement) == bytes.fromhex(node.fingerprint)[-8:]
    assert advertisement.is_connectable and advertisement.is_legacy, "any phone since 2013 looks for those"


async def test_a_controller_with_extended_advertising_advertises_the_same(world, node):
    await world.board.unplug()
    await world.board.plug(extended=True)
    advertisement = await (await world.radio.central()).find()
    assert hint(advertisement) == bytes.fromhex(node.fingerprint)[-8:]
    assert advertisement.is_legacy
    for _ in range(2):
        exchange = await world.exchange()
        assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
        await world.radio.clear()


async def test_with_extended_advertising_one_client_at_a_time_finds_the_node(world, node):
    """Linux stops an extended advertising set at a connection and begins it again only at its end (8.4). When this fails, Linux has become better."""
    await world.board.unplug()
    await world.board.plug(extended=True)
    client = await world.client()
    first = await world.exchange(client)
    assert (await first.get(node.path("small.json.pgp")))[0] == 200
    other = await world.radio.central()
    with pytest.raises(TimeoutError):
        await other.find(seconds=4)
    await client.disconnect()
    assert hint(await other.find(seconds=5)) == bytes.fromhex(node.fingerprint)[-8:]


@pytest.mark.parametrize("mtu", [23, 517])
async def test_node_says_who_it_is_at_any_mtu(world, node, mtu):
    client = await world.client(mtu)
    assert client.mtu == mtu and client.peer.gatt_client.mtu == mtu
    said = client.node
    assert (said.version, said.fingerprint, said.largest) == (1, node.fingerprint, 495)
    assert 1 <= said.window <= 15
    assert said.flags & ~3 == 0 and said.flags & 2, "it speaks TLS"


async def test_the_table_is_the_documented_one_and_stays_where_it_is(world):
    async def table():
        client = await world.client()
        (service,) = await client.peer.discover_service(SERVICE)
        return [(one.handle, one.uuid, one.properties) for one in await service.discover_characteristics()]
    before = await table()
    properties = Characteristic.Properties
    assert [(uuid, bits) for _, uuid, bits in before] == [
        (NODE, properties.READ), (IN, properties.WRITE_WITHOUT_RESPONSE | properties.WRITE), (OUT, properties.NOTIFY)]
    await world.node.stop()
    await world.node.start()
    assert await table() == before, "a phone's cache would be wrong"


async def test_interval_and_power_are_those_of_board_json(world, node):
    """(9)"""
    await world.board.unplug()
    await world.board.plug(extended=True)
    await node.stop()
    board = await world.guest.read("/node/board.json")
    await world.guest.write("/node/board.json", json.dumps({**json.loads(board), "bluetooth": {"interval": 200, "transmitPower": 4}}).encode())
    try:
        await node.start()
        await node.logged("event=bluetooth state=advertising")
        (one,) = world.radio.controllers[0].advertising_sets.values()
        assert one.parameters.primary_advertising_interval_min == one.parameters.primary_advertising_interval_max == 200 / 0.625
        assert one.parameters.advertising_tx_power == 4
    finally:
        await node.stop()
        await world.guest.write("/node/board.json", board)


@pytest.mark.measurement
async def test_idle_advertising_wakes_nobody(world, node):
    await (await world.radio.central()).find()

    async def wakes(seconds):
        before = (await node.status())["wakeUps"]
        await asyncio.sleep(seconds)  # the time is what is tested: nothing happens in it
        return (await node.status())["wakeUps"] - before

    async def is_settled():
        return await wakes(1) <= 2
    await until(is_settled, "the end of what a start brings", 30)
    report("wake-ups while it advertises, in the guest", await wakes(8), "in 8 s", 2, "maud status; the question itself wakes it: accept, and the watchdog of the connection")


@pytest.mark.measurement
async def test_bluetooth_costs_at_most_300_kib_of_private_memory(world, node):
    await node.stop()
    await node.start("--no-bluetooth")
    listing = f"wget -q -O /dev/null http://127.0.0.1:8008{node.path()}"
    await world.guest.run(listing)
    without = await node.memory()
    await node.stop()
    await node.start()
    await world.guest.run(listing)
    idle = await node.memory()
    exchange = await world.exchange()
    assert (await exchange.get(node.path()))[0] == 200
    serving = await node.memory()
    report("private memory that Bluetooth costs", (serving - without) // 1024, "KiB", 300, "smaps_rollup, Anonymous, of the node in the guest: with a client less with --no-bluetooth",
           without=without, advertising=idle, with_a_client=serving)
