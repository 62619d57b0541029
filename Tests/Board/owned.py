"""A person's board: the package installed, the node claimed."""
import base64
import functools
import http.server
import json
import threading

from companion import Person
from emulator import IMAGE, BoardError, Emulator, make_disk
from network import BOARD, PC

# What the emulator has is real (its load, its LED, a line of its GPIO controller); a simulated sensor stands for what is attached.
BOARD_FILE = {
    "name": "Greenhouse",
    "sensors": [
        {"name": "temperature", "title": "Temperature", "property": "temperature", "unitCode": "CEL", "unitText": "°C", "minimum": -40, "maximum": 85, "decimals": 3,
         "source": {"type": "simulator", "waveform": "triangle", "low": 18, "high": 24, "cycle": 60}, "period": 2, "batch": 2, "audience": "public"},
        {"name": "load", "title": "Load average over a minute", "property": "loadAverage", "unitCode": "C62", "unitText": "processes", "minimum": 0, "maximum": 10000, "decimals": 2,
         "source": {"type": "load", "minutes": 1}, "period": 5, "batch": 2, "audience": {"group": "controllers"}}],
    "actuators": [
        {"name": "lamp", "title": "Lamp", "type": "switch", "source": {"type": "led", "name": "ACT"}, "audience": {"group": "controllers"}},
        {"name": "pump", "title": "Pump", "type": "switch", "source": {"type": "gpioLine", "line": 6}, "audience": {"group": "controllers"}}]}


class Shelf(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


def install(board, package):
    """The package of a PC on a board, as a person does it; what that says."""
    server = http.server.ThreadingHTTPServer((PC, 0), functools.partial(Shelf, directory=str(package.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        board.wait_for(f"curl -sSf -o /root/maud.deb http://{PC}:{server.server_address[1]}/{package.name}", "the package's arrival")
    finally:
        server.shutdown()
    return board.run("dpkg -i /root/maud.deb", 300)


def configure(board, document):
    """Another board.json, taken over by a start."""
    board.write("/etc/maud/board.json", json.dumps(document, indent=2))
    board.run("systemctl daemon-reload; systemctl restart maud", 200)


def speed_up(board, speed, document):
    """Switches it off and on, so that its time passes faster than it computes; it has this board.json then."""
    board.write("/etc/maud/board.json", json.dumps(document, indent=2))
    board.write("/etc/systemd/system/maud.service.d/patient.conf", "[Service]\nTimeoutStartSec=3600\nTimeoutStopSec=3600\nWatchdogSec=600\n")
    board.run("sync")
    board.cut()
    board.set_speed(speed)
    try:
        board.start()
    except BoardError:
        # systemd gives its generators 90 s of its own time, which on a busy machine may be too short.
        board.cut()
        board.start()
    board.wait_for("maud status --state /var/lib/maud/state", "the node", 300 * speed)


def move_to_card(board, device="/dev/vdb", options=""):
    """The node's files are on the second disk from now on; the node is stopped."""
    board.run(f"""systemctl stop maud; mkfs.ext4 -q {options} {device}; mount {device} /mnt; cp -a /var/lib/maud/. /mnt/; chown maud:maud /mnt; umount /mnt
        echo '{device} /var/lib/maud ext4 defaults 0 2' >> /etc/fstab; systemctl daemon-reload; mount /var/lib/maud""", 300)


class Owned:
    def __init__(self, directory):
        self.directory = directory
        self.person = self.fingerprint = None
        self.disk, self.card, self.frozen = directory / "system.qcow2", directory / "card.qcow2", directory / "frozen"

    def make(self, package):
        board = Emulator(self.directory, [make_disk(self.disk, IMAGE / "system.raw"), make_disk(self.card, size="1G")]).start()
        try:
            install(board, package)
            configure(board, BOARD_FILE)
            self.fingerprint = board.status()["fingerprint"]
            self.person = Person(self.directory / "ada").init()
            self.claim(board)
            board.run("sync")
            board.freeze(self.frozen)
        finally:
            board.close()

    def claim(self, board):
        code = board.run("maudctl claim-code").splitlines()
        uri = next(line for line in code if line.startswith("mau:"))
        self.person.run("claim", uri, "--peer", self.address)
        (self.directory / "board.pgp").write_bytes(base64.b64decode(board.run("maudctl export | base64 -w 0")))
        self.person.peers = [self.address]

    @property
    def address(self):
        return f"{self.fingerprint}={BOARD}:8448"

    def copy(self, directory, **options):
        """The same board again, with an empty card beside its system; it runs, or it is off and was cut off from its power before."""
        is_on = options.pop("is_on", True)
        board = Emulator(directory, [make_disk(directory / "system.qcow2", self.disk), make_disk(directory / "card.qcow2", self.card)], **options)
        return board.start(self.frozen) if is_on else board

    def close(self):
        if self.person:
            self.person.close()
