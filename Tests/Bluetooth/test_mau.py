"""`mau` of a person whose PC is the guest's second adapter, with the real bluetoothd and kernel on both sides (docs/mau.md, part 9)."""
import pytest

from board import start_in_background, stop
from pc import NOBODY, PC, exchange_files_and_a_command
from world import NEWCOMER, PERSON


@pytest.mark.seconds(300)
async def test_devices_files_and_a_command(world):
    await exchange_files_and_a_command(await PC(world).plug())


@pytest.mark.seconds(300)
async def test_from_a_code_to_a_led(world):
    """What the QR code holds, and nothing else: no network, no file carried from one machine to the other (docs/claim.md). `mau` with the code alone, against a daemon that is
    none: Tests/EndToEnd/test_mau_bluetooth.py."""
    async with world.fresh_node() as node:
        pc = await PC(world, NEWCOMER).plug()
        assert (await node.status())["claimable"]
        assert await pc.json("claim", f"mau:{node.fingerprint}?claim={await node.claim_code()}") == {"device": node.fingerprint, "deviceName": "Test board", "wasOwn": False}
        assert (await pc.json("set", "led", "on"))["actionStatus"] == "CompletedActionStatus" and (await node.status())["actuators"]["led"] == 1
        assert not (await node.status())["claimable"]


async def test_whoever_is_interrupted_disconnects(world, node):
    pc = await PC(world).plug()
    await world.guest.run(f"rm -rf {PERSON}/Mau/{node.fingerprint}/*; " + start_in_background("mau", "env " + pc.line("sync")))
    await world.guest.wait_for("timeout 5 bluetoothctl devices Connected | grep -q F0", "the connection")
    await world.guest.run(stop("mau", "INT"))
    await world.guest.wait_for(NOBODY, "the end of the connections")


async def test_a_node_that_is_not_there(world, node):
    pc = await PC(world).plug()
    await node.stop()
    node.arguments = ("stopped",)  # it is started again afterwards
    report, = await pc.json("sync", code=69)
    assert report["problem"] == "it is not in range of Bluetooth, or not on"
