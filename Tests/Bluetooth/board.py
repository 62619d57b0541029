"""The board in the guest: bluetoothd, its adapters, and a node made on this machine that runs there."""
import asyncio
import json
import re
import shlex

BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
MAIN = "/etc/bluetooth/main.conf"
NODE = "/node"
RUNTIME = "/dev/shm/maud"


def start_in_background(name, line):
    """Shell commands that start a program with its output in /tmp/<name>.log and its number in /tmp/<name>.pid."""
    return f"setsid {line} >> /tmp/{name}.log 2>&1 < /dev/null & echo $! > /tmp/{name}.pid"


def stop(name, number="TERM"):
    """Shell commands that end such a program and wait for its end."""
    return (f"if [ -e /tmp/{name}.pid ]; then pid=$(cat /tmp/{name}.pid); kill -{number} $pid 2> /dev/null; "
            f"while kill -0 $pid 2> /dev/null; do sleep 0.05; done; rm /tmp/{name}.pid; fi")


class Board:
    """What can happen to a board's Bluetooth. `damaged` is set by whatever repair() has to look at."""

    def __init__(self, guest, radio):
        self.guest, self.radio = guest, radio
        self.run, self.wait_for = guest.run, guest.wait_for
        self.settings = None
        self.damaged = False

    # The controller

    async def plug(self, adapter=0, extended=False):
        self.radio.plug(adapter, extended)
        await self.run(start_in_background(f"btattach{adapter}", f"btattach -B /dev/hvc{adapter} -P h4 -N"))
        await self.wait_for(f"[ -e /sys/class/bluetooth/hci{adapter} ]", f"hci{adapter}")

    async def unplug(self, adapter=0):
        self.damaged = True
        self.radio.unplug(adapter)
        await self.run(stop(f"btattach{adapter}"))
        await self.wait_for(f"[ ! -e /sys/class/bluetooth/hci{adapter} ]", f"the end of hci{adapter}")

    async def block(self, blocked, adapter=0):
        """rfkill"""
        self.damaged = True
        await self.run(f"for switch in /sys/class/bluetooth/hci{adapter}/rfkill*; do echo {int(blocked)} > $switch/soft; done")

    async def power(self, on):
        self.damaged = True
        await self.run(f"timeout 15 bluetoothctl power {'on' if on else 'off'}")

    async def powered(self):
        await self.wait_for("timeout 5 bluetoothctl show | grep -q 'Powered: yes'", "the adapter's power")

    # bluetoothd

    async def start_bluetoothd(self, settings, options=""):
        self.settings = settings
        await self.guest.write(MAIN, f"[General]\n{settings}\n[Policy]\nAutoEnable=true\n".encode())
        await self.run(start_in_background("bluetoothd", f"{BLUETOOTHD} -n {options}"))

    async def stop_bluetoothd(self, number="TERM"):
        self.damaged = True
        await self.run(stop("bluetoothd", number))

    async def restart_bluetoothd(self, settings, options=""):
        await self.stop_bluetoothd()
        await self.start_bluetoothd(settings, options)
        await self.powered()

    async def repair(self, settings):
        """As it was after the boot."""
        for adapter in list(self.radio.controllers):
            if adapter > 0 or self.radio.controllers[adapter].extended:
                await self.unplug(adapter)
        if 0 not in self.radio.controllers:
            await self.plug()
        await self.block(False)
        await self.restart_bluetoothd(settings)
        self.damaged = False


class GuestNode:
    """A node made by harness.Node on this machine, run in the guest."""

    def __init__(self, guest, host, maud, place=NODE):
        self.guest, self.host, self.maud, self.place = guest, host, maud, place
        self.fingerprint = host.fingerprint
        self.arguments = ()

    async def start(self, *arguments, patience=60):
        self.arguments = arguments
        place = self.place
        words = ["run", "--root", f"{place}/root", "--passphrase-file", f"{place}/passphrase", "--board", f"{place}/board.json", "--state", f"{place}/state",
                 "--runtime", RUNTIME, "--http", "127.0.0.1:8008", "--https", "127.0.0.1:8448", "--no-mdns", *arguments]
        await self.guest.run(f"mkdir -p -m 700 {RUNTIME}; : > /tmp/maud.log; " + start_in_background("maud", f"{self.maud} {shlex.join(words)}"))
        try:
            await self.guest.wait_for("grep ^ready /tmp/maud.log", "the node's start", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{await self.log()}") from None

    async def stop(self, number="TERM"):
        await self.guest.run(stop("maud", number))
        await self.guest.run(f"for agent in $(pidof gpg-agent); do kill $agent; done; rm -rf {RUNTIME}", check=False)

    async def running(self):
        return (await self.guest.run("kill -0 $(cat /tmp/maud.pid) 2> /dev/null && echo yes", check=False)).strip() == "yes"

    async def log(self):
        return (await self.guest.read("/tmp/maud.log")).decode(errors="replace")

    async def logged(self, pattern, count=1, patience=20):
        """Waits until the log has so many lines that match; those lines."""
        await self.guest.wait_for(f"[ $(grep -c -E {shlex.quote(pattern)} /tmp/maud.log) -ge {count} ]", f"{count} lines like {pattern} in the node's log", patience)
        return [line for line in (await self.log()).splitlines() if re.search(pattern, line)]

    async def status(self):
        return json.loads(await self.guest.run(f"{self.maud} status --runtime {RUNTIME} --state {self.place}/state"))

    async def claim_code(self):
        text = await self.guest.run(f"{self.maud} claim-code --root {self.place}/root")
        return re.fullmatch(f"mau:{self.fingerprint}\\?claim=(\\S+)\n", text)[1]

    async def memory(self):
        """Octets of private memory, once they stay the same. The guest's disk is memory, so that the program's text counts as dirty there:
        anonymous memory is what Private_Dirty is on a board."""
        before = None
        while True:
            text = await self.guest.run("cat /proc/$(cat /tmp/maud.pid)/smaps_rollup")
            now = sum(int(size) for size in re.findall(r"Anonymous: +(\d+) kB", text)) * 1024
            if now == before:
                return now
            before = now
            await asyncio.sleep(0.5)  # the time is what is asked for: it is the same a while later

    def path(self, name=""):
        return f"/p2p/{self.fingerprint}" + (f"/{name}" if name else "")
