"""An emulated board: qemu-system-aarch64 with a Cortex-A53, Debian 13 and its systemd (scripts/make-board-image.sh)."""
import base64
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from network import WIRE

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = REPOSITORY / ".build/board"
BOOT = 300  # seconds; 25 where nothing else runs
COUNTER = 62_500_000  # its ticks a second
# What costs the emulator a third of a boot, and is nothing that the node could see.
CHEAPER = "mitigations=off audit=0 init_on_alloc=0 rodata=off nokaslr apparmor=0 selinux=0"
PORTS = 2   # commands at a time
NAMES = ("system", "data")  # /dev/vda, /dev/vdb


class BoardError(AssertionError):
    pass


def make_disk(path, base=None, size=None):
    """A disk on which changes are kept apart from those of its base."""
    words = ["-b", base, "-F", "qcow2" if str(base).endswith("qcow2") else "raw"] if base else []
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *map(str, words), str(path), *([size] if size else [])], check=True)
    return path


class Emulator:
    """One board, on or off. Switched off, only its disks are left. It ends with this process, whatever that dies of (PR_SET_PDEATHSIG)."""

    def __init__(self, directory, disks, memory=512, date=None):
        self.directory, self.disks, self.memory = Path(directory), disks, memory
        self.set_speed(1)
        self.date = date  # what a battery clock says at each start; None: the time
        self.process = self.monitor = None
        self.ports = []
        self.console = self.directory / "console.log"

    def set_speed(self, speed):
        """From the next start its time passes so many times as fast: the kernel is told that its counter is slower than it is."""
        # What systemd waits for takes longer by its clock.
        self.patience = f"systemd.default_timeout_start_sec={90 * speed} systemd.default_device_timeout_sec={90 * speed}"
        self.tree = shutil.copy(IMAGE / "board.dtb", self.directory / "board.dtb")
        if speed != 1:
            subprocess.run(["fdtput", "-t", "u", self.tree, "/timer", "clock-frequency", str(COUNTER // speed)], check=True)

    # On and off

    def line(self, frozen, append):
        words = ["setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-smp", 2, "-m", self.memory, "-accel", "tcg,thread=multi", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", IMAGE / "vmlinuz", "-initrd", IMAGE / "initrd.cpio", "-dtb", self.tree,
                 "-append", f"console=ttyAMA0 panic=-1 quiet {CHEAPER} {self.patience} {append}", "-chardev", f"file,id=console,append=on,path={self.console}", "-serial", "chardev:console",
                 "-qmp", f"unix:{self.directory}/monitor,server=on,wait=off", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
                 "-netdev", f"tap,id=wire,ifname={WIRE},script=no,downscript=no", "-device", "virtio-net-pci,netdev=wire,romfile="]
        # What the guest flushed is in the file: only the emulator is ever cut off, not this machine.
        for name, disk in zip(NAMES, self.disks):
            words += ["-drive", f"if=none,id={name},cache=unsafe,discard=unmap,format=qcow2,file={disk}", "-device", f"virtio-blk-pci,drive={name}"]
        for number in range(PORTS):
            words += ["-chardev", f"socket,id=control{number},path={self.directory}/control{number},server=on,wait=off",
                      "-device", f"virtserialport,chardev=control{number},name=control{number}"]
        if self.date:
            words += ["-rtc", f"base={self.date},clock=vm"]
        if frozen:
            words += ["-incoming", f"exec:cat '{frozen}'"]
        return [str(word) for word in words]

    def start(self, frozen=None, append="", wait=True):
        """Switches it on, or goes on from where freeze() stopped it."""
        assert not self.process
        for name in ("monitor", *(f"control{number}" for number in range(PORTS))):
            (self.directory / name).unlink(missing_ok=True)
        with open(self.directory / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(self.line(frozen, append), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.monitor = Monitor(self.connect("monitor"))
        self.ports = [Port(self.connect(f"control{number}")) for number in range(PORTS)]
        if frozen:
            self.monitor.wait_until("query-status", "paused", BOOT)
            self.monitor.ask("cont")
            self.run(f"date -u -s @{time.time():.3f} > /dev/null")  # as a time server tells it
        elif wait:
            self.wait_for_control()
        return self

    def connect(self, name):
        end = time.monotonic() + 30
        connection = socket.socket(socket.AF_UNIX)
        while connection.connect_ex(str(self.directory / name)) != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                raise BoardError(f"the emulator does not start: {(self.directory / 'qemu.log').read_text()[-2000:]}")
            time.sleep(0.05)
        return connection

    def wait_for_control(self):
        for port in self.ports:
            port.wait_ready(BOOT, self.console_end)

    def cut(self):
        """The power goes."""
        self.process.kill()
        self.process.wait()
        self.process = None
        for port in self.ports:
            port.close()
        self.monitor.close()

    close = lambda self: self.process and self.cut()

    def switch_off(self):
        """In order."""
        self.ports[0].send("systemctl poweroff", 60)
        self.process.wait(BOOT)
        self.cut()

    def freeze(self, file):
        """Keeps all there is but the disks in a file, and ends: with these disks, or copies, start() goes on from there as often as one likes."""
        self.monitor.ask("stop")
        self.monitor.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.monitor.ask("migrate", uri=f"exec:cat > '{file}'")
        self.monitor.wait_until("query-migrate", "completed", BOOT)
        self.monitor.ask("quit")
        self.process.wait(30)
        self.cut()

    # Inside

    def run(self, commands, seconds=120, check=True, port=0):
        """What shell commands print; what they leave in the background must have its output elsewhere."""
        status, output = self.ports[port].ask(commands, seconds)
        if check and status != 0:
            raise BoardError(f"{commands!r} on the board exits with {status}:\n{output}\n{self.console_end()}")
        return output

    def wait_for(self, commands, what, seconds=90):
        """Asks again and again until the commands succeed; what they print last."""
        try:
            return self.run(f"until ( {commands} ) > /run/wait-$$ 2>&1; do sleep 0.2; done; cat /run/wait-$$; rm /run/wait-$$", seconds)
        except BoardError:
            raise BoardError(f"{what} did not happen within {seconds} s on the board\n{self.console_end()}\n{self.journal()}") from None

    def write(self, path, data, mode="644"):
        data = data.encode() if isinstance(data, str) else data
        self.run(f"mkdir -p $(dirname {path}); base64 -d > {path} << 'END'\n{base64.encodebytes(data).decode()}END\nchmod {mode} {path}")

    def read(self, path):
        return base64.b64decode(self.run(f"base64 -w 0 {path}"))

    def status(self):
        return json.loads(self.run("maud status --state /var/lib/maud/state"))

    def journal(self, lines=40):
        return self.run(f"journalctl --no-pager -o short-monotonic -u maud -u maud-setup -n {lines}", check=False)

    def console_end(self):
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-15:])


class Port:
    """A way in for commands, one at a time (guest/files/usr/local/sbin/control)."""

    def __init__(self, connection):
        self.connection, self.number = connection, 0
        self.buffer = b""

    def line(self, seconds):
        self.connection.settimeout(seconds)
        while b"\n" not in self.buffer:
            data = self.connection.recv(1 << 16)
            if not data:
                raise BoardError("the board is off")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode()

    def wait_ready(self, seconds, excuse):
        try:
            assert self.line(seconds) == "ready"
        except TimeoutError:
            raise BoardError(f"the board does not boot within {seconds} s:\n{excuse()}") from None

    def send(self, commands, seconds):
        self.number += 1
        self.connection.sendall(f"{self.number} {seconds} {base64.b64encode(commands.encode()).decode()}\n".encode())

    def ask(self, commands, seconds):
        self.send(commands, seconds)
        while True:
            identifier, status, *output = self.line(seconds * 2 + 60).split(" ")
            if identifier == str(self.number):
                return int(status), base64.b64decode(output[0] if output else "").decode(errors="replace")

    def close(self):
        self.connection.close()


class Monitor:
    """The emulator's own commands (QMP)."""

    def __init__(self, connection):
        self.connection = connection
        self.file = connection.makefile("r")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.connection.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                assert "error" not in answer, answer
                return answer["return"]

    def wait_until(self, query, status, seconds):
        end = time.monotonic() + seconds
        while (found := self.ask(query).get("status")) != status:
            assert found != "failed" and time.monotonic() < end, f"{query}: {found}"
            time.sleep(0.05)

    def close(self):
        self.file.close()
        self.connection.close()
