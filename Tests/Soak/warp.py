"""Time that passes faster: what is left of a wait is skipped when every node waits (warp.c)."""
import mmap
import os
import struct
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOTS, SECOND = 256, 10**9  # as in warp.c
SETTLED = 0.003   # seconds in which nobody has run: nothing is on its way in the kernel either
STUCK = 300       # real seconds of work after which something is wrong
LONGEST = 60 * SECOND


class Warp:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        library = self.directory / "warp.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "warp.c", "-ldl"], check=True)
        clock = self.directory / "clock"
        clock.write_bytes(bytes(8 + 16 * SLOTS))
        with open(clock, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.environment = {"LD_PRELOAD": str(library), "MAUD_WARP": str(self.directory)}
        self.pids = []
        self.fifos = {}
        self.skips = 0

    @property
    def skipped(self):
        return struct.unpack_from("=q", self.memory)[0]

    def now(self):
        """Nanoseconds since boot, as the nodes see them."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) + self.skipped

    def wall(self):
        """Seconds since 1970, as the nodes see them."""
        return time.time() + self.skipped / SECOND

    def follow(self, pid):
        """Time is skipped only when this process waits, too."""
        self.pids.append(pid)

    def advance(self, until):
        """Lets time pass to that moment."""
        while self.now() < until:
            self.settle()
            self.skip(until)

    def settle(self):
        """Waits until nobody is at work."""
        end = time.monotonic() + STUCK
        before = None
        while before is None or before != self.look():
            if time.monotonic() > end:
                raise AssertionError(f"somebody is busy for {STUCK} s: {self.look()}")
            before = self.look()
            time.sleep(SETTLED)

    def look(self):
        """What each thread of the nodes has run so far; None when one of them, or a program it started, is at work."""
        seen = [self.waits()]
        if len(seen[0]) < len(self.pids) or self.is_working():
            return None
        for pid in self.pids:
            for task in os.listdir(f"/proc/{pid}/task"):
                directory = f"/proc/{pid}/task/{task}"
                if state(directory) != "S":
                    return None
                seen.append((task, read(f"{directory}/schedstat")))
        return seen

    def places(self):
        numbers = struct.unpack_from(f"={2 * SLOTS}q", self.memory, 8)
        return list(zip(numbers[::2], numbers[1::2]))

    def waits(self):
        """When whom of the nodes is due."""
        return {pid: deadline for pid, deadline in self.places() if pid in self.pids and deadline != 0}

    def is_working(self):
        """Whether a program that a node has started is there. The place of one that has ended becomes free."""
        for number, (pid, _) in enumerate(self.places()):
            if pid == 0 or pid in self.pids:
                continue
            if state(f"/proc/{pid}") not in "ZX":
                return True
            struct.pack_into("=q", self.memory, 8 + 16 * number, 0)
        return False

    def skip(self, until):
        now, waits = self.now(), self.waits()
        step = min([until, now + LONGEST, *waits.values()]) - now
        if step > 0:
            struct.pack_into("=q", self.memory, 0, self.skipped + step)
            self.skips += 1
        for pid, deadline in waits.items():
            if deadline <= now + max(step, 0):
                self.wake(pid)

    def wake(self, pid):
        if pid not in self.fifos:
            self.fifos[pid] = os.open(self.directory / str(pid), os.O_WRONLY | os.O_NONBLOCK)
        os.write(self.fifos[pid], b"x")


def state(directory):
    try:
        return read(f"{directory}/stat").rpartition(") ")[2][0]
    except OSError:
        return "X"


def read(path):
    with open(path) as file:
        return file.read()
