"""A card that is full, has no more inodes, is remounted read-only, or returns I/O errors (docs/content.md, 3.5): the node says so, keeps serving what is there, and goes on by itself.

The node's files are on a second disk, behind the device mapper."""
import pytest

from harness import wait_until
from owned import BOARD_FILE, configure, move_to_card
from workload import fetch
from network import BOARD

pytestmark = pytest.mark.long

SENSOR = {"name": "often", "title": "x", "property": "quantity", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 100, "decimals": 1,
          "source": {"type": "simulator", "cycle": 60}, "period": 3, "batch": 1, "audience": "public"}
# At each boot, so that the card is the same one after a cut.
CARD = """[Unit]
DefaultDependencies=no
Before=local-fs-pre.target
After=systemd-udevd.service dev-vdb.device
Requires=dev-vdb.device
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=modprobe dm_mod
ExecStart=dmsetup create card --table "0 131072 linear /dev/vdb 0"
[Install]
WantedBy=local-fs-pre.target
"""


class Card:
    """A node whose files are on a card of 64 MiB."""

    def __init__(self, board, fingerprint, options):
        self.board = board
        self.url = f"http://{BOARD}:8008/p2p/{fingerprint}"
        board.write("/etc/systemd/system/card.service", CARD)
        board.run("""systemctl stop maud; modprobe dm_mod; dmsetup create card --table "0 131072 linear /dev/vdb 0"; systemctl -q enable card""")
        move_to_card(board, "/dev/mapper/card", options)
        configure(board, {**BOARD_FILE, "sensors": [SENSOR]})
        self.newest = ""
        for _ in range(3):
            self.grows()

    def names(self):
        status, content = fetch(self.url)
        assert status == 200, f"the listing answers {status}\n{self.board.journal()}"
        return sorted(word.split(b'"')[0].decode() for word in content.split(b"/r-often-")[1:])

    def grows(self, patience=120):
        """Something new is published, by the node itself."""
        wait_until(lambda: (names := self.names()) and names[-1] > self.newest and self.note(names[-1]), "a further batch", patience)

    def note(self, name):
        self.newest = name
        return True

    def becomes(self, target):
        """What the card is to the file system from now on: a target of the device mapper."""
        self.board.run(f"""modprobe dm_flakey; dmsetup suspend --nolockfs card; dmsetup load card --table "0 131072 {target}"; dmsetup resume card""")

    def says(self, pattern):
        self.board.wait_for(f"journalctl -u maud -b --no-pager -o cat | grep -E '{pattern}'", f"a line like {pattern}", 120)

    def survives(self, commands, remedy, says="event=publishing-failed"):
        """While the trouble lasts the node says so and serves; after the remedy it goes on as the same process."""
        process = self.board.run("systemctl show -P MainPID maud")
        self.names()
        self.board.run(commands)
        self.says(says)
        name = self.names()[-1]
        assert fetch(f"{self.url}/r-often-{name}")[0] == 200, "what is there is not served"
        self.newest = self.names()[-1]
        self.board.run(remedy)
        self.grows()
        assert self.board.run("systemctl show -P MainPID maud") == process, "it was started again"

    def check(self, gnupg):
        """All that is listed is whole and signed."""
        for name in self.names():
            gnupg.open(fetch(f"{self.url}/r-often-{name}")[1])


@pytest.fixture
def make_card(boards, owned, gnupg):
    def make(options=""):
        board = boards()
        gnupg.import_key((owned.directory / "board.pgp").read_bytes())
        return Card(board, owned.fingerprint, options)
    return make


def test_a_full_card(make_card, gnupg):
    card = make_card()
    # Readings make room for each other: what is published is older readings' place (docs/readings.md, R11).
    card.survives("cat /dev/zero > /var/lib/maud/filler 2> /dev/null || true", "rm /var/lib/maud/filler", "event=(publishing-failed|readings-removed)")
    card.check(gnupg)


def test_no_more_inodes(make_card, gnupg):
    card = make_card("-N 128")
    card.survives("( n=0; while : > /var/lib/maud/lost+found/$n; do n=$((n + 1)); done ) 2> /dev/null || true", "rm -f /var/lib/maud/lost+found/*", "event=(publishing-failed|readings-removed)")
    card.check(gnupg)


def test_a_card_that_is_remounted_read_only(make_card, gnupg):
    card = make_card()
    card.survives("sync; echo u > /proc/sysrq-trigger; sleep 1; mount -o remount,rw /", "mount -o remount,rw /var/lib/maud")
    card.check(gnupg)


def test_a_file_that_cannot_be_read_for_a_while(make_card, gnupg):
    """Whoever asks for it is told to come again; all else is served, and readings go on."""
    card = make_card()
    process = card.board.run("systemctl show -P MainPID maud")
    name = card.names()[0]
    # It goes from memory; what is written is left alone.
    card.board.run(f"sync; dd if=$(echo /var/lib/maud/root/*/r-often-{name}) iflag=nocache count=0 2> /dev/null")
    card.becomes("flakey /dev/vdb 0 0 100000 1 error_reads")
    assert fetch(f"{card.url}/r-often-{name}")[0] == 503
    card.grows()
    assert fetch(f"{card.url}/r-often-{card.newest}")[0] == 200
    card.becomes("linear /dev/vdb 0")
    card.check(gnupg)
    assert card.board.run("systemctl show -P MainPID maud") == process, "it was started again"


def test_a_card_that_returns_errors(make_card, gnupg):
    """The file system gives up then, whoever writes, and from the kernel of Debian 13 nothing of it can be read any more: the node says so, lists what it has, and
    asks everybody to come again. After the next start all is well."""
    card = make_card()
    card.becomes("error")
    card.says("event=publishing-failed")
    name = card.names()[-1]
    assert fetch(f"{card.url}/r-often-{name}")[0] in (200, 503)
    card.board.cut()
    card.board.start()
    wait_until(lambda: fetch(card.url)[0] == 200, "the node's return", 300)
    assert name in card.names()
    card.newest = max(card.names())
    card.grows()
    card.check(gnupg)
