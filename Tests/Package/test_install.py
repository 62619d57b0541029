"""apt install, upgrade, remove, purge: on a machine with systemd, and in an image that does not run."""
import re

import pytest

import machine
from conftest import EPOCH, install

KEPT = ["/var/lib/maud/root/.mau/account.pgp", "/etc/credstore.encrypted/maud.passphrase"]


def fingerprint(board):
    return board.run("maudctl", "fingerprint").stdout.strip()


def node_of(text):
    return re.search(r"^This machine is the Mau node ([0-9a-f]{40})\.$", text, re.MULTILINE)[1]


def test_installed_the_node_runs_and_says_who_it_is(board):
    assert node_of(board.installation) == fingerprint(board)
    assert board.run("systemctl", "is-active", "maud").stdout.strip() == "active"
    assert board.run("systemctl", "is-enabled", "maud").stdout.strip() == "enabled"
    assert board.run("stat", "-c", "%U %a", "/var/lib/maud", KEPT[0]).stdout.splitlines() == ["maud 700", "maud 600"]
    assert board.run("stat", "-c", "%U %a", KEPT[1]).stdout.strip() == "root 600"
    process = board.run("systemctl", "show", "-P", "MainPID", "maud").stdout.strip()
    assert board.run("ps", "-o", "user=", "-p", process, check=False).stdout.strip() in ("maud", "") # procps is not everywhere
    # Nothing of the passphrase is in the unit, in the log or in the process's environment.
    passphrase = board.run("systemd-creds", "decrypt", "--name=passphrase", KEPT[1], "-").stdout.strip()
    assert len(passphrase) == 32
    for text in [board.journal(), board.run("systemctl", "show", "maud").stdout, board.run("cat", f"/proc/{process}/environ").stdout, board.run("cat", f"/proc/{process}/cmdline").stdout]:
        assert passphrase not in text


def test_maudctl_reads_files_that_the_node_could_not(board, gnupg):
    key = gnupg.run("--export", gnupg.new_key("Ada").upper()).stdout
    board.write("/root/ada.pgp", key)
    board.run("chmod", "0600", "/root/ada.pgp")
    board.run("maudctl", "friend", "add", "--group", "controllers", "/root/ada.pgp")
    assert "controllers" in board.run("maudctl", "friend", "list").stdout
    assert board.run("sh", "-c", "ls /run | grep maudctl", check=False).stdout == "", "and leaves nothing"
    for verb, code in [("passwd", 64), ("run", 64), ("nonsense", 64)]: assert board.run("maudctl", verb, check=False).returncode == code
    assert board.run("runuser", "-u", "nobody", "--", "maudctl", "status", check=False).returncode == 77


@pytest.mark.long
def test_an_image_has_no_identity_and_no_passphrase(make_system, package):
    """Installed where nothing runs: cards that are copied from it are different nodes."""
    image = make_system(machine.System)
    image.copy(package, f"/root/{package.name}")
    result = image.chroot("dpkg", "-i", f"/root/{package.name}")
    assert result.returncode == 0, result.stdout + result.stderr
    for path in ["var/lib/maud", *[path.lstrip("/") for path in KEPT], "etc/credstore/maud.passphrase"]: assert not (image.root / path).exists()
    assert (image.root / "etc/systemd/system/multi-user.target.wants/maud.service").is_symlink()
    assert re.search("^maud:", (image.root / "etc/passwd").read_text(), re.MULTILINE)
    for action in ["remove", "purge"]:
        result = image.chroot("dpkg", f"--{action}", "maud")
        assert result.returncode == 0, result.stderr
    assert not (image.root / "etc/maud").exists()


@pytest.mark.long
def test_without_systemd_creds_the_passphrase_is_a_file_for_root(make_system, package):
    board = make_system()
    board.run("mv", "/usr/bin/systemd-creds", "/usr/bin/systemd-creds.away")
    node = node_of(install(board, package))
    assert board.run("stat", "-c", "%U %a", "/etc/credstore/maud.passphrase").stdout.strip() == "root 600"
    assert fingerprint(board) == node


@pytest.mark.long
def test_a_passphrase_that_is_gone_is_not_replaced(make_system, package):
    """Another one would open nothing."""
    board = make_system()
    node = node_of(install(board, package))
    board.run("systemctl", "stop", "maud")
    secret = board.run("systemd-creds", "decrypt", "--name=passphrase", KEPT[1], "-").stdout
    board.run("rm", KEPT[1])
    assert board.run("systemctl", "start", "maud", check=False).returncode != 0
    assert "its passphrase is gone" in board.journal("maud-setup")
    board.run("sh", "-c", f"umask 077; echo '{secret.strip()}' > /etc/credstore/maud.passphrase")
    board.run("systemctl", "start", "maud")
    assert fingerprint(board) == node


@pytest.mark.long
def test_reset_makes_another_node(make_system, package):
    board = make_system()
    node = node_of(install(board, package))
    assert board.run("maudctl", "reset", "--yes", check=False).returncode == 75, "while the node runs"
    board.run("systemctl", "stop", "maud")
    board.run("maudctl", "reset", "--yes")
    board.run("systemctl", "start", "maud")
    assert re.fullmatch("[0-9a-f]{40}", fingerprint(board)) and fingerprint(board) != node
