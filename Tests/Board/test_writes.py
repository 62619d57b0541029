"""What a sensor costs the card: one reading a minute in batches of ten, for an hour. The node's files are on a disk of their own, so that the disk's counters are the
node's and the file system's alone. The board's time passes ten times as fast."""
import json
import re

import pytest

from emulator import make_disk
from owned import BOARD_FILE, speed_up

pytestmark = pytest.mark.long

SPEED = 10
SENSOR = {"name": "minutely", "title": "x", "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100, "decimals": 1,
          "source": {"type": "simulator", "cycle": 3600}, "period": 60, "batch": 10, "audience": "public"}
SECTOR = 512  # of /sys/block/*/stat, whatever the disk's is
# What the card was told, what of it is payload, and how often the kernel was asked to sync something there.
MEASURE = """
set -e
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
syncs=/sys/kernel/tracing/events/ext4/ext4_sync_file_enter
IFS=: read -r major minor < /sys/block/vdb/dev
echo "dev == $((major << 20 | minor))" > $syncs/filter
cd /var/lib/maud/root/*/
sync; sleep 60; sync
ls > /run/before
echo > /sys/kernel/tracing/trace
echo 1 > $syncs/enable
before=$(awk '{print $7}' /sys/block/vdb/stat)
sleep {seconds}
sync
after=$(awk '{print $7}' /sys/block/vdb/stat)
ls > /run/after
echo "sectors $((after - before))"
echo "payload $(comm -13 /run/before /run/after | grep '^r-' | xargs -r cat | wc -c)"
echo "files $(comm -13 /run/before /run/after | grep -c '^r-' || true)"
echo "syncs $(grep -c 'ext4_sync_file_enter' /sys/kernel/tracing/trace || true)"
"""


def measure(boards, disk, sensor, seconds):
    board = boards()
    move_to_card(board)
    speed_up(board, SPEED, {**BOARD_FILE, "sensors": [sensor]})
    said = board.run(MEASURE.replace("{seconds}", str(seconds)), seconds + 1000)
    return {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", said, re.MULTILINE)}


def test_an_hour_of_readings(boards, tmp_path, capsys):
    hour = measure(boards, tmp_path / "data.qcow2", SENSOR, 3600)
    written = hour["sectors"] * SECTOR
    with capsys.disabled():
        print(json.dumps({"measurement": "an hour of a reading a minute in batches of ten", "octetsWritten": written, "payload": hour["payload"], "files": hour["files"],
                          "ratio": round(written / hour["payload"], 1), "syncs": hour["syncs"]}))
    assert hour["files"] == 6
    assert hour["syncs"] <= 10
    assert written <= 3 * hour["payload"]


def test_nothing_is_written_when_nothing_changed(boards, tmp_path):
    still = {**SENSOR, "source": {"type": "simulator", "low": 20, "high": 20.1, "cycle": 3600}, "deadBand": 5}
    assert measure(boards, tmp_path / "data.qcow2", still, 3600) == {"sectors": 0, "payload": 0, "files": 0, "syncs": 0}
