"""`mau` of a person whose PC is the guest's second adapter, with the real bluetoothd and kernel on both sides (docs/mau.md, part 9)."""
import json
import shlex
import time

import pytest

from board import start_in_background, stop
from world import PERSON, SETTINGS

NOBODY = "[ -z \"$(timeout 5 bluetoothctl devices Connected)\" ]"
CARRIERS = [((), "channel"), (("--no-channel",), "gatt")]


class PC:
    def __init__(self, world):
        self.world, self.guest = world, world.guest

    async def plug(self):
        self.world.board.damaged = True
        await self.world.board.plug(1)
        await self.guest.wait_for("timeout 5 bluetoothctl list | grep -q F0:F0:F0:F0:F0:F1", "the second adapter")
        await self.guest.wait_for("timeout 5 bluetoothctl show F0:F0:F0:F0:F0:F1 | grep -q 'Powered: yes'", "its power")
        return self

    def line(self, *words, by=("--bluetooth", "--adapter", "hci1")):
        variables = f"MAU_ROOT={PERSON}/Mau MAU_PASSPHRASE_FILE={PERSON}/passphrase XDG_RUNTIME_DIR=/dev/shm"
        return f"{variables} {self.world.mau} {shlex.join([*words, *by])}"

    async def run(self, *words, code=0, seconds=100, **carrier):
        """What `mau` writes, and the seconds that it took."""
        began = time.monotonic()
        text = await self.guest.run(f"{self.line(*words, **carrier)} 2> /tmp/mau.log; echo status $?", seconds)
        output, _, status = text.rpartition("status ")
        assert int(status) == code, f"mau {words} exits with {status}: {output}{await self.guest.run('cat /tmp/mau.log')}"
        return output, time.monotonic() - began

    async def json(self, *words, **options):
        return json.loads((await self.run(*words, "--json", **options))[0])


async def exchange_files_and_a_command(pc, options, carrier):
    world, node = pc.world, pc.world.node
    one, = await pc.json("devices", *options)
    assert (one["device"], one["state"], one["isFriend"], one["address"], one["carrier"]) == (node.fingerprint, "proven", True, "F0:F0:F0:F0:F0:F0", carrier)
    assert -127 <= one["signalStrength"] <= 20
    await world.guest.run(f"rm -rf {PERSON}/Mau/{node.fingerprint}/*")
    report, = await pc.json("sync", *options)
    assert report["isComplete"] and report["files"] >= 4 and report["refused"] == 0
    assert await world.guest.read(f"{PERSON}/Mau/{node.fingerprint}/large.bin.pgp") == world.content.file("large.bin.pgp")
    _, seconds = await pc.run("sync", *options)
    _, by_loopback = await pc.run("sync", by=("--no-mdns", "--peer", f"{node.fingerprint}=127.0.0.1:8448"))
    outcome = await pc.json("set", "led", "on", *options)
    assert (outcome["actionStatus"], outcome["carrier"], outcome["result"]) == ("CompletedActionStatus", "put", 1)
    assert (await pc.json("show", node.fingerprint, *options))["actuators"][0]["name"] == "led"
    print(json.dumps({"measurement": "mau sync by Bluetooth, nothing new", "guest": world.suite, "carrier": carrier, "seconds": round(seconds, 2),
                      "by_tcp_on_loopback": round(by_loopback, 2)}))


@pytest.mark.seconds(400)
async def test_devices_files_and_a_command(world):
    pc = await PC(world).plug()
    for options, carrier in CARRIERS:
        await exchange_files_and_a_command(pc, options, carrier)
    await world.guest.wait_for(NOBODY, "the end of the connections")


@pytest.mark.seconds(400)
async def test_devices_files_and_a_command_with_an_older_bluez(old_world):
    """Two of BlueZ 5.66 lose each other's notifications, and channels, when they open more than one bearer (docs/bluetooth.md, 7.5)."""
    await old_world.board.restart_bluetoothd(f"{SETTINGS}\n[GATT]\nChannels=1")
    pc = await PC(old_world).plug()
    for options, carrier in CARRIERS:
        await exchange_files_and_a_command(pc, options, carrier)


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
