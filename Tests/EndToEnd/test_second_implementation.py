"""Sequoia (sq) and RNP (rnp), OpenPGP implementations that are neither GnuPG nor ours, agree with what the node writes."""
import json
import shutil
import subprocess

import pytest

from harness import wait_until


@pytest.fixture
def files(running, tmp_path):
    """A public reading and the node's key, as files."""
    name = running.wait_for("^r-temperature", 2)[0]
    (tmp_path / "reading.pgp").write_bytes(running.fetch(name))
    (tmp_path / "key.pgp").write_bytes(running.public_key())
    return tmp_path / "reading.pgp", tmp_path / "key.pgp"


def sequoia(*arguments, **options):
    if not shutil.which("sq"):
        pytest.fail("sq is missing: make test installs it")
    return subprocess.run(["sq", *map(str, arguments)], capture_output=True, **options)


def sequoia_is_old():
    return b"sq 0." in sequoia("version").stderr + sequoia("version").stdout + sequoia("--version").stdout


def test_sequoia_verifies_a_reading(files):
    reading, key = files
    signer = "--signer-cert" if sequoia_is_old() else "--signer-file"
    result = sequoia("verify", *([] if sequoia_is_old() else ["--message"]), signer, key, reading)
    assert result.returncode == 0, result.stderr.decode()
    assert json.loads(result.stdout)["@type"] == "ReadingBatch"


def test_sequoia_refuses_a_changed_reading(files):
    reading, key = files
    data = bytearray(reading.read_bytes())
    data[data.index(b"ReadingBatch")] ^= 1
    reading.write_bytes(data)
    signer = "--signer-cert" if sequoia_is_old() else "--signer-file"
    assert sequoia("verify", *([] if sequoia_is_old() else ["--message"]), signer, key, reading).returncode != 0


def test_sequoia_opens_a_viewers_reading(node, tmp_path):
    viewer = tmp_path / "viewer.key"
    old = sequoia_is_old()
    made = sequoia("key", "generate", *(["--userid", "viewer", "--export", viewer] if old else
                   ["--name", "viewer", "--own-key", "--without-password", "--output", viewer, "--rev-cert", tmp_path / "revocation", "--profile", "rfc4880"]))
    assert made.returncode == 0, made.stderr.decode()
    certificate = sequoia(*(["key", "extract-cert", viewer] if old else ["key", "delete", "--cert-file", viewer, "--output", "-"]))
    assert certificate.returncode == 0, certificate.stderr.decode()
    (tmp_path / "viewer.asc").write_bytes(certificate.stdout)
    (tmp_path / "node.pgp").write_bytes(node.public_key())
    node.command("friend add", "--group", "viewers", tmp_path / "viewer.asc")
    node.start()
    path = wait_until(lambda: sorted(node.own.glob("r-humidity-*")), "a private reading")[0]
    signer = "--signer-cert" if old else "--signer-file"
    opened = sequoia("decrypt", "--recipient-key" if old else "--recipient-file", viewer, signer, tmp_path / "node.pgp", path)
    assert opened.returncode == 0, opened.stderr.decode()
    assert json.loads(opened.stdout)["audience"]["name"] == "viewers"


def test_rnp_verifies_a_reading(files, tmp_path):
    reading, key = files
    home = tmp_path / "rnp"
    home.mkdir(mode=0o700)
    if not shutil.which("rnp"):
        pytest.fail("rnp is missing: make test installs it")
    subprocess.run(["rnpkeys", "--homedir", home, "--import", key], check=True, capture_output=True)
    result = subprocess.run(["rnp", "--homedir", home, "--verify", reading], capture_output=True)
    assert result.returncode == 0 and b"Good signature" in result.stderr + result.stdout, result.stderr.decode()
