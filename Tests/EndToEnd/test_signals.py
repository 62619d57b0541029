"""A command that a signal ends leaves nothing in memory: no working directory, no agent, no gpg; and the terminal echoes."""
import os
import signal
import subprocess

import pytest

from harness import FIXTURES, wait_until
from test_terminal import Terminal

ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
HANGING_GPG = """#!/usr/bin/python3
import os, subprocess, sys, time
count = {counter!r}
with open(count, "a+") as file:
    file.write("x")
    number = file.tell()
status = subprocess.run([{gpg!r}, *sys.argv[1:]], close_fds=False).returncode if number != {hangs_at} or {works_first} else 0
if number == {hangs_at}:
    open({mark!r}, "w").close()
    time.sleep(600)
sys.exit(status)
"""


def programs(node):
    """Programs that work in a working directory of this node."""
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if f"--homedir {node.runtime}" in line]


def nothing_is_left(node):
    assert list(node.runtime.iterdir()) == []
    assert not programs(node)


def hang(tmp_path, hangs_at, works_first=True):
    """A PATH in which the gpg that is started as the nth of all never ends; and the file that says that it has come so far."""
    directory = tmp_path / "programs"
    directory.mkdir(exist_ok=True)
    mark = tmp_path / "hangs"
    (directory / "gpg").write_text(HANGING_GPG.format(counter=str(tmp_path / "counter"), mark=str(mark), hangs_at=hangs_at, works_first=works_first,
                                                      gpg="/usr/bin/gpg"))
    (directory / "gpg").chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}, mark


def command(node, *words, environment):
    line = [*node.maud, *words, "--root", node.root, "--passphrase-file", node.passphrase_file, "--runtime", node.runtime]
    return subprocess.Popen([str(word) for word in line], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("number", ENDINGS)
@pytest.mark.parametrize("words, hangs_at", [
    (["fingerprint"], 3), (["fingerprint"], 4), (["passwd", "--new-passphrase-file", "{passphrase}"], 3), (["publish", "--public", "--name", "x.pgp", "{content}"], 5),
    (["friend", "add", str(FIXTURES / "keys/ref-alice.asc")], 6),
], ids=["decrypting", "importing", "passwd", "publish", "friend"])
def test_a_command_ended_while_gpg_works(node, tmp_path, words, hangs_at, number):
    (tmp_path / "content").write_text("x")
    environment, mark = hang(tmp_path, hangs_at)
    process = command(node, *[word.format(passphrase=node.passphrase_file, content=tmp_path / "content") for word in words], environment=environment)
    wait_until(mark.exists, "the work of gpg")
    assert programs(node)
    process.send_signal(number)
    assert process.wait(10) == -number, process.stderr.read()
    nothing_is_left(node)
    assert process.stderr.read() == b""


def test_init_ended_while_gpg_works(make_node, tmp_path):
    node = make_node()
    environment, mark = hang(tmp_path, 3)
    process = command(node, "init", "--name", "x", environment=environment)
    wait_until(mark.exists, "the work of gpg")
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    nothing_is_left(node)
    assert list(node.root.iterdir()) == []


def test_a_node_ended_before_it_runs(node, tmp_path):
    environment, mark = hang(tmp_path, 3)
    process = command(node, "run", "--board", node.board, "--state", node.state, "--http", "127.0.0.1:0", environment=environment)
    wait_until(mark.exists, "the work of gpg")
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    nothing_is_left(node)


def test_a_signal_that_is_ignored_stays_ignored(node):
    """nohup: the command goes on."""
    process = subprocess.Popen(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *node.maud, "fingerprint", "--root", node.root, "--passphrase-file",
                                node.passphrase_file, "--runtime", node.runtime], stdout=subprocess.PIPE)
    wait_until(lambda: list(node.runtime.iterdir()), "the start")
    process.send_signal(signal.SIGHUP)
    assert process.communicate()[0].decode().strip() == node.fingerprint and process.returncode == 0
    nothing_is_left(node)


@pytest.mark.parametrize("number", [*ENDINGS, signal.SIGQUIT])
def test_a_command_ended_at_the_prompt(node, number):
    """Only the command is told, as by kill(1): its child, which asks, has to hear of it."""
    terminal = Terminal(node, "fingerprint")
    terminal.wait_for("Passphrase of the account: ")
    assert not terminal.echoes and list(node.runtime.iterdir())
    os.kill(terminal.pid, number)
    assert terminal.wait()[0] == -number
    nothing_is_left(node)
