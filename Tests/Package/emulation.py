"""Debian 13 systems of other architectures, whose programs qemu-user runs: as an image for a board is made on a PC. Needs root."""
import pathlib
import shutil

import machine

REGISTRY = pathlib.Path("/proc/sys/fs/binfmt_misc")
# Of an executable: its architecture's ELF header, and which bits of it count.
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
MACHINES = {"arm64": ("aarch64", r"\x02\x01", r"\xb7"), "armhf": ("arm", r"\x01\x01", r"\x28")}
PACKAGES = ["systemd", "systemd-sysv", "udev", "dbus", "gpg", "gpg-agent", "libgpgme11t64", "acl"]


def interpreter(architecture):
    name = f"qemu-{MACHINES[architecture][0]}"
    return shutil.which(name + "-static") or shutil.which(name)


def missing(architecture):
    """Why there can be no such system here; None: there can."""
    if machine.missing(): return machine.missing()
    if interpreter(architecture) is None: return "needs qemu-user"
    if not REGISTRY.exists(): return "needs binfmt_misc"
    return None


class Emulation:
    """While this is entered, the kernel runs programs of the architecture; unless it did before, it stops doing so afterwards."""

    def __init__(self, architecture):
        name, kind, number = MACHINES[architecture]
        self.entry = REGISTRY / f"qemu-{name}"
        magic = rf"\x7fELF{kind}\x01" + r"\x00" * 9 + rf"\x02\x00{number}\x00"
        # F: the interpreter is opened now, so that it is there in every root directory.
        self.line = f":{self.entry.name}:M::{magic}:{MASK}:{interpreter(architecture)}:F"
        self.mounted = self.registered = False

    def __enter__(self):
        if not (REGISTRY / "register").exists():
            machine.mount("-t", "binfmt_misc", "binfmt_misc", REGISTRY)
            self.mounted = True
        if not self.entry.exists():
            (REGISTRY / "register").write_text(self.line)
            self.registered = True
        return self

    def __exit__(self, *_):
        if self.registered: self.entry.write_text("-1")
        if self.mounted: machine.unmount(REGISTRY)
