"""A node's life in its unit: hanging, crashing, failing again and again, and what is never written to a disk meanwhile."""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from conftest import ROOT, built
from harness import wait_until


def show(board, name): return board.run("systemctl", "show", "-P", name, "maud").stdout.strip()


def lives(board): return board.run("systemctl", "is-active", "maud", check=False).stdout.strip() == "active"


@pytest.fixture
def changed(lit):
    """Changes the unit, until the end of the test."""
    def change(text):
        lit.run("mkdir", "-p", "/run/systemd/system/maud.service.d")
        lit.write("/run/systemd/system/maud.service.d/test.conf", text.encode())
        lit.run("systemctl", "daemon-reload")
    yield change
    lit.run("rm", "-rf", "/run/systemd/system/maud.service.d")
    lit.run("systemctl", "daemon-reload")
    lit.run("systemctl", "reset-failed", "maud", check=False)
    lit.run("systemctl", "restart", "maud")


class Stopped:
    """A process whose first thread, and no other, stands still (ptrace)."""
    SEIZE, INTERRUPT, DETACH, ALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, process): self.process, self.library = process, ctypes.CDLL(None, use_errno=True)

    def ptrace(self, request):
        if self.library.ptrace(request, self.process, None, None) != 0: raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.ptrace(self.SEIZE)
        self.ptrace(self.INTERRUPT)
        return self

    def proceeds(self):
        """Takes note of what became of it, which nobody else learns before; always true."""
        with contextlib.suppress(ChildProcessError): os.waitpid(self.process, os.WNOHANG | self.ALL)
        return True

    def __exit__(self, *_):
        with contextlib.suppress(OSError): self.ptrace(self.DETACH)


def test_a_crash_leaves_a_line_that_says_where(lit, tmp_path):
    """A function of ours, in the loop, loses its stack; the line in the journal leads back to that function."""
    symbols, function = ROOT / "out/linux-host/maud.debug", "maud_since_boot"
    built("linux-host")
    if not (shutil.which("gdb") and shutil.which("addr2line")): pytest.skip("needs gdb and addr2line")
    restarts, process = int(show(lit, "NRestarts")), lit.main_process()
    start = int(pathlib.Path(f"/proc/{process}/maps").read_text().partition("-")[0], 16)
    names = subprocess.run(["nm", symbols], capture_output=True, text=True, check=True).stdout
    place = start + int(re.search(rf"^([0-9a-f]+) [tT] {function}$", names, re.MULTILINE)[1], 16)
    result = subprocess.run(["gdb", "--batch", "--nx", "-q", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-p", str(process),
                             "-ex", f"tbreak *{place} thread 1", "-ex", "continue", "-ex", "set $sp = 16", "-ex", "detach"], capture_output=True, text=True, timeout=60)
    wait_until(lambda: int(show(lit, "NRestarts")) > restarts, f"the restart of {process} in\n{lit.journal()}\n{result.stdout}{result.stderr}")
    wait_until(lambda: lives(lit), "the node")
    offset = re.search(r"^event=crashed signal=11 offset=(0x[0-9a-f]+) address=0x", lit.journal(), re.MULTILINE)[1]
    assert 0 <= int(offset, 16) - (place - start) < 64
    assert subprocess.run(["addr2line", "-f", "-e", symbols, offset], capture_output=True, text=True, check=True).stdout.splitlines()[0] == function


@pytest.mark.long
def test_the_watchdog_ends_a_node_whose_loop_hangs(lit, changed):
    """Only the thread with the loop is stopped: nobody else feeds the watchdog."""
    changed("[Service]\nWatchdogSec=2\nTimeoutAbortSec=2\n")
    lit.run("systemctl", "restart", "maud")
    former = show(lit, "MainPID")
    time.sleep(5)
    assert lives(lit) and show(lit, "MainPID") == former, "a loop that turns feeds it"
    with Stopped(lit.main_process()) as thread: wait_until(lambda: thread.proceeds() and show(lit, "MainPID") not in (former, "0"), "another node")
    assert "Watchdog timeout" in lit.journal()


@pytest.mark.long
def test_one_that_ends_again_and_again_is_started_more_and_more_rarely(lit, changed):
    changed("[Service]\nExecStart=\nExecStart=/bin/sh -c 'exit 70'\n")
    before = int(show(lit, "NRestarts"))

    def pause():
        value = show(lit, "RestartUSecNext")
        return sum(float(number) * {"ms": 0.001, "s": 1, "min": 60}[unit] for number, unit in re.findall(r"([0-9.]+)(ms|s|min)", value))
    lit.run("systemctl", "restart", "maud", check=False)
    wait_until(lambda: int(show(lit, "NRestarts")) >= before + 2, f"two more starts in\n{lit.journal()}")
    third = pause()
    assert 2 < third < 10
    wait_until(lambda: int(show(lit, "NRestarts")) >= before + 3, "another start")
    assert pause() > 1.5 * third
    assert show(lit, "RestartMaxDelayUSec") == "5min"


@pytest.mark.long
def test_a_board_json_that_is_wrong_from_the_start_is_not_tried_for_ever(lit):
    lit.write("/etc/maud/board.json", b'{"name": "x", "colour": 1}')
    assert lit.run("systemctl", "restart", "maud", check=False).returncode != 0
    time.sleep(2)
    assert lit.run("systemctl", "is-failed", "maud", check=False).stdout.strip() == "failed"
    assert "colour" in lit.journal()


def test_keys_never_lie_where_memory_is_swapped(lit):
    assert lit.run("stat", "-f", "-c", "%T", "/run/maud").stdout.strip() == "ramfs"
    # The processes, where the kernel can: Raspberry Pi OS starts it without the memory control group.
    assert show(lit, "MemorySwapMax") == "0"
    group = lit.group / show(lit, "ControlGroup").lstrip("/")
    if (group / "memory.swap.max").exists(): assert (group / "memory.swap.max").read_text().strip() == "0"
    lit.run("systemctl", "stop", "maud")
    wait_until(lambda: lit.run("mountpoint", "-q", "/run/maud", check=False).returncode != 0, "the end of the memory")
