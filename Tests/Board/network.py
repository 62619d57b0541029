"""A network of this process's own: the PC's end of a wire (a tap device) whose other end is the emulated board, with a bus and an Avahi daemon for the PC.

Needs no root where users may make namespaces: there the tests run as root of one.
"""
import ctypes
import os
import signal
import socket
import subprocess
from pathlib import Path

from harness import wait_until
from test_discovery import AVAHI, BUS

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
WIRE = "board"
PC, BOARD = "192.0.2.1", "192.0.2.2"


def enter():
    """Takes this process, and all that it starts from now on, off the machine's network and out of its /run. Why not, if it cannot be."""
    user, group = os.getuid(), os.getgid()
    flags = CLONE_NEWNET | CLONE_NEWNS | (CLONE_NEWUSER if user != 0 else 0)
    if ctypes.CDLL(None, use_errno=True).unshare(flags) != 0:
        return f"no namespaces here: {os.strerror(ctypes.get_errno())}"
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    for words in (("mount", "--make-rprivate", "/"), ("mount", "-t", "tmpfs", "tmpfs", "/run"), ("ip", "link", "set", "lo", "up"),
                  ("ip", "tuntap", "add", WIRE, "mode", "tap"), ("ip", "address", "add", f"{PC}/24", "dev", WIRE), ("ip", "link", "set", WIRE, "up")):
        result = subprocess.run(words, capture_output=True, text=True)
        if result.returncode != 0:
            return f"{' '.join(words)}: {result.stderr.strip()}"
    os.mkdir("/run/avahi-daemon")
    return None


class PCServices:
    """dbus-daemon and avahi-daemon of the PC."""

    def __init__(self, directory):
        self.bus = directory / "bus"
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={self.bus}"
        (directory / "bus.conf").write_text(BUS.format(path=self.bus))
        (directory / "avahi.conf").write_text(AVAHI.format(host="pc"))
        self.processes = []
        self.begin(directory, "dbus-daemon", f"--config-file={directory}/bus.conf", "--nofork")
        wait_until(self.answers, "the bus")
        self.begin(directory, "avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", directory / "avahi.conf")

    def begin(self, directory, *line):
        with open(directory / f"{line[0]}.log", "ab") as log:
            self.processes.append(subprocess.Popen(list(map(str, line)), stdout=log, stderr=log))

    def answers(self):
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.bus)) == 0

    def close(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            process.wait()
