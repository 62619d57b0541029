"""Who may command a device, from the companion for a PC (docs/mau.md, 5.6 to 5.8)."""
import os
import pty
import time

import pytest

from harness import PATIENCE


@pytest.fixture
def bob(make_person, ada, board, tmp_path):
    """Somebody whom the board does not know, and who knows the board."""
    person = make_person("Bob")
    (tmp_path / "board.pgp").write_bytes(board.public_key())
    person.run("friend", "add", "--follow", tmp_path / "board.pgp")
    person.key = tmp_path / "bob.pgp"
    person.key.write_bytes(person.run("key").stdout)
    return person.reaches(board)


def listed(person):
    return sorted(one["fingerprint"] for one in person.json("controllers", "greenhouse", "list"))


def soon(person, expected):
    """The board publishes the list a second or two later; a new controller has none before."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if (now := listed(person)) == sorted(expected):
                return
        except AssertionError as error:
            now = error
        assert time.monotonic() < end, now
        time.sleep(0.3)


def test_controllers_are_listed_added_and_removed(ada, bob, board):
    soon(ada, [ada.fingerprint])
    assert "you" in ada.text("controllers", "greenhouse", "list")
    bob.sentence("noPermission", "controllers", "greenhouse", "add", bob.key)
    answer = ada.json("controllers", "greenhouse", "add", bob.key)
    assert answer["device"] == board.fingerprint and answer["actionStatus"] == "CompletedActionStatus"
    bob.run("set", "greenhouse/led", "on")
    soon(ada, [ada.fingerprint, bob.fingerprint])
    assert "done, signed by" in ada.text("controllers", "greenhouse", "remove", bob.fingerprint)
    soon(ada, [ada.fingerprint])
    assert "last-controller" in ada.sentence("dataError", "controllers", "greenhouse", "remove", ada.fingerprint)
    assert "no-such-controller" in ada.sentence("dataError", "controllers", "greenhouse", "remove", bob.fingerprint)


def test_what_is_no_key_is_refused_here(ada, bob, tmp_path):
    (tmp_path / "two").write_bytes(bob.key.read_bytes() + ada.run("key").stdout)
    assert "exactly one" in ada.sentence("dataError", "controllers", "greenhouse", "add", tmp_path / "two")
    ada.sentence("noInput", "controllers", "greenhouse", "add", tmp_path / "missing")
    for words in (["list", "x"], ["add"], ["remove"], ["remove", "greenhouse"]):
        assert ada.run("controllers", "greenhouse", *words, code=64)


def test_a_device_is_handed_over(ada, bob, board):
    assert "--yes" in ada.sentence("usage", "hand-over", "greenhouse", bob.key, wrapper=["setsid", "--wait"])
    ada.run("hand-over", "greenhouse", bob.key, "--yes")
    ada.sentence("noPermission", "set", "greenhouse/led", "on")
    bob.run("set", "greenhouse/led", "on")
    soon(bob, [bob.fingerprint])


@pytest.mark.parametrize("is_right", [True, False])
def test_it_asks_for_the_new_owners_fingerprint(ada, bob, board, is_right):
    from companion import MAU
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(MAU, [str(MAU), "hand-over", "greenhouse", str(bob.key)], ada.environment)
    text, end = "", time.monotonic() + PATIENCE
    while "to go on: " not in text:
        assert time.monotonic() < end
        text += os.read(terminal, 4096).decode()
    assert bob.fingerprint in text and board.fingerprint in text
    os.write(terminal, (bob.fingerprint[:8] if is_right else ada.fingerprint[:8]).encode() + b"\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert (status == 0) == is_right
    controllers = [path.stem for path in (board.root / ".mau/controllers").iterdir()]
    assert controllers == [bob.fingerprint if is_right else ada.fingerprint]


def test_a_revoked_key_is_told_to_the_device(ada, bob, board, gnupg, tmp_path):
    """Whoever lost a key gives the revocation to another owner."""
    lost = gnupg.new_key("lost")
    (tmp_path / "lost.pgp").write_bytes(gnupg.run("--export", lost.upper()).stdout)
    ada.run("controllers", "greenhouse", "add", tmp_path / "lost.pgp")
    certificate = (gnupg.home / f"openpgp-revocs.d/{lost.upper()}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
    gnupg.run("--trust-model", "pgp", "--import", input=certificate.encode())
    (tmp_path / "lost.pgp").write_bytes(gnupg.run("--export", lost.upper()).stdout)
    ada.run("controllers", "greenhouse", "renew", tmp_path / "lost.pgp")
    assert "revoked" in [line for line in board.command("friend list").stdout.decode().splitlines() if lost in line][0]
    assert "unusable-key" in ada.sentence("dataError", "controllers", "greenhouse", "add", tmp_path / "lost.pgp")
