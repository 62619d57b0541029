"""A guest with a node in it and the air around both: what a test is given."""
import asyncio
import contextlib
import dataclasses
import random
import shutil
import subprocess
from pathlib import Path

from board import NODE, Board, GuestNode
from certificates import Identity
from commands import Controller
from exchange import Exchange, Secured
from guest import REPOSITORY, Guest
from companion import MAU, Person
from harness import MAUD, GnuPG, Node
from radio import Radio

HERE = Path(__file__).resolve().parent
LARGE = 80 * 1024
PERSON, NEWCOMER = "/ada", "/bob"  # in the guest
FRESH, CLAIMED = "/fresh", "/claimed"
# Not to be needed; the tests that show what BlueZ's default costs start bluetoothd without.
SETTINGS = "ReverseServiceDiscovery=false"


@dataclasses.dataclass
class Content:
    """What the node publishes."""
    host: Node
    gnupg: GnuPG
    friend: Controller
    certificate: Path  # the friend's for TLS, with its key
    person: Person     # a controller with `mau`
    fresh: Node        # without an owner
    newcomer: Person   # with `mau`, who has met nobody

    def close(self):
        for one in (self.host, self.fresh, self.person, self.newcomer, self.gnupg):
            one.close()

    def file(self, name):
        return (self.host.own / name).read_bytes()

    def verify(self, data):
        plain, signer = self.gnupg.open(data)
        assert signer == self.host.fingerprint
        return plain


def make_content(directory):
    """Makes a node on this machine: an identity, a friend who may command, public files of 550 octets and of 80 KiB, a private one. And one that is factory-fresh."""
    gnupg = GnuPG(directory / "gnupg")

    def make_node(name):
        node = Node(directory / name).init()
        gnupg.import_key(node.public_key())
        node.weaken_passphrase(gnupg)
        node.write_board(sensors=[], actuators=[{"name": "led", "title": "LED", "type": "switch", "source": {"type": "simulator"}}])
        return node
    host, fresh = make_node("node"), make_node("fresh")
    friend = Controller(host, gnupg)
    certificate = directory / "friend.pem"
    certificate.write_bytes(Identity(gnupg.run("--export-secret-keys", friend.fingerprint.upper()).stdout).pem())

    def publish(name, data, *arguments):
        (directory / "content").write_bytes(data)
        host.command("publish", "--name", name, *arguments, directory / "content")
        return len((host.root / host.fingerprint / name).read_bytes()) if "--public" in arguments else None
    noise = random.Random(4)
    size = publish("small.json.pgp", b'{"a":"%s"}' % (b"x" * 200), "--public")
    publish("small.json.pgp", b'{"a":"%s"}' % (b"x" * (200 + 550 - size)), "--public")
    publish("large.bin.pgp", noise.randbytes(LARGE), "--public")
    publish("private.json.pgp", b'{"for":"a friend"}', "--to", friend.fingerprint)
    person = Person(directory / "ada").init().weaken_passphrase(gnupg).meets(host, "controllers")
    newcomer = Person(directory / "bob", "Bob").init().weaken_passphrase(gnupg)
    return Content(host, gnupg, friend, certificate, person, fresh, newcomer)


def compile_bare(target):
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", target, HERE / "guest/bare.c", "-lsystemd"], check=True)


def debian(release):
    """The number of a Debian release; of another system 0, which is older than all."""
    fields = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return int(fields.get("VERSION_ID", '"0"').strip('"').split(".")[0]) if fields.get("ID") == "debian" else release


def carry_libraries(program, payload):
    """What a program of this machine needs where the guest's C library is older than this machine's."""
    target = payload / "libraries"
    target.mkdir(exist_ok=True)
    loader = None
    for line in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path:
            shutil.copy(path, target)
            loader = Path(path).name if Path(path).name.startswith("ld-") else loader
    return f"/libraries/{loader} --library-path /libraries"


class World:
    """One guest of one suite; one boot serves many tests."""

    def __init__(self, loop, directory, suite, content):
        self.loop, self.suite, self.content = loop, suite, content
        self.radio = Radio()
        payload = directory / "payload"
        (payload / "maud").mkdir(parents=True)
        shutil.copy(MAUD, payload / "maud/maud")
        compile_bare(payload / "maud/bare")
        prefix = ""
        if debian(99) > {"bookworm": 12, "trixie": 13}[suite]:
            prefix = f"{carry_libraries(MAUD, payload)} "
        shutil.copy(MAU, payload / "maud/mau")
        # Its libraries are this machine's.
        self.mau = f"{carry_libraries(MAU, payload)} /maud/mau"
        prlimit = shutil.copy(shutil.which("prlimit"), payload / "maud/prlimit")
        self.prlimit = f"{carry_libraries(prlimit, payload)} /maud/prlimit"
        for one, place in ((content.person, PERSON), (content.newcomer, NEWCOMER), (content.host, NODE), (content.fresh, FRESH)):
            shutil.copytree(one.directory, payload / place.strip("/"), ignore=shutil.ignore_patterns("log", "put-*"))
        self.guest = Guest(directory / "guest", suite, payload)
        shutil.rmtree(payload)
        self.bare = f"{prefix}/maud/bare"
        self.board = Board(self.guest, self.radio)
        self.pairing_expected = False
        self.maud = f"{prefix}/maud/maud"
        self.node = GuestNode(self.guest, content.host, self.maud)

    async def prepare(self):
        for adapter in range(2):
            await self.radio.listen(self.guest.hci_socket(adapter))

    async def boot(self):
        """Up to a running bluetoothd with one adapter, and a running node."""
        await self.board.plug()
        await self.board.start_bluetoothd(SETTINGS)
        await self.node.start()

    @contextlib.asynccontextmanager
    async def fresh_node(self):
        """A node without an owner instead of the usual one, which is started again after the test."""
        await self.node.stop()
        await self.guest.run(f"rm -rf {CLAIMED}; cp -a {FRESH} {CLAIMED}")
        node = GuestNode(self.guest, self.content.fresh, self.maud, CLAIMED)
        await node.start()
        try:
            yield node
        finally:
            await self.radio.clear()
            await node.stop()

    async def restore(self):
        """After each test: nobody is connected, and what it may have stopped runs."""
        await self.radio.clear()
        if self.board.damaged or self.board.settings != SETTINGS:
            await self.board.repair(SETTINGS)
        if not await self.node.running() or self.node.arguments:
            await self.node.stop()
            await self.node.start()

    async def client(self, mtu=517, **options):
        """A new central, connected, its service discovered."""
        return await (await self.radio.central()).connect(mtu=mtu, **options)

    async def exchange(self, client=None, certificate=None, tls=False, **options):
        """HTTP over a new stream of a client, subscribed; inside TLS if asked for."""
        client = client or await self.client(**options)
        await client.subscribe()
        return await self.over(await client.open(), certificate, tls)

    async def over(self, carrier, certificate=None, tls=False):
        if tls or certificate:
            carrier = await Secured(carrier, certificate).handshake()
        return Exchange(carrier)

    async def verified(self, data):
        return await asyncio.to_thread(self.content.verify, data)

    def close(self):
        try:
            self.loop.run(self.radio.close(), 30)
        finally:
            self.guest.close()


__all__ = ["World", "make_content", "REPOSITORY", "SETTINGS", "LARGE"]
