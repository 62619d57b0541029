"""What the node takes of a board while it has little to do (docs/footprint.md): one reading a minute, an actuator, an owner. JSON lines, as `make bench` prints them."""
import json
import re

import pytest

from owned import BOARD_FILE, configure, move_to_card
from parts_bench import by_part
from test_writes import SECTOR, SENSOR, SETTLED

pytestmark = pytest.mark.long

KIB = 1024
MINUTES = 6
HOW = f"emulated Cortex-A53, Debian 13, the package's unit; a reading a minute, two actuators, an owner; {MINUTES} minutes"
LOOK = """
pid=$(systemctl show -P MainPID maud)
cat /proc/$pid/smaps_rollup
echo "switches $(cat /proc/$pid/task/*/status | sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' | paste -sd+ | sed 's/^/echo $((/; s/$/))/' | sh)"
echo "ticks $(cut -d' ' -f14,15 /proc/$pid/stat | tr ' ' +)"
sed -n 's/^write_bytes: /asked /p' /proc/$pid/io
awk '{print "sectors", $7}' /sys/block/vdb/stat
echo "threads $(ls /proc/$pid/task | wc -l)"
echo "size $(stat -c %s /usr/bin/maud)"
for process in $(cat /sys/fs/cgroup$(systemctl show -P ControlGroup maud)/cgroup.procs); do
  [ $process = $pid ] || echo "other $(cat /proc/$process/comm) $(sed -n 's/^Pss: *//p' /proc/$process/smaps_rollup)"
done
"""


def look(board):
    text = board.run(LOOK)
    found = {name: int(value) for name, value in re.findall(r"^(\w+):? +(\d+)", text, re.MULTILINE)}
    found["others"] = {name: int(size) * KIB for name, size in re.findall(r"^other (\S+) (\d+)", text, re.MULTILINE)}
    return found


def test_what_an_idle_node_takes(boards, capsys):
    board = boards()
    move_to_card(board, options=SETTLED)
    configure(board, {**BOARD_FILE, "sensors": [SENSOR]})
    board.run("sleep 60; sync")
    before = look(board)
    board.run(f"sleep {MINUTES * 60}", MINUTES * 60 + 120)
    after = look(board)
    parts = by_part(board.run("cat /proc/$(systemctl show -P MainPID maud)/smaps"), "maud")
    rate = {name: (after[name] - before[name]) / MINUTES for name in ("switches", "sectors", "asked")}
    lines = [("binary", after["size"], "octets"), ("private dirty", after["Private_Dirty"] * KIB, "octets"), ("pss", after["Pss"] * KIB, "octets"), ("threads", after["threads"], "threads"),
             ("wake-ups", rate["switches"], "a minute"), ("written to the card", rate["sectors"] * SECTOR, "octets a minute"), ("asked to write", rate["asked"], "octets a minute"),
             *((f"{name} pss", size, "octets") for name, size in after["others"].items())]
    with capsys.disabled():
        for measurement, value, unit in lines:
            print(json.dumps({"measurement": f"idle on the board: {measurement}", "value": round(value, 1), "unit": unit, "how": HOW}), flush=True)
        for measurement, sizes in parts.items():
            print(json.dumps({"measurement": f"idle on the board: {measurement} by part", "parts": {name: size for name, size in sizes.most_common() if size}, "unit": "octets", "how": HOW}), flush=True)
    assert after["size"] <= 900 * KIB
    assert after["Private_Dirty"] <= 640
    assert rate["switches"] <= 6
    assert set(after["others"]) <= {"gpg-agent"}
