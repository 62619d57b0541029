"""Back to factory state: `maud reset` (docs/account.md, 26 to 29)."""
import os
import pty
import random
import subprocess
import time

import pytest

from commands import Controller
from harness import PATIENCE, one_sentence
from test_commands import completed


def reset(node, *arguments, input=b"", **options):
    """Without a terminal of its own."""
    line = [*node.maud, "reset", "--root", node.root, "--state", node.state, *arguments]
    return subprocess.run([str(word) for word in line], input=input, capture_output=True, start_new_session=True, **options)


@pytest.fixture
def used(node, gnupg):
    """A node that has lived: a controller, a command, a followed friend."""
    owner = Controller(node, gnupg, "owner")
    node.command("friend follow", owner.fingerprint)
    node.start()
    completed(owner.command(1))
    return node


def test_whoever_gets_the_board_finds_nothing(used, gnupg):
    node, former = used, used.fingerprint
    assert node.stop() == 0
    (node.root / ".mau/sync_state.json").write_text("{}")
    (node.root / "readme.txt").write_text("not the node's")
    result = reset(node, "--yes")
    assert result.returncode == 0, result.stderr
    assert [path.name for path in node.root.iterdir()] == ["readme.txt"] and "readme.txt" in result.stderr.decode()
    assert list(node.state.iterdir()) == []
    assert "there is no account" in one_sentence(node.command("fingerprint", check=False), "noInput")
    # A new life: another identity, no friends, no commands remembered.
    node.init()
    assert node.fingerprint != former
    node.start()
    gnupg.import_key(node.public_key())
    owner = Controller(node, gnupg, "new owner")
    time.sleep(1.5)
    completed(owner.command(1))
    assert "ledger-lost" not in node.log_text()
    assert node.status()["friends"] == 1


def test_not_while_a_node_runs(used):
    before = {path for path in used.root.rglob("*") if not path.name.endswith(".tmp")}
    assert "another node" in one_sentence(reset(used, "--yes"), "temporary")
    assert used.account.exists() and before <= set(used.root.rglob("*"))


def test_without_a_terminal_it_must_be_said(node):
    assert "--yes" in one_sentence(reset(node), "usage")
    assert node.account.exists()


@pytest.mark.parametrize("typed, is_meant", [(b"reset\n", True), (b"no\n", False), (b"\n", False), (b"reset now\n", False)])
def test_asked_at_a_terminal(node, typed, is_meant):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(node.maud[0], [*node.maud, "reset", "--root", str(node.root), "--state", str(node.state)])
    text, end = "", time.monotonic() + PATIENCE
    while "Type reset to go on: " not in text:
        assert time.monotonic() < end
        text += os.read(terminal, 4096).decode()
    assert str(node.root) in text and "friends" in text
    os.write(terminal, typed)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert (status == 0, node.root.exists() and node.account.exists()) == (is_meant, not is_meant)


def test_what_is_no_mau_directory_stays(node, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / ("a" * 40)).write_text("mine")
    node.root = tmp_path / "photos"
    assert "no account" in one_sentence(reset(node, "--yes"), "noInput")
    assert len(list(node.root.iterdir())) == 1


def test_killed_in_the_middle_it_goes_on(node):
    """Thousands of files, so that there is a middle."""
    chance = random.Random(20261121)
    friend = node.root / ("." + "a" * 40)
    friend.mkdir()
    was_cut = False
    for number in range(20000):
        (friend / f"{number}.pgp").write_bytes(b"")
    while node.root.exists() and any(node.root.iterdir()):
        line = [*node.maud, "reset", "--yes", "--root", node.root, "--state", node.state]
        process = subprocess.Popen([str(word) for word in line], stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 0.03))
        process.kill()
        process.wait()
        if node.account.exists():
            assert len(list(friend.iterdir())) == 20000
        elif any(node.root.iterdir()):
            was_cut = True
            one_sentence(node.command("fingerprint", check=False), "noInput")
            assert "maud reset" in one_sentence(node.command("init", "--name", "x", check=False), "cannotCreate")
    assert was_cut
    node.init()
