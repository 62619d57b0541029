"""Nobody is ever asked to pair. What BlueZ does of its own accord to a phone that has services behind encryption, and the setting that keeps it from that."""
import asyncio

import pytest
from bumble.gatt import GATT_BATTERY_LEVEL_CHARACTERISTIC, GATT_BATTERY_SERVICE, Characteristic, Service

from waiting import until
from world import SETTINGS

SECURITY_REQUEST = 0x0B  # of the Security Manager Protocol: the phone shows its question


async def connect_phone(world):
    """A central with a battery service that wants encryption, as an iPhone has."""
    phone = await world.radio.central()
    level = Characteristic(GATT_BATTERY_LEVEL_CHARACTERISTIC, Characteristic.Properties.READ | Characteristic.Properties.NOTIFY,
                           Characteristic.READABLE | Characteristic.READ_REQUIRES_ENCRYPTION, b"\x50")
    phone.device.add_service(Service(GATT_BATTERY_SERVICE, [level]))
    exchange = await world.exchange(await phone.connect())
    assert (await exchange.get(world.node.path("small.json.pgp")))[0] == 200


async def test_a_phone_is_not_asked_when_bluetoothd_leaves_its_services_alone(world):
    await connect_phone(world)
    await asyncio.sleep(2)  # the time is what is tested: in the next test bluetoothd asks long before
    assert world.radio.air.pairing == []


async def test_by_default_bluetoothd_reads_the_phones_battery_and_asks(world):
    """Not the node's doing: why docs/bluetooth.md wants ReverseServiceDiscovery=false. When this fails, BlueZ has become better."""
    world.pairing_expected = True
    await world.board.restart_bluetoothd("ReverseServiceDiscovery=true")
    await connect_phone(world)
    await until(lambda: world.radio.air.pairing, "the question")
    assert [packet[0] for name, packet in world.radio.air.pairing if name == "hci0"] == [SECURITY_REQUEST]


@pytest.mark.parametrize("settings", [SETTINGS, "ReverseServiceDiscovery=true"])
async def test_no_attribute_wants_encryption(world, settings):
    if settings != world.board.settings:
        await world.board.restart_bluetoothd(settings)
    client = await world.client()
    assert not client.connection.is_encrypted
    assert len(await client.peer.read_value(client.node_value)) >= 27
    await client.subscribe()
    await client.open()
    channel = await client.channel()
    await channel.send(f"GET {world.node.path('small.json.pgp')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert (await asyncio.wait_for(channel.receive(), 10)).startswith(b"HTTP/1.1 200")
    assert not client.connection.is_encrypted and world.radio.air.pairing == []
