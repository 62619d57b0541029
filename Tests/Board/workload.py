"""What keeps a node busy while the power goes: readings every 3 s (a signature takes the emulator one) of which few are kept, a friend who publishes, and somebody who commands without a pause."""
import base64
import json
import secrets
import subprocess
import tarfile
import threading
import time
from io import BytesIO

from commands import Controller
from harness import GnuPG, Node
from network import BOARD, PC
from owned import configure

EXECUTIONS = "/var/lib/maud/executions"
EXECUTE = f"""#!/bin/sh
read -r value
echo "$value" >> {EXECUTIONS}/log
sync {EXECUTIONS}/log
"""


def sensor(name, audience):
    return {"name": name, "title": name, "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100, "decimals": 3,
            "source": {"type": "simulator", "cycle": 60}, "period": 3, "batch": 1, "audience": audience, "retention": {"count": 12}}


BUSY = {"name": "Busy", "sensors": [sensor("open", "public"), sensor("closed", {"group": "controllers"})],
        "actuators": [{"name": "counter", "title": "Counter", "type": "level", "minimum": 0, "maximum": 1_000_000_000,
                       "source": {"type": "command", "arguments": ["/usr/local/bin/execute"]}, "audience": {"group": "controllers"}}]}


class RemoteNode:
    """What Controller wants of a node, for one that runs on a board."""

    def __init__(self, board, fingerprint, directory):
        self.board, self.fingerprint, self.directory = board, fingerprint, directory

    def command(self, verb, *words):
        *options, key = words
        self.board.write("/root/key.pgp", key.read_bytes())
        self.board.run(f"maudctl {verb} {' '.join(options)} /root/key.pgp")

    def public_key(self):
        return base64.b64decode(self.board.run("maudctl export | base64 -w 0"))


def fetch(url, *words):
    """(status, content) of a request; the status is 0 when nobody answers."""
    line = ["curl", "-s", "--max-time", "20", "--connect-timeout", "3", "-w", "\n%{http_code}", *map(str, words), url]
    content, _, status = subprocess.run(line, capture_output=True).stdout.rpartition(b"\n")
    return int(status or 0), content


class Workload:
    def __init__(self, board, fingerprint, directory):
        self.board, self.fingerprint = board, fingerprint
        self.url = f"http://{BOARD}:8008/p2p/"
        self.gnupg = GnuPG(directory / "gnupg")
        self.friend = Node(directory / "friend").init(name="Friend")
        self.friend.start("--no-mdns", http=f"{PC}:0", https=f"{PC}:0")
        self.wait_serving(180)
        remote = RemoteNode(board, fingerprint, directory)
        self.gnupg.import_key(remote.public_key())
        self.gnupg.import_key(self.friend.public_key())
        self.commander = Controller(remote, self.gnupg)
        self.commands = {}  # value: what was sent
        self.answered = {}  # value: status
        self.seen = {}      # (fingerprint, name): sum, of what was listed for everybody
        self.statuses = {}
        self.verified = set()
        self.value = 0
        self.prepare(remote)

    def prepare(self, remote):
        key = self.friend.directory / "public.pgp"
        key.write_bytes(self.friend.public_key())
        remote.command("friend add", key)
        self.board.run(f"maudctl friend follow {self.friend.fingerprint}")
        self.board.write("/etc/default/maud", f'MAUD_OPTIONS="--peer {self.friend.fingerprint}={PC}:{self.friend.secure_port}"\n')
        self.board.write("/usr/local/bin/execute", EXECUTE, "755")
        self.board.run(f"mkdir -p {EXECUTIONS}; chown maud:maud {EXECUTIONS}")
        configure(self.board, BUSY)
        self.verified.update(self.sums().values())  # some of these are for the owner alone

    # While it runs

    def run_for(self, seconds):
        """Works for so long; the power may go meanwhile."""
        self.end = time.monotonic() + seconds
        workers = [threading.Thread(target=work) for work in (self.watch, self.command)]
        for worker in workers:
            worker.start()
        return workers

    def watch(self):
        while time.monotonic() < self.end:
            for fingerprint in (self.fingerprint, self.friend.fingerprint):
                self.seen.update(self.listing(fingerprint))
            time.sleep(0.1)

    def listing(self, fingerprint):
        status, content = fetch(self.url + fingerprint)
        return {(fingerprint, one["path"].rsplit("/", 1)[1]): one["sum"] for one in json.loads(content)} if status == 200 else {}

    def command(self):
        while time.monotonic() < self.end:
            self.value += 1
            value = self.value
            self.commands[value] = (secrets.token_hex(8), self.commander.sign(self.commander.text(value, "counter")))
            status, _ = self.send(value)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status in (200, 201):
                self.answered[value] = status

    def send(self, value):
        name, file = self.commands[value]
        return fetch(f"{self.url}{self.commander.fingerprint}/c-{name}.json.pgp", "-X", "PUT", "-H", "Expect:", "-H", "Content-Type: application/octet-stream",
                     "-H", "Prefer: return=representation", "--data-binary", self.commander.temporary(file))

    # When it is on again

    def wait_serving(self, seconds):
        """How long it takes until it answers again."""
        began = time.monotonic()
        while fetch(self.url + self.fingerprint)[0] != 200:
            assert time.monotonic() - began < seconds, f"the node does not serve again:\n{self.board.console_end()}\n{self.board.journal()}"
            time.sleep(0.2)
        return time.monotonic() - began

    def check(self):
        self.check_seen()
        self.check_files()
        self.check_executions()

    def check_seen(self):
        """Whatever was listed is there, the same, unless it was pruned: then all before it are gone too."""
        now = {**self.listing(self.fingerprint), **self.listing(self.friend.fingerprint)}
        for (fingerprint, name), sum in list(self.seen.items()):
            there = now.get((fingerprint, name))
            chain, _, number = name.removesuffix(".json.pgp").rpartition("-")
            if not name.startswith("r-"):
                assert there, f"{name} is gone"  # an edited one may have become another
            elif there:
                assert there == sum, f"{name} has changed"
            else:
                others = [one for author, one in now if author == fingerprint and one.startswith(chain + "-")]
                assert fingerprint == self.fingerprint and others and name < min(others), f"{name} is gone, and not pruned"
                del self.seen[fingerprint, name]

    def sums(self):
        """Of every file that the node, its friend and its commander have on the card."""
        directories = " ".join((self.fingerprint, self.friend.fingerprint, f".{self.commander.fingerprint}"))
        listed = self.board.run(f"cd /var/lib/maud/root && find {directories} -type f -name '*.pgp' -print0 2> /dev/null | xargs -0 sha256sum")
        return {line[66:]: line[:64] for line in listed.splitlines()}

    def check_files(self):
        """Every file on the card verifies, listed or not; nothing half-written is left."""
        found = self.sums()
        new = [name for name, sum in found.items() if sum not in self.verified]
        self.board.write("/run/new", "\n".join(new) + "\n")
        # A file that is pruned meanwhile was checked by its sum, or another time.
        archive = base64.b64decode(self.board.run("tar -C /var/lib/maud/root -c --ignore-failed-read -T /run/new 2> /dev/null | base64 -w 0"))
        sent = {file for _, file in self.commands.values()}
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member).read()
                if content in sent:
                    continue
                _, signer = self.gnupg.open(content)
                assert signer in member.name, f"{member.name} is signed by {signer}"
        self.verified.update(found.values())
        left = self.board.run("find /var/lib/maud/root -name '.maud-*.tmp'").split()
        assert len(left) <= 2, left  # being written now

    def executions(self):
        lines = self.board.run(f"cat {EXECUTIONS}/log").split()
        return {value: lines.count(str(value)) for value in self.commands}

    def check_executions(self):
        """Commands are sent again, the very same files: each was carried out at most once, and once if that was answered."""
        last = [value for value in self.commands if value > self.value - 3]
        for value in last:
            status, _ = self.send(value)
            assert status in (200, 201, 422, 409, 503), f"{value}: {status}"
        for value, count in self.executions().items():
            assert count <= 1, f"command {value} was carried out {count} times"
            assert count == 1 or value not in self.answered, f"command {value} was acknowledged and not carried out"

    def close(self):
        self.friend.close()
        self.gnupg.close()
