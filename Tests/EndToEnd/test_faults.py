"""What bad input gets: one clear sentence on standard error, an exit code from sysexits.h, nothing half-written."""
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import needs_mount
from harness import SIMULATOR, one_sentence, snapshot


def refused(node, code, *arguments, **options):
    """`maud run` must end by itself with this code and one sentence, and leave nothing behind."""
    board = options.pop("board", node.board)
    result = node.command("run", "--board", board, "--state", node.state, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", *arguments, check=False, timeout=30, **options)
    sentence = one_sentence(result, code)
    assert list(node.runtime.iterdir()) == [], "the working directory was left behind"
    return sentence


@pytest.mark.parametrize("verb", [["fingerprint"], ["export"], ["friend list"], ["run", "--board", SIMULATOR]], ids=lambda verb: verb[0])
def test_a_wrong_passphrase(node, verb):
    before = snapshot(node)
    node.write_passphrase("wrong")
    one_sentence(node.command(*verb, check=False, timeout=30), "noPermission")
    assert snapshot(node) == before


def test_a_passphrase_is_never_an_argument_or_an_environment_variable(node):
    text = subprocess.run([*node.maud, "run", "--help"], capture_output=True, text=True).stdout
    assert "--passphrase-file" in text and "--passphrase " not in text
    assert node.command("fingerprint", "--passphrase", "x", check=False).returncode == 64


def test_a_passphrase_from_a_systemd_credential(node):
    credentials = node.directory / "credentials"
    credentials.mkdir()
    (credentials / "passphrase").write_text(node.passphrase)
    result = subprocess.run([*node.maud, "fingerprint", "--root", node.root, "--runtime", node.runtime], capture_output=True,
                            env={**os.environ, "CREDENTIALS_DIRECTORY": str(credentials)})
    assert result.stdout.decode().strip() == node.fingerprint, result.stderr


def test_a_missing_or_empty_passphrase_file(node):
    node.passphrase_file.unlink()
    assert str(node.passphrase_file) in one_sentence(node.command("fingerprint", check=False), "noInput")
    node.write_passphrase("")
    assert node.command("init", "--name", "x", check=False).returncode != 0


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: data[:10], lambda data: b"", lambda data: b"rubbish" * 100,
                                    lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:]], ids=["short", "head", "empty", "text", "bit"])
def test_a_damaged_account(node, damage):
    node.account.write_bytes(damage(node.account.read_bytes()))
    before = snapshot(node)
    refused(node, "dataError")
    assert snapshot(node) == before


def test_no_account(make_node):
    node = make_node()
    assert "init" in refused(node, "noInput"), "the sentence should say what to do"


@pytest.mark.parametrize("text, place, word", [
    ('{\n  "name": "x",\n  "sensor": []\n}\n', "3:", "sensor"),
    ('{\n  "name": "x",\n  "quota": 5\n}\n', "3:", "quota"),
    ('{\n  "name": "x",\n  "sensors": [\n    { "name": "UPPER" } ]\n}\n', "4:", "name"),
    ('{\n  "name": "x",,\n}\n', "2:", ""),
    ('{ "name": "x", "name": "y" }', "1:", "name"),
    ('{}', "1:", "name"),
    ('', "1:", ""),
    ('[]', "1:", ""),
    ('{"name": "' + "x" * 65 + '"}', "1:", "name"),
], ids=["unknown-key", "range", "nested", "syntax", "twice", "missing", "empty", "array", "long"])
def test_a_wrong_board_says_line_and_column(node, tmp_path, text, place, word):
    board = tmp_path / "board.json"
    board.write_text(text)
    sentence = refused(node, "configuration", board=board)
    assert f"{board}:{place}" in sentence and word in sentence
    assert sentence.split(f"{board}:{place}")[1].split(":")[0].isdigit(), "no column"


def test_a_missing_board(node, tmp_path):
    assert "nowhere.json" in refused(node, "noInput", board=tmp_path / "nowhere.json")


def test_a_port_in_use(node):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = node.command("run", "--board", node.board, "--state", node.state, "--http", f"127.0.0.1:{port}", check=False, timeout=30)
        sentence = one_sentence(result, "unavailable")
        assert str(port) in sentence and "--http" in sentence
        result = node.command("run", "--board", node.board, "--state", node.state, "--http", "127.0.0.1:0", "--https", f"127.0.0.1:{port}", check=False,
                              timeout=30)
        sentence = one_sentence(result, "unavailable")
        assert str(port) in sentence and "--https" in sentence


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:99999", "localhost:80x", "[::1", "", "foo:80", "localhost:80", "1.2.3:80", "[fe80::1]:80"])
def test_a_wrong_address(node, address):
    result = node.command("run", "--board", node.board, "--state", node.state, "--http", address, check=False, timeout=30)
    assert "--http" in one_sentence(result, "usage")


@pytest.mark.parametrize("address", ["192.0.2.1:0", "[2001:db8::1]:0"])
def test_an_address_that_this_machine_does_not_have(node, address):
    result = node.command("run", "--board", node.board, "--state", node.state, "--http", address, check=False, timeout=30)
    sentence = one_sentence(result, "unavailable")
    assert "--http" in sentence and address in sentence


def test_a_file_without_end(node):
    """What is larger than it may be is said with the bound."""
    for verb, code, bound in ((["run", "--board", "/dev/zero"], "configuration", 256 << 10), (["publish", "--name", "x.pgp", "/dev/zero"], "dataError", 64 << 20),
                              (["open", "/dev/zero"], "dataError", 64 << 20), (["friend add", "/dev/zero"], "dataError", 1 << 20)):
        assert f"/dev/zero is larger than {bound} octets" in one_sentence(node.command(*verb, check=False), code)


def test_a_name_without_room_for_versions(node):
    """docs/content.md, 3.3: published once; its content could not be kept."""
    line = ["publish", "--public", "--name", "x" * 243 + ".pgp", node.passphrase_file]
    node.command(*line)
    before = snapshot(node)
    assert "246" in one_sentence(node.command(*line, check=False), "cannotCreate")
    assert snapshot(node) == before
    for _ in range(2):
        node.command("publish", "--public", "--name", "x" * 242 + ".pgp", node.passphrase_file)


@needs_mount
def test_gpg_missing(node, tmp_path):
    """A machine without gpg: its program is hidden by an empty directory over the one it lies in, for the node alone."""
    empty = tmp_path / "empty"
    empty.mkdir()
    gpg = Path(shutil.which("gpg")).resolve().parent
    wrapper = ["unshare", "-m", "sh", "-c", f'mount --bind {empty} {gpg} && exec "$@"', "sh"]
    result = node.command("fingerprint", check=False, wrapper=wrapper)
    assert "gpg" in one_sentence(result, "unavailable")
    assert list(node.runtime.iterdir()) == []


@needs_mount
def test_gpg_agent_missing(node, make_node):
    """Not the account's fault, and nobody must overwrite it for that."""
    agent = Path(shutil.which("gpg-agent")).resolve()
    wrapper = ["unshare", "-m", "sh", "-c", f'mount --bind /dev/null {agent} && exec "$@"', "sh"]
    before = snapshot(node)
    assert "gpg-agent" in one_sentence(node.command("fingerprint", check=False, wrapper=wrapper), "unavailable")
    assert snapshot(node) == before
    other = make_node("other")
    assert "gpg-agent" in one_sentence(other.command("init", "--name", "x", check=False, wrapper=wrapper), "unavailable")


def test_a_gpg_that_cannot_be_started_is_no_damaged_account(node):
    text = node.command("fingerprint", check=False, wrapper=["sh", "-c", 'ulimit -n 8; exec "$@"', "sh"]).stderr.decode()
    assert text.count("\n") == 1 and "damaged" not in text


@needs_mount
def test_a_directory_that_cannot_be_written(node, tmp_path):
    """Read-only as a file system is: root may write anywhere else."""
    before = snapshot(node)
    source = tmp_path / "content"
    source.write_text("x")
    wrapper = ["unshare", "-m", "sh", "-c", f'mount --bind {node.root} {node.root} && mount -o remount,ro,bind {node.root} && exec "$@"', "sh"]
    for verb in (["publish", "--public", "--name", "x.pgp", source], ["friend add", source.parent / "content"]):
        result = node.command(*verb, check=False, wrapper=wrapper)
        assert len(result.stderr.splitlines()) == 1 and result.returncode in (65, 73, 77)
    assert snapshot(node) == before
    refused(node, "cannotCreate", wrapper=wrapper)
    other = node.directory / "read-only"
    other.mkdir()
    result = subprocess.run(["unshare", "-m", "sh", "-c", f'mount --bind {other} {other} && mount -o remount,ro,bind {other} && exec "$@"', "sh", *node.maud,
                             "init", "--root", other, "--name", "x", "--passphrase-file", node.passphrase_file, "--runtime", node.runtime], capture_output=True)
    one_sentence(result, "cannotCreate")


def test_a_root_that_is_not_there(make_node):
    node = make_node()
    shutil.rmtree(node.root)
    result = node.command("fingerprint", check=False)
    assert str(node.root) in one_sentence(result, "noInput")


@pytest.mark.parametrize("line", [[], ["no-such-verb"], ["run"], ["fingerprint", "--no-such-option"], ["fingerprint", "extra"], ["status"]],
                         ids=lambda line: " ".join(line) or "nothing")
def test_usage(node, line, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME")}
    result = subprocess.run([*node.maud, *line], capture_output=True, env=environment, cwd=tmp_path)
    assert result.returncode == 64 and result.stdout == b"" and result.stderr.startswith(b"maud")


@pytest.mark.parametrize("line, word", [
    (["friend add", "--group", "a/b", "key"], "a/b"), (["friend follow", "xyz"], "xyz"), (["friend greet", "x"], "greet"), (["friend greet"], "greet"),
    (["publish", "--name", "../x.pgp", "--public", "x"], "separator"), (["fingerprint", b"a\xff"], "UTF-8"),
    (["publish", "--name", "x.pgp", "--public", "--to", "viewers", "x"], "--to"), (["publish", "--name", "x", "x"], ".pgp"),
    (["init", "--import", "x", "--name", "y"], "--name"), (["run", "--board", ""], "needs a value"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_usage_names_what_is_wrong(node, line, word, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"")
    assert word in one_sentence(node.command(*[key if part == "key" else part for part in line], check=False), "usage").replace("--help", "")


def test_a_recipient_who_is_nobody_is_named(node):
    for name in ("strangers", "0" * 40):
        assert name in one_sentence(node.command("publish", "--name", "x.pgp", "--to", name, node.passphrase_file, check=False), "dataError")


def test_a_directory_in_place_of_a_file(node, tmp_path):
    """A path of the wrong kind is a mistake in the input or the output, not a failure of the system."""
    for verb in (["publish", "--name", "x.pgp", tmp_path], ["open", tmp_path], ["friend add", tmp_path], ["run", "--board", tmp_path, "--state", tmp_path]):
        assert str(tmp_path) in one_sentence(node.command(*verb, check=False), "noInput")
    one_sentence(node.command("export", "--output", tmp_path, check=False), "cannotCreate")
    one_sentence(node.command("export", "--output", tmp_path / "nowhere/key", check=False), "cannotCreate")
    for root in (tmp_path / "nowhere/root", node.passphrase_file):
        result = node.command("init", "--name", "x", "--root", root, "--passphrase-file", node.passphrase_file, identity=False, check=False)
        assert str(root) in one_sentence(result, "cannotCreate")


def test_output_that_cannot_be_written(running):
    """Whoever saves a key or a file hears that it is not whole."""
    with open("/dev/full", "wb") as full:
        for verb in (["export"], ["fingerprint"], ["open", running.own / "device.json.pgp"]):
            result = subprocess.run([*running.maud, *verb, "--root", running.root, "--passphrase-file", running.passphrase_file, "--runtime", running.runtime],
                                    stdout=full, stderr=subprocess.PIPE)
            assert result.returncode == 74 and b"No space left" in result.stderr.splitlines()[-1]
        result = subprocess.run([*running.maud, "status", "--state", running.state], stdout=full, stderr=subprocess.PIPE)
        assert result.returncode == 74


def test_a_key_replaces_no_device(node, tmp_path):
    """Renaming a file over /dev/null is within root's power."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert str(pipe) in one_sentence(node.command("export", "--output", pipe, check=False), "cannotCreate")
    assert pipe.is_fifo()


def test_status_of_a_node_that_does_not_run(node):
    one_sentence(node.command("status", "--state", node.directory, identity=False, check=False), "unavailable")


def test_two_daemons_with_one_state_directory(running, make_node):
    other = make_node("other").init()
    other.state = running.state
    result = other.command("run", "--board", running.board, "--state", running.state, "--http", "127.0.0.1:0", check=False, timeout=30)
    assert "state directory" in one_sentence(result, "temporary")
    assert running.status()["fingerprint"] == running.fingerprint


def test_two_daemons_on_one_directory(running, tmp_path):
    result = running.command("run", "--board", running.board, "--state", running.state, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", check=False, timeout=30)
    one_sentence(result, "temporary")
    running.fetch("device.json.pgp")


def test_a_gpg_that_is_killed_says_nothing_about_a_file(node, tmp_path):
    """For want of memory, mostly. Who follows would never ask for the file again if it were taken for unsigned."""
    (tmp_path / "x").write_text("x")
    node.command("publish", "--public", "--name", "x.pgp", tmp_path / "x")
    (tmp_path / "bin").mkdir()
    gpg = tmp_path / "bin/gpg"
    gpg.write_text(f"#!/bin/sh\ncase \"$*\" in *--decrypt*) ;; *'--output - -- -&'*) kill -9 $$ ;; esac\nexec {shutil.which('gpg')} \"$@\"\n")
    gpg.chmod(0o755)
    result = node.command("open", node.own / "x.pgp", check=False, environment={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    assert result.returncode != 0 and b"gpg: " in result.stderr and b"not signed" not in result.stderr and result.stdout == b""
