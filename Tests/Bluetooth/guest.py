"""A Debian machine in QEMU: Debian's stock kernel, its bluetoothd, and no radio. The controllers that it sees are on the other side of a virtio console (radio.py)."""
import asyncio
import base64
import functools
import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = REPOSITORY / ".build/bluetooth"
CONTROLS = 3  # commands at a time
BOOT = 90  # seconds; 6 where nothing else runs
ADAPTERS = 2


class GuestError(AssertionError):
    pass


@functools.cache
def accelerator():
    """KVM only where it is seen running a guest: /dev/kvm may be there and yet not work."""
    if re.search(r"^flags.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE) and os.access("/dev/kvm", os.R_OK | os.W_OK):
        line = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "256",
                "-serial", "stdio", "-kernel", IMAGES / "kernel/vmlinuz", "-append", "console=ttyS0 panic=-1"]
        try:  # without a root file system it comes as far as its panic, and ends
            if b"Kernel panic" in subprocess.run(line, capture_output=True, timeout=20).stdout:
                return ["-accel", "kvm", "-cpu", "host"]
        except subprocess.TimeoutExpired:
            pass
    # An older processor: without AVX the loader of programs saves fewer registers, and programs take simpler ways, which is a quarter less to emulate.
    return ["-accel", "tcg,thread=multi", "-cpu", "Westmere"]


def cpio(tree):
    """A directory as an archive that the kernel unpacks behind the image's own."""
    names = subprocess.run(["find", "."], cwd=tree, capture_output=True, check=True).stdout
    return subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=tree, input=names, capture_output=True, check=True).stdout


class Guest:
    """One virtual machine. It ends with this process, whatever that dies of (PR_SET_PDEATHSIG)."""

    def __init__(self, directory, suite, payload):
        self.directory, self.suite = Path(directory), suite
        self.directory.mkdir()
        self.initrd = self.directory / "initrd"
        with open(self.initrd, "wb") as file:
            with open(IMAGES / f"{suite}.cpio", "rb") as image:
                shutil.copyfileobj(image, file)
            file.write(cpio(payload))
        self.console = self.directory / "console.log"
        self.controls = []
        self.number = 0
        self.process = None

    def hci_socket(self, adapter):
        return self.directory / f"hci{adapter}"

    def start(self):
        """Starts QEMU; the controllers must listen on hci_socket() by now."""
        ports, listeners = [], []
        for number in range(CONTROLS):
            path = self.directory / f"control{number}"
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(BOOT)
            listeners.append(listener)
            ports += ["-chardev", f"socket,id=control{number},path={path}", "-device", f"virtserialport,chardev=control{number},name=control{number}"]
        for adapter in range(ADAPTERS):
            ports += ["-chardev", f"socket,id=hci{adapter},path={self.hci_socket(adapter)}", "-device", f"virtconsole,chardev=hci{adapter}"]
        line = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *accelerator(), "-M", "q35", "-m", "768", "-nodefaults", "-no-user-config",
                "-display", "none", "-no-reboot", "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
                "-device", "virtio-serial-pci,max_ports=16", *ports, "-kernel", IMAGES / "kernel/vmlinuz", "-initrd", self.initrd,
                "-append", "console=ttyS0 panic=-1 quiet mitigations=off rdinit=/init"]
        with open(self.directory / "qemu.log", "wb") as log:
            self.process = subprocess.Popen([str(word) for word in line], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for listener in listeners:
            self.controls.append(Control(listener.accept()[0]))
            listener.close()

    async def run(self, commands, seconds=60, check=True):
        """The output of shell commands in the guest; what they leave in the background must have its output elsewhere."""
        control = min(self.controls, key=lambda one: one.waiting)
        status, output = await asyncio.wait_for(asyncio.wrap_future(control.ask(commands, seconds)), seconds * 2 + 60)
        if check and status != 0:
            raise GuestError(f"{commands!r} in the guest exits with {status}:\n{output}")
        return output

    async def wait_for(self, commands, what, seconds=30):
        """Asks again and again until the commands succeed; what they print last."""
        try:
            return await self.run(f"until ( {commands} ) > /tmp/wait-$$ 2>&1; do sleep 0.1; done; cat /tmp/wait-$$; rm /tmp/wait-$$", seconds)
        except GuestError:
            raise GuestError(f"{what} did not happen within {seconds} s in the guest\n{self.console_end()}") from None

    async def read(self, path):
        return base64.b64decode(await self.run(f"base64 {path} | tr -d '\\n'"))

    async def write(self, path, data):
        await self.run(f"base64 -d > {path} << 'END'\n{base64.encodebytes(data).decode()}END")

    def console_end(self):
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-15:])

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        for control in self.controls:
            control.close()
        self.initrd.unlink(missing_ok=True)


class Control:
    """One port of commands. A thread of its own reads it: a guest that hangs delays nobody but who waits for it."""

    def __init__(self, connection):
        self.connection, self.lock = connection, threading.Lock()
        self.waiting, self.number, self.questions = 0, 0, {}
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def ask(self, commands, seconds):
        from concurrent.futures import Future
        future = Future()
        with self.lock:
            self.number += 1
            self.waiting += 1
            self.questions[str(self.number)] = future
            text = base64.b64encode(commands.encode()).decode()
            self.connection.sendall(f"{self.number} {seconds} {text}\n".encode())
        return future

    def listen(self):
        for line in self.connection.makefile():
            identifier, _, rest = line.strip().partition(" ")
            with self.lock:
                future = self.questions.pop(identifier, None)
                self.waiting -= future is not None
            if future and not future.done():
                status, _, output = rest.partition(" ")
                future.set_result((int(status), base64.b64decode(output).decode(errors="replace")))
        with self.lock:
            left, self.questions = self.questions, {}
        for future in left.values():
            if not future.done():
                future.set_exception(GuestError("the guest has ended"))

    def close(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()
