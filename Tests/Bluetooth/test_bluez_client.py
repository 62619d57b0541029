"""BlueZ's own tools as the client: a second adapter of the same guest is the central, over the same air."""
import re

from client import NODE


async def test_gatttool_reads_node(world, node):
    await world.board.plug(1)
    await world.guest.wait_for("timeout 5 bluetoothctl list | grep -q F0:F0:F0:F0:F0:F1", "the second adapter")
    world.board.damaged = True
    async def read(words):
        text = await world.guest.run(f"timeout 30 gatttool -i hci1 -b F0:F0:F0:F0:F0:F0 --char-read {words}", 40)
        return re.search(r"(?:handle: (0x[0-9a-f]+)\s+)?(?:[Vv]alue|value/descriptor): ([0-9a-f ]+)", text).groups()
    handle, beginning = await read(f"-u {str(NODE).lower()}")  # as much as one answer holds at an MTU of 23
    _, value = await read(f"-a {handle}")
    value = bytes.fromhex(value)
    assert value.startswith(bytes.fromhex(beginning)) and len(value) == 27 and value[2:22].hex() == node.fingerprint
