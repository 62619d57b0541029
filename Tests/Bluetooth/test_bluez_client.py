"""BlueZ's own tools as the client: a second adapter of the same guest is the central, over the same air."""
import re

from client import NODE


async def test_gatttool_reads_node(world, node):
    await world.board.plug(1)
    await world.guest.wait_for("timeout 5 bluetoothctl list | grep -q F0:F0:F0:F0:F0:F1", "the second adapter")
    world.board.damaged = True
    text = await world.guest.run(f"timeout 30 gatttool -i hci1 -b F0:F0:F0:F0:F0:F0 --char-read -u {str(NODE).lower()}", 40)
    value = bytes.fromhex(re.search(r"value: ([0-9a-f ]+)", text)[1].replace(" ", ""))
    assert len(value) == 27 and value[2:22].hex() == node.fingerprint
