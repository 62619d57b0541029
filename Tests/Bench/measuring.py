"""What the measurements share: places for nodes, and looking at processes."""
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Tests/EndToEnd"))
from harness import MAUD, GnuPG, Node, wait_until  # noqa: E402, F401

KIB = 1024
# Whether any measurement was beyond its limit.
failures = []


def report(measurement, value, unit, limit, how, **more):
    ok = limit is None or value <= limit
    if not ok:
        failures.append(measurement)
    value = round(value, 4) if isinstance(value, float) else value
    print(json.dumps({"measurement": measurement, "value": value, "unit": unit, "limit": limit, "ok": ok, **more, "how": how}), flush=True)


class Place:
    """A temporary directory for nodes and gpg on the disk the repository lies on; its nodes run on one core."""

    def __enter__(self):
        build = REPOSITORY / ".build"
        build.mkdir(exist_ok=True)
        self.directory = Path(tempfile.mkdtemp(prefix="bench-", dir=build))
        self.gnupg = GnuPG(self.directory / "gnupg")
        self.nodes = []
        return self

    def node(self, name, sensors, actuators=()):
        node = Node(self.directory / name, maud=["taskset", "-c", "0", MAUD]).init()
        node.weaken_passphrase(self.gnupg)
        node.write_board(sensors=sensors, actuators=list(actuators), quota=1 << 30)
        self.nodes.append(node)
        return node

    def __exit__(self, *_):
        for node in self.nodes:
            node.close()
        self.gnupg.close()
        shutil.rmtree(self.directory)


def sensor(name, **changes):
    return {"name": name, "title": name, "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100,
            "source": {"type": "simulator"}, "period": 1, "batch": 60, "audience": "public", **changes}


def memory(pid):
    """Octets by field of smaps_rollup, once they stay the same: what is being written (the index cache) is gone then."""
    before = None
    while before != (now := smaps(pid)):
        before = now
        time.sleep(1)
    return now


def smaps(pid):
    """Octets by field of smaps_rollup."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(size) * KIB for name, size in re.findall(r"(?m)^(\w+): +(\d+) kB", text)}


def agents(node):
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(node.runtime).encode() in word for word in words) and not words[0].endswith((b"maud", b"taskset")):
            found.append((int(directory.name), os.path.basename(words[0].decode())))
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def processor_seconds(pid, children=False):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    ticks = sum(int(field) for field in fields[11:15 if children else 13])
    return ticks / os.sysconf("SC_CLK_TCK")
