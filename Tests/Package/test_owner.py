"""How somebody gets a node that was installed: the claim code, and its file on the boot partition."""
import os

import pytest

from companion import MAU, Person
from conftest import install
from harness import wait_until
from test_install import node_of

FILE = "/boot/firmware/maud-claim.txt"


@pytest.fixture
def ada(tmp_path):
    if not MAU.exists(): pytest.skip("out/mau was not built")
    person = Person(tmp_path / "ada").init()
    yield person
    person.close()


@pytest.fixture
def card(make_system):
    """A machine with a boot partition, which is root's and, as FAT is, knows no other user."""
    board = make_system()
    board.run("mkdir", "-p", "/boot/firmware")
    board.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/boot/firmware")
    return board


def text(board): return board.run("cat", FILE, check=False).stdout


def code(board): return board.run("maudctl", "claim-code", check=False).stdout.strip()


def test_the_file_is_there_until_there_is_an_owner(card, package, ada):
    said = install(card, package)
    node = node_of(said)
    uri = code(card)
    assert uri.startswith(f"mau:{node}?claim=")
    assert "sudo maudctl claim-code" in said and uri not in said, "apt keeps what it printed"
    wait_until(lambda: text(card).startswith(uri + "\n"), f"the file in\n{card.journal('maud-claim')}")
    # Who starts it again finds it again, and nothing was written when it was there.
    written = card.run("stat", "-c", "%y", FILE).stdout
    card.run("systemctl", "start", "maud-claim")
    assert card.run("stat", "-c", "%y", FILE).stdout == written
    # Deleted, or not written to its end: it is made again.
    for command in ["rm", "truncate --size=0", "truncate --size=3"]:
        card.run(*command.split(), FILE)
        card.run("systemctl", "restart", "maud")
        wait_until(lambda: text(card).startswith(uri + "\n"), f"the file after {command}")
    # The owner takes what stands there, as it stands there, to a PC.
    ada.peers = [f"{node}=localhost:8448"]
    inside = ["nsenter", "-t", str(card.init), "-n"]
    assert ada.text("claim", text(card).partition("\n")[0], wrapper=inside).endswith("is yours now\n")
    wait_until(lambda: card.run("test", "-e", FILE, check=False).returncode == 1, f"the end of the file in\n{card.journal('maud-claim')}")
    assert code(card) == ""
    card.run("systemctl", "restart", "maud")
    card.run("systemctl", "start", "maud-claim")
    assert card.run("test", "-e", FILE, check=False).returncode == 1


@pytest.mark.long
def test_what_is_not_ours_stays(card, package):
    card.write(FILE, b"shopping: mau, bread\n")
    install(card, package)
    wait_until(lambda: "event=claim-code-failed" in card.journal("maud-claim"), "the complaint")
    assert text(card) == "shopping: mau, bread\n"
    card.run("apt-get", "purge", "-y", "maud")
    assert text(card) == "shopping: mau, bread\n"


@pytest.mark.long
def test_the_node_cannot_have_something_else_shown(card, package):
    """Its user can put anything in the code's place."""
    install(card, package)
    wait_until(lambda: text(card).startswith("mau:"), "the file")
    card.run("systemctl", "stop", "maud")
    card.run("ln", "-sf", "/etc/shadow", "/var/lib/maud/root/.maud-claim")
    card.run("systemctl", "start", "maud-claim")
    assert card.run("test", "-e", FILE, check=False).returncode == 1
    card.run("sh", "-c", f"rm /var/lib/maud/root/.maud-claim; echo 'mau:$(id)' > /var/lib/maud/root/.maud-claim; chown maud /var/lib/maud/root/.maud-claim")
    card.run("systemctl", "start", "maud-claim")
    assert card.run("test", "-e", FILE, check=False).returncode == 1
    # It begins anew, and then it is deleted for good.
    card.run("systemctl", "start", "maud")
    wait_until(lambda: text(card).startswith("mau:"), "the file")
    card.run("apt-get", "purge", "-y", "maud")
    assert card.run("test", "-e", FILE, check=False).returncode == 1


@pytest.mark.long
def test_a_boot_partition_that_cannot_be_written(card, package):
    card.run("mount", "-o", "remount,ro", "/boot/firmware")
    install(card, package)
    wait_until(lambda: f"{FILE} cannot be written" in card.journal("maud-claim"), "the complaint")
    assert card.run("systemctl", "is-active", "maud").stdout.strip() == "active"
    assert card.run("systemctl", "is-failed", "maud-claim", check=False).stdout.strip() == "inactive"


def test_without_a_boot_partition_there_is_none(board):
    assert not os.path.exists(f"/proc/{board.init}/root{FILE}")
    assert board.run("systemctl", "show", "-P", "ConditionResult", "maud-claim").stdout.strip() == "no"
