"""A day of a node in under an hour: four sensors, three followers, a chatty controller, and a network that is gone for minutes every hour.

The nodes are the real binary with the real gpg; time is skipped while all of them wait (warp.py). After the first hour memory must not grow by more than 5 %,
and nothing may leak. Prints JSON lines. `soak.py 2` is two hours, for development.
"""
import ctypes
import heapq
import http.client
import itertools
import json
import os
import random
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from warp import SECOND, Warp

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Tests/EndToEnd"))
from commands import Controller  # noqa: E402
from harness import GnuPG, Node, wait_until  # noqa: E402

HOUR = 3600 * SECOND
OUTSIDE, BOARD = "192.0.2.1", "192.0.2.2"
GROWTH = 1.05           # of private memory, after the first hour
SAMPLE_SECONDS = 290    # a connection or a timer more is no leak when it goes again, nor is memory while old files are removed
COMMAND_SECONDS = 120
QUESTION_SECONDS = 10   # between two requests of the controller: a challenge, the listing, a file
SENSORS = [("outside", 20, "public"), ("inside", 30, "public"), ("soil", 30, {"group": "viewers"}), ("load", 60, {"group": "viewers"})]
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def say(**line):
    print(json.dumps(line), flush=True)


class Network:
    """Two ends of a wire: this process's, where the followers are, and the board's."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
            raise SystemExit(f"soak: needs root for network namespaces: {os.strerror(ctypes.get_errno())}")
        run("mount", "--make-rprivate", "/")
        # No bus: discovery and Bluetooth try again as long as the node runs.
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        self.holder = subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"])
        self.inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, "a network of the board's own")
        run("ip", "link", "set", "lo", "up")
        run(*self.inside, "ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "outside", "type", "veth", "peer", "name", "board", "netns", str(self.holder.pid))
        run("ip", "address", "add", f"{OUTSIDE}/24", "dev", "outside")
        run(*self.inside, "ip", "address", "add", f"{BOARD}/24", "dev", "board")
        run("ip", "link", "set", "outside", "up")
        self.set(True)

    def set(self, is_there):
        run(*self.inside, "ip", "link", "set", "board", "up" if is_there else "down")

    def close(self):
        self.holder.kill()
        self.holder.wait()


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


def sensors():
    """Their retention is reached within the first hour."""
    return [{"name": name, "title": name, "property": "temperature", "unitCode": "CEL", "unitText": "°C", "minimum": -40, "maximum": 85, "decimals": 3,
             "source": {"type": "simulator", "waveform": "triangle", "low": 18, "high": 24, "cycle": 600}, "period": period, "batch": 10, "audience": audience,
             "retention": {"count": 3600 // period // 10 - 1}} for name, period, audience in SENSORS]


class Soak:
    def __init__(self, directory, hours):
        self.hours, self.directory = hours, directory
        self.random = random.Random(5)
        self.network = Network()
        self.gnupg = GnuPG(directory / "gnupg")
        self.warp = Warp(directory / "warp")
        self.nodes = []
        self.events, self.number = [], itertools.count()
        self.is_there, self.sent, self.asked, self.failed, self.missed = True, 0, 0, 0, 0
        self.samples, self.first = [], None

    def prepare(self):
        self.board = self.node("board")
        self.board.write_board(sensors=sensors())
        self.controller = Controller(self.board, self.gnupg)
        self.gnupg.import_key(self.board.public_key())
        for number in range(3):
            follower = self.node(f"follower-{number}")
            follower.write_board(sensors=[], actuators=[])
            self.befriend(follower)
        self.age()
        os.environ.update(self.warp.environment)
        self.board.start(http=f"{BOARD}:8008", https=f"{BOARD}:8448", wrapper=self.network.inside)
        for follower in self.nodes[1:]:
            follower.start("--no-mdns", "--no-bluetooth", "--peer", f"{self.board.fingerprint}={BOARD}:8448")
        for node in self.nodes:
            self.warp.follow(node.pid)

    def node(self, name):
        node = Node(self.directory / name).init(name=name)
        node.weaken_passphrase(self.gnupg)
        self.nodes.append(node)
        return node

    def befriend(self, follower):
        key, own = follower.directory / "board.pgp", self.board.directory / f"{follower.fingerprint}.pgp"
        key.write_bytes(self.board.public_key())
        own.write_bytes(follower.public_key())
        follower.command("friend add", key)
        follower.command("friend follow", self.board.fingerprint)
        self.board.command("friend add", "--group", "viewers", own)

    def age(self):
        """The board has been commanded before: as many answers and files of the log as it ever keeps, so that its index does not grow by them."""
        source = self.board.directory / "old"
        source.write_text("{}")
        self.board.command("publish", "--public", "--name", "old.pgp", source)
        content, past = (self.board.own / "old.pgp").read_bytes(), time.time() - 4000
        for number in range(1000):
            for offset, name in enumerate((f"a-{secrets.token_hex(16)}.json.pgp", f"log-{number + 1:012}.json.pgp")):
                (self.board.own / name).write_bytes(content)
                os.utime(self.board.own / name, (past + number + offset / 2,) * 2)

    # What happens

    def at(self, time, body):
        heapq.heappush(self.events, (time, next(self.number), body))

    def plan(self):
        begin = self.begin = self.warp.now()
        for hour in range(self.hours):
            start = begin + hour * HOUR
            lost = start + self.random.randrange(300, 2400) * SECOND
            self.at(lost, lambda: self.lose(True))
            self.at(lost + self.random.randrange(120, 480) * SECOND, lambda: self.lose(False))
            for second in range(COMMAND_SECONDS, 3600, COMMAND_SECONDS):
                self.at(start + second * SECOND, self.command)
            for second in range(QUESTION_SECONDS, 3600, QUESTION_SECONDS):
                self.at(start + second * SECOND + SECOND // 2, self.ask)
            for second in range(SAMPLE_SECONDS, 3600, SAMPLE_SECONDS):
                self.at(start + second * SECOND + SECOND // 4, self.sample)
            self.at(start + HOUR, lambda hour=hour: self.hour(hour + 1))

    def live(self):
        self.plan()
        while self.events:
            moment, _, body = heapq.heappop(self.events)
            self.warp.advance(moment)
            body()

    def lose(self, is_lost):
        self.is_there = not is_lost
        self.network.set(self.is_there)
        if self.is_there:
            # The kernel's own time is not skipped: it looks for neighbours at its leisure.
            wait_until(self.is_reachable, "the network's return")

    @staticmethod
    def is_reachable():
        with socket.socket() as connection:
            connection.settimeout(1)
            return connection.connect_ex((BOARD, 8008)) == 0

    def command(self):
        if not self.is_there:
            self.missed += 1
            return
        self.sent += 1
        # One answer in ten is verified as well: that costs more than all the rest.
        text = self.controller.text(self.sent % 2, start=self.warp.wall())
        status, headers, body = self.request("PUT", f"/p2p/{self.controller.fingerprint}/c-{self.sent}.json.pgp", self.controller.sign(text), {"Prefer": "return=representation"})
        answer = self.controller.answer(headers, body) if self.sent % 10 == 1 else None
        if status != 201 or answer and answer["actionStatus"] != "CompletedActionStatus":
            self.failed += 1
            say(event="command-failed", status=status, answer=answer)

    def ask(self):
        if self.is_there:
            self.asked += 1
            self.request("GET", f"/p2p/{self.board.fingerprint}" + ("/challenge", "", "/device.json.pgp", "?limit=10", "/nothing.pgp")[self.asked % 5])

    def request(self, method, target, content=None, fields=None):
        """(status, headers by lower-case name, body), on a connection of its own."""
        connection = http.client.HTTPConnection(BOARD, 8008, timeout=60)
        try:
            connection.request(method, target, content, fields or {})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    # What is measured

    def sample(self):
        self.samples.append([self.measure(node) for node in self.nodes])

    def measure(self, node):
        directory = Path(f"/proc/{node.pid}")
        # Between fork and exec memory is nobody's own.
        self.warp.settle()
        memory = {line.split()[0]: int(line.split()[1]) for line in (directory / "smaps_rollup").read_text().splitlines()[1:]}
        descriptors = len(list((directory / "fd").iterdir()))
        tasks = list((directory / "task").iterdir())
        children = [word for task in tasks for word in (task / "children").read_text().split()]
        status = node.status()
        programs = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines()
        return {"privateDirtyKiB": memory["Private_Dirty:"], "proportionalKiB": memory["Pss:"], "descriptors": descriptors - status["server"]["openConnections"], "threads": len(tasks), "children": len(children),
                "timers": status["timers"], "agents": len([line for line in programs if "gpg-agent" in line and str(node.runtime) in line]), "files": status["content"]["files"]}

    def hour(self, number):
        """What was there in that hour: of memory the median, of all that can leak the least."""
        values = [{key: (statistics.median_high if key.endswith("KiB") else min)(sample[index][key] for sample in self.samples) for key in self.samples[0][index]}
                  for index in range(len(self.nodes))]
        self.samples = []
        self.first, self.last = self.first or values, values
        for node, measured in zip(self.nodes, values):
            say(hour=number, node=node.directory.name, realSeconds=round(time.monotonic() - self.started), commands=self.sent, **measured)

    # What must hold

    def judge(self):
        wrong = []
        for node, first, last in zip(self.nodes, self.first, self.last):
            for key in ("descriptors", "threads", "children", "timers", "agents"):
                if last[key] > first[key]:
                    wrong.append(f"{node.directory.name}: {key} {first[key]} after an hour, {last[key]} at the end")
        ratio = self.last[0]["privateDirtyKiB"] / self.first[0]["privateDirtyKiB"]
        if ratio > GROWTH:
            wrong.append(f"private memory of the board is {ratio:.3f} times that of the first hour")
        if self.failed:
            wrong.append(f"{self.failed} of {self.sent} commands failed")
        wrong += self.missing()
        say(result="soak", hours=self.hours, realSeconds=round(time.monotonic() - self.started), memoryRatio=round(ratio, 4), commands=self.sent, requests=self.asked,
            duringLoss=self.missed, skips=self.warp.skips, failedVisits=[node.status()["sync"]["failedVisits"] for node in self.nodes[1:]], wrong=wrong)
        return wrong

    def missing(self):
        """Every follower has every batch that the board has had: numbers without a gap, the newest included."""
        wrong = []
        for name, period, _ in SENSORS:
            newest = max(path.name for path in self.board.own.glob(f"r-{name}-*"))
            for follower in self.nodes[1:]:
                got = sorted(path.name for path in (follower.root / self.board.fingerprint).glob(f"r-{name}-*"))
                expected = [f"r-{name}-{number + 1:012}.json.pgp" for number in range(int(newest.split("-")[2].split(".")[0]))]
                if got != expected:
                    wrong.append(f"{follower.directory.name} has {len(got)} of {len(expected)} batches of {name}")
        for follower in self.nodes[1:]:
            if not follower.status()["sync"]["failedVisits"]:
                wrong.append(f"{follower.directory.name} noticed no loss of the network")
        return wrong

    def run(self):
        self.started = time.monotonic()
        try:
            self.prepare()
            self.live()
            # What was published last is fetched within the next visit.
            self.warp.advance(self.warp.now() + 70 * SECOND)
            return self.judge()
        finally:
            for node in self.nodes:
                node.close()
            self.gnupg.close()
            self.network.close()


def main():
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    build = REPOSITORY / ".build"
    build.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="soak-", dir=build))
    wrong = Soak(directory, hours).run()
    if wrong:
        raise SystemExit(f"soak: {'; '.join(wrong)} (see {directory})")
    shutil.rmtree(directory)


main()
