"""The passphrase at a terminal: asked for without echo, and the terminal is given back whatever ends the question."""
import os
import pty
import select
import signal
import termios
import time

import pytest

from harness import PATIENCE, wait_until


class Terminal:
    """A command with a terminal of its own."""

    def __init__(self, node, *words):
        line = [*node.maud, *(str(word) for word in words), "--root", str(node.root), "--runtime", str(node.runtime)]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.pop("CREDENTIALS_DIRECTORY", None)
            os.execv(line[0], line)
        self.text = ""

    @property
    def echoes(self):
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def wait_for(self, prompt):
        end = time.monotonic() + PATIENCE
        while prompt not in self.text:
            assert select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0], f"no {prompt!r} in {self.text!r}"
            self.text += os.read(self.terminal, 4096).decode()

    def answer(self, prompt, text):
        self.wait_for(prompt)
        assert not self.echoes
        self.text = self.text.split(prompt, 1)[1]
        os.write(self.terminal, text)

    def wait(self):
        """The command's exit code (negative for a signal) and what it wrote after the last prompt."""
        ended = []

        def has_ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.extend([status] if pid else [])
            return ended
        wait_until(has_ended, "the command's end", PATIENCE)
        try:
            while data := os.read(self.terminal, 4096):
                self.text += data.decode()
        except OSError:
            pass  # Linux says the end of a terminal so
        echoes = self.echoes
        os.close(self.terminal)
        assert echoes, "the terminal is left without echo"
        return os.waitstatus_to_exitcode(ended[0]), self.text


def init(make_node, first, second):
    """`maud init` with a new passphrase typed twice: the node, the exit code, what the terminal shows."""
    node = make_node()
    terminal = Terminal(node, "init", "--name", "x")
    terminal.answer("New passphrase: ", first + b"\n")
    terminal.answer("Once more: ", second + b"\n")
    return node, *terminal.wait()


def test_a_passphrase_that_is_typed(make_node):
    node, code, text = init(make_node, b"typed", b"typed")
    assert code == 0 and "typed" not in text
    node.write_passphrase("typed")
    fingerprint = node.command("fingerprint").stdout.decode().strip()
    assert fingerprint in text


def test_a_new_passphrase_that_is_typed_differently(make_node):
    node, code, text = init(make_node, b"one", b"two")
    assert code == 65 and "differ" in text and list(node.root.iterdir()) == []


@pytest.mark.parametrize("key, code", [(b"\x03", -signal.SIGINT), (b"\x1c", -signal.SIGQUIT), (b"\x04", 65)], ids=["interrupt", "quit", "end"])
def test_the_question_is_broken_off(node, key, code):
    terminal = Terminal(node, "fingerprint")
    terminal.answer("Passphrase of the account: ", key)
    assert terminal.wait()[0] == code
