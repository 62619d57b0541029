"""BlueZ 5.66 (Debian 12) shares one descriptor among all clients: one stream at a time (docs/bluetooth.md, 7)."""
import asyncio
import json

import pytest

from pc import PC, exchange_files_and_a_command
from radio import hint
from stream import StreamError
from world import SETTINGS


async def test_one_client_is_served(old_world):
    world, node = old_world, old_world.node
    advertisement = await (await world.radio.central()).find()
    assert hint(advertisement) == bytes.fromhex(node.fingerprint)[-8:]
    exchange = await world.exchange()
    status, _, body = await exchange.get(node.path())
    assert status == 200 and len(json.loads(body)) >= 3
    status, _, body = await exchange.get(node.path("large.bin.pgp"))
    assert status == 200 and body == world.content.file("large.bin.pgp")


async def test_a_second_stream_ends_both_with_reason_7(old_world):
    """(7.3)"""
    world, node = old_world, old_world.node
    first = await world.exchange()
    assert (await first.get(node.path("small.json.pgp")))[0] == 200
    second = await world.client()
    await second.subscribe()
    with pytest.raises(StreamError) as failure:
        await second.open()
    assert failure.value.told and failure.value.reason == 7
    with pytest.raises(StreamError) as failure:
        async with asyncio.timeout(10):
            await first.get(node.path("small.json.pgp"))
    assert failure.value.told and failure.value.reason == 7
    await node.logged("event=bluetooth-shared")
    exchange = await world.exchange(second)
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200, "who then opens first is served"
    await world.radio.clear()
    exchange = await world.exchange()
    assert (await exchange.get(node.path("small.json.pgp")))[0] == 200


async def test_clients_one_after_the_other(old_world):
    world, node = old_world, old_world.node
    for _ in range(3):
        exchange = await world.exchange()
        assert (await exchange.get(node.path("small.json.pgp")))[0] == 200
        await world.radio.clear()


async def test_a_friend_inside_tls(old_world):
    world, node = old_world, old_world.node
    exchange = await world.exchange(certificate=world.content.certificate)
    assert (await exchange.get(node.path("private.json.pgp")))[2] == world.content.file("private.json.pgp")


async def test_the_channel_keeps_clients_apart(old_world):
    """L2CAP knows nothing of the shared descriptor."""
    world, node = old_world, old_world.node
    channels = []
    for _ in range(2):
        client = await world.client()
        channels.append(await world.over(await client.channel()))
    found = await asyncio.gather(*(one.get(node.path("large.bin.pgp")) for one in channels))
    assert all(body == world.content.file("large.bin.pgp") for _, _, body in found)


@pytest.mark.seconds(300)
async def test_mau_reads_and_commands(old_world):
    """Two of BlueZ 5.66 lose each other's notifications, and channels, when they open more than one bearer (docs/bluetooth.md, 7.5)."""
    await old_world.board.restart_bluetoothd(f"{SETTINGS}\n[GATT]\nChannels=1")
    await exchange_files_and_a_command(await PC(old_world).plug())
