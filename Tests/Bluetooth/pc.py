"""A person with `mau` whose PC is the guest's second adapter, with the same bluetoothd and kernel as the node."""
import json
import shlex

from world import PERSON

NOBODY = "[ -z \"$(timeout 5 bluetoothctl devices Connected)\" ]"


class PC:
    def __init__(self, world, person=PERSON):
        self.world, self.guest, self.person = world, world.guest, person

    async def plug(self):
        self.world.board.damaged = True
        await self.world.board.plug(1)
        await self.guest.wait_for("timeout 5 bluetoothctl list | grep -q F0:F0:F0:F0:F0:F1", "the second adapter")
        await self.guest.wait_for("timeout 5 bluetoothctl show F0:F0:F0:F0:F0:F1 | grep -q 'Powered: yes'", "its power")
        return self

    def line(self, *words):
        variables = f"MAU_ROOT={self.person}/Mau MAU_PASSPHRASE_FILE={self.person}/passphrase XDG_RUNTIME_DIR=/dev/shm"
        return f"{variables} {self.world.mau} {shlex.join([*words, '--bluetooth', '--adapter', 'hci1'])}"

    async def run(self, *words, code=0, seconds=100):
        """What `mau` writes."""
        text = await self.guest.run(f"{self.line(*words)} 2> /tmp/mau.log; echo status $?", seconds)
        output, _, status = text.rpartition("status ")
        assert int(status) == code, f"mau {words} exits with {status}: {output}{await self.guest.run('cat /tmp/mau.log')}"
        return output

    async def json(self, *words, **options):
        return json.loads(await self.run(*words, "--json", **options))


async def exchange_files_and_a_command(pc):
    """Each command of `mau` takes 5 to 10 s in an emulated guest."""
    await exchange_files(pc, "channel")
    outcome = await pc.json("set", "led", "on")
    assert (outcome["actionStatus"], outcome["carrier"], outcome["result"]) == ("CompletedActionStatus", "put", 1)
    await exchange_files(pc, "gatt")
    await pc.guest.wait_for(NOBODY, "the end of the connections")


async def device(pc, *options):
    """What `mau devices` says of the one device."""
    one, = await pc.json("devices", *options)
    assert one["state"] != "away", await pc.guest.run("cat /tmp/mau.log")
    return one


async def exchange_files(pc, carrier):
    world, node = pc.world, pc.world.node
    options = ("--no-channel",) if carrier == "gatt" else ()
    one = await device(pc, *options)
    assert (one["device"], one["state"], one["isFriend"], one["address"], one["carrier"]) == (node.fingerprint, "proven", True, "F0:F0:F0:F0:F0:F0", carrier)
    assert -127 <= one["signalStrength"] <= 20
    await world.guest.run(f"rm -rf {PERSON}/Mau/{node.fingerprint}/*")
    report, = await pc.json("sync", *options)
    assert report["isComplete"] and report["files"] >= 4 and report["refused"] == 0
    assert await world.guest.read(f"{PERSON}/Mau/{node.fingerprint}/large.bin.pgp") == world.content.file("large.bin.pgp")
