"""What a sensor costs the card: one reading a minute in batches of ten, for an hour. The node's files are on a disk of their own, so that what is written there is the
node's and its file system's alone (docs/content.md, part 10). The board's time passes ten times as fast."""
import json
import re

import pytest

from owned import BOARD_FILE, move_to_card, speed_up

pytestmark = pytest.mark.long

SPEED = 10
MOST = 18  # blocks a file; measured: 15.7 (docs/content.md, part 10)
HOUR = 3600
SENSOR = {"name": "minutely", "title": "x", "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100, "decimals": 1,
          "source": {"type": "simulator", "cycle": 3600}, "period": 60, "batch": 10, "audience": "public"}
STILL = {**SENSOR, "source": {"type": "simulator", "low": 20, "high": 20.1, "cycle": 3600}, "deadBand": 5}
SECTOR = 512  # of the kernel's statistics and traces, whatever the disk's is
# A file system that is new writes its tables for some minutes.
SETTLED = "-E lazy_itable_init=0,lazy_journal_init=0"
# What the card was told, by the kernel's own account; what of it is payload; how often the kernel was asked to sync something there.
MEASURE = """
set -e
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
events=/sys/kernel/tracing/events
IFS=: read -r major minor < /sys/block/vdb/dev
for event in ext4/ext4_sync_file_enter block/block_rq_issue; do echo "dev == $((major << 20 | minor))" > $events/$event/filter; done
cd /var/lib/maud/root/*/
sync; sleep {settle}; sync
ls > /run/before
echo > /sys/kernel/tracing/trace
echo 1 > $events/ext4/ext4_sync_file_enter/enable
echo 1 > $events/block/block_rq_issue/enable
before=$(awk '{print $7}' /sys/block/vdb/stat)
sleep {seconds}
sync
after=$(awk '{print $7}' /sys/block/vdb/stat)
for event in ext4/ext4_sync_file_enter block/block_rq_issue; do echo 0 > $events/$event/enable; done
ls > /run/after
echo "sectors $((after - before))"
echo "payload $(comm -13 /run/before /run/after | grep '^r-' | xargs -r cat | wc -c)"
echo "files $(comm -13 /run/before /run/after | grep -c '^r-' || true)"
cat /sys/kernel/tracing/trace
"""
# "...: block_rq_issue: 254,16 WS 4096 () 8456 + 8 none,0,0 [jbd2/vdb-8]": who wrote (the file system's journal is a thread of its own), and whether it says of itself
# that it is about files and not in them (M), which is what goes to its place when the journal has had it.
WRITE = re.compile(r"block_rq_issue: \S+ (\S*W\S*) .*\) \d+ \+ (\d+) .*\[(.*)\]$", re.MULTILINE)


def measure(board, seconds, settle):
    said = board.run(MEASURE.replace("{seconds}", str(seconds)).replace("{settle}", str(settle)), seconds + settle + 1000)
    result = {name: int(number) for name, number in re.findall(r"^(sectors|payload|files) (\d+)$", said, re.MULTILINE)}
    result["syncs"] = said.count("ext4_sync_file_enter:")
    parts = {"data": 0, "journal": 0, "checkpoint": 0}
    for flags, sectors, who in WRITE.findall(said):
        parts["journal" if who.startswith("jbd2/") else "checkpoint" if "M" in flags else "data"] += int(sectors) * SECTOR
    result["written"] = result.pop("sectors") * SECTOR
    return {**result, **parts}


def on_its_card(boards, sensor):
    board = boards()
    move_to_card(board, options=SETTLED)
    speed_up(board, SPEED, {**BOARD_FILE, "sensors": [sensor]})
    return board


def test_an_hour_of_readings(boards, capsys):
    board = on_its_card(boards, SENSOR)
    for options, seconds in (("defaults", HOUR), ("lazytime", HOUR // 2)):
        board.run(f"mount -o remount,{options} /var/lib/maud")
        hour = measure(board, seconds, SENSOR["period"])
        with capsys.disabled():
            print(json.dumps({"measurement": "a reading a minute in batches of ten", "seconds": seconds, "options": options, **hour,
                              "ratio": round(hour["written"] / max(1, hour["payload"]), 1), "blocksPerFile": round(hour["written"] / 4096 / max(1, hour["files"]), 1)}), flush=True)
        assert abs(hour["files"] - seconds / 600) <= 1
        assert hour["syncs"] <= 10 * seconds / HOUR
        assert hour["data"] + hour["journal"] + hour["checkpoint"] == hour["written"], "something else was written"
        assert hour["written"] <= MOST * 4096 * hour["files"]


def test_nothing_is_written_when_nothing_changed(boards):
    """Once the first reading has been waited for and published (docs/readings.md, R3)."""
    board = on_its_card(boards, STILL)
    assert not any(measure(board, HOUR, STILL["period"] * (STILL["batch"] + 2)).values())
