"""The claim code: how long it lives, where it lies, how a person is shown it (docs/claim.md, part 2)."""
import os
import pty
import re
import shutil
import subprocess

import pytest

from harness import one_sentence, wait_until
from test_claim import CODE, ada, code_file, code_of, controllers  # noqa: F401
from test_reset import reset


# Its life

def test_a_friend_in_controllers_ends_it(node, ada, tmp_path):
    """Put there on the board, while the node runs and while it does not."""
    boot = tmp_path / "boot.txt"
    code = code_of(node)
    node.start("--claim-file", boot)
    (tmp_path / "ada.pgp").write_bytes(ada.key)
    node.command("friend add", "--group", "controllers", tmp_path / "ada.pgp")
    wait_until(lambda: not node.status()["claimable"], "the end of the code")
    wait_until(lambda: not boot.exists() and not code_file(node).exists(), "its files' end")
    assert ada.claim(node.secure_port, code) == 404


def test_an_owner_who_comes_while_the_node_is_off(node, ada, tmp_path):
    boot = tmp_path / "boot.txt"
    node.start("--claim-file", boot)
    assert node.stop() == 0 and boot.exists(), "there is no owner yet"
    (tmp_path / "ada.pgp").write_bytes(ada.key)
    node.command("friend add", "--group", "controllers", tmp_path / "ada.pgp")
    one_sentence(node.command("claim-code", "--root", node.root, identity=False, check=False), "noInput")
    node.start("--claim-file", boot)
    assert not boot.exists() and not code_file(node).exists() and not node.status()["claimable"]


def test_a_viewer_is_no_owner_and_may_claim(node, ada, tmp_path):
    code = code_of(node)
    (tmp_path / "ada.pgp").write_bytes(ada.key)
    node.command("friend add", "--group", "viewers", tmp_path / "ada.pgp")
    node.start()
    assert node.status()["claimable"] and ada.claim(node.secure_port, code) == 201
    assert controllers(node) == [ada.fingerprint]


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text(""), lambda path: path.write_text(path.read_text()[:60]),
                                   lambda path: path.write_text("mau:" + "0" * 40 + path.read_text()[44:])], ids=["gone", "empty", "cut", "another node's"])
def test_a_code_that_is_no_code_is_made_anew(node, ada, spoil):
    old = code_of(node)
    spoil(code_file(node))
    node.start()
    new = code_of(node)
    assert new != old and ada.claim(node.secure_port, new) == 201


def test_reset_gives_a_new_code(node, ada):
    code = code_of(node)
    node.start()
    assert ada.claim(node.secure_port, code) == 201 and node.stop() == 0
    assert reset(node, "--yes").returncode == 0
    one_sentence(node.command("claim-code", "--root", node.root, identity=False, check=False), "noInput")
    node.init()
    assert code_of(node) != code
    assert reset(node, "--yes").stderr == b""
    assert not code_file(node).exists()


def test_a_file_that_is_somebody_elses_stays(node, ada, tmp_path):
    """A slip in the option must not cost a file."""
    precious = tmp_path / "precious"
    precious.write_text("something else")
    code = code_of(node)
    node.start("--claim-file", precious)
    assert precious.read_text() == "something else" and "event=claim-code-failed" in node.log_text()
    assert ada.claim(node.secure_port, code) == 201
    assert precious.read_text() == "something else" and not code_file(node).exists()


def test_a_boot_partition_that_is_not_there(node, ada, tmp_path):
    code = code_of(node)
    node.start("--claim-file", tmp_path / "no/such/directory/claim.txt")
    assert "event=claim-code-failed" in node.log_text() and node.status()["claimable"]
    assert ada.claim(node.secure_port, code) == 201


# Shown to a person

def terminal(node, *words, path=None):
    pid, end = pty.fork()
    if pid == 0:
        line = [*node.maud, *(str(word) for word in words)]
        os.execve(line[0], line, {**os.environ, **({"PATH": path} if path else {})})
    text = ""
    try:
        while data := os.read(end, 4096):
            text += data.decode()
    except OSError:
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(end)
    return status, text


def test_it_is_shown_at_a_terminal_with_a_picture(make_node, tmp_path):
    """A program of the name qrencode in place of the real one tells what it got: no argument has the code."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "qrencode").write_text("#!/bin/sh\necho \"arguments: $*; input: $(cat)\"\n")
    (tools / "qrencode").chmod(0o755)
    node = make_node()
    path = f"{tools}:{os.environ['PATH']}"
    status, text = terminal(node, "init", "--name", "x", "--root", node.root, "--passphrase-file", node.passphrase_file, "--runtime", node.runtime, path=path)
    assert status == 0
    uri = re.search(f"mau:[0-9a-f]{{40}}\\?claim={CODE}", text)[0]
    assert f"arguments: -tANSIUTF8; input: {uri}\r\n" in text
    assert terminal(node, "claim-code", "--root", node.root, path=path) == (0, f"{uri}\r\narguments: -tANSIUTF8; input: {uri}\r\n")
    assert node.command("claim-code", "--root", node.root, "--qr", identity=False, environment={"PATH": path}).stdout.decode().splitlines()[0] == uri


def test_without_the_program_the_uri_alone(node, tmp_path):
    (tmp_path / "empty").mkdir()
    status, text = terminal(node, "claim-code", "--root", node.root, path=str(tmp_path / "empty"))
    assert status == 0 and text.startswith(f"mau:{node.fingerprint}?claim=") and "apt install qrencode" in text


@pytest.mark.skipif(not (shutil.which("qrencode") and shutil.which("zbarimg")), reason="needs qrencode and zbarimg")
def test_a_camera_reads_it(node, tmp_path):
    uri, *lines = node.command("claim-code", "--root", node.root, "--qr", identity=False).stdout.decode().splitlines()
    # Two squares a character, one above the other; the terminal is dark.
    light = {" ": (0, 0), "\u2580": (255, 0), "\u2584": (0, 255), "\u2588": (255, 255)}
    rows = [[light[character][half] for character in re.sub("\x1b\\[[0-9;]*m", "", line)] for line in lines if line for half in (0, 1)]
    picture = [[square for square in row for _ in range(6)] for row in rows for _ in range(6)]
    (tmp_path / "code.pgm").write_bytes(b"P5 %d %d 255\n" % (len(picture[0]), len(picture)) + b"".join(map(bytes, picture)))
    read = subprocess.run(["zbarimg", "-q", "--raw", tmp_path / "code.pgm"], capture_output=True, check=True).stdout.decode().strip()
    assert read == uri == f"mau:{node.fingerprint}?claim={code_of(node)}"
