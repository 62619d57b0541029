"""The L2CAP channel: the same stream without fragments (docs/bluetooth.md, 6)."""
import asyncio
import json
import random


async def channel(world, certificate=None, tls=False):
    client = await world.client()
    assert client.node.psm, "the node has a channel"
    return await world.over(await client.channel(), certificate, tls)


async def test_the_listing_and_files_exact(world, node):
    exchange = await channel(world)
    status, _, body = await exchange.get(node.path())
    assert status == 200 and len(json.loads(body)) >= 3
    status, _, body = await exchange.get(node.path("large.bin.pgp"))
    assert status == 200 and body == world.content.file("large.bin.pgp")
    assert await world.verified(body)


async def test_a_friend_sees_private_files_inside_tls(world, node):
    exchange = await channel(world, world.content.certificate)
    status, _, body = await exchange.get(node.path("private.json.pgp"))
    assert status == 200 and body == world.content.file("private.json.pgp")


async def test_a_channel_beside_a_gatt_stream_of_the_same_client(world, node):
    client = await world.client()
    over_gatt = await world.exchange(client)
    over_channel = await world.over(await client.channel())
    found = await asyncio.gather(*(exchange.get(node.path("large.bin.pgp")) for exchange in (over_gatt, over_channel)))
    assert all(body == world.content.file("large.bin.pgp") for _, _, body in found)


async def test_garbage_and_half_requests(world, node):
    client = await world.client()
    garbage = await client.channel()
    await garbage.send(random.Random(6).randbytes(5000))
    heard = b""
    async with asyncio.timeout(15):
        while octets := await garbage.receive():
            heard += octets
    assert not heard or heard.startswith((b"HTTP/1.1 400", b"\x15"))
    half = await client.channel()
    await half.send(b"GET /p2p/")
    assert (await asyncio.wait_for(half.receive(), 20)).startswith(b"HTTP/1.1 408")


async def test_one_that_never_reads_and_one_that_leaves(world, node):
    client = await world.client()
    stalled = await client.channel(max_credits=1, mtu=64, mps=64)
    stalled.channel.sink = None
    await stalled.send(f"GET {node.path('large.bin.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    other = await channel(world)
    assert (await other.get(node.path("large.bin.pgp")))[2] == world.content.file("large.bin.pgp")
    await client.disconnect()
    assert (await other.get(node.path("small.json.pgp")))[0] == 200


async def test_16_channels_and_no_more(world, node):
    """(6.5)"""
    channels = []
    for number in range(17):
        if number % 4 == 0:
            client = await world.client()
        channels.append(await client.channel())
    last = channels.pop()
    assert await asyncio.wait_for(last.receive(), 10) == b"", "closed at once"
    for channel in channels:
        assert (await (await world.over(channel)).get(node.path("small.json.pgp")))[0] == 200


async def test_nobody_gets_all_of_them(world, node):
    """(6.5)"""
    greedy, other = await world.client(), await world.client()
    channels = [await greedy.channel() for _ in range(5)]
    last = channels.pop()
    assert await asyncio.wait_for(last.receive(), 10) == b"", "closed at once"
    for channel in (*channels, await other.channel()):
        assert (await (await world.over(channel)).get(node.path("small.json.pgp")))[0] == 200


async def test_without_descriptors_clients_wait_and_the_node_does_not_spin(world, node):
    """Its limit is the lowest descriptor that is free: it can take nobody. Who comes meanwhile is served when there is room again."""
    client = await world.client()
    before = (await node.status())["wakeUps"]
    used = {int(name) for name in (await world.guest.run("ls /proc/$(cat /tmp/maud.pid)/fd")).split()}
    limit = next(number for number in range(len(used) + 1) if number not in used)
    await world.guest.run(f"{world.prlimit} --pid $(cat /tmp/maud.pid) --nofile={limit}:")
    try:
        exchange = await world.over(await client.channel())
        asking = asyncio.ensure_future(exchange.get(node.path("small.json.pgp")))
        await asyncio.sleep(3)  # the time is what is tested: it would spin for as long
        assert not asking.done()
    finally:
        await world.guest.run(f"{world.prlimit} --pid $(cat /tmp/maud.pid) --nofile=1024:")
    assert (await asyncio.wait_for(asking, 20))[0] == 200
    woken = (await node.status())["wakeUps"] - before
    assert woken < 100, f"{woken} wake-ups in some seconds"
