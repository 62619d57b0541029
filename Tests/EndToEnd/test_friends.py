"""Friends, groups, who is followed."""
import os
import subprocess

import pytest

from harness import FIXTURES, one_sentence
from openpgp import tags

ALICE = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
CAROL = "d954fcaae5ecce317b1a92dc2753a65a37372912"


def binary(key, tmp_path):
    path = tmp_path / "binary.pgp"
    path.write_bytes(subprocess.run(["gpg", "--dearmor"], input=key.read_bytes(), capture_output=True, check=True).stdout)
    return path


def test_an_armored_key_is_stored_as_binary_encrypted_to_the_account(node):
    node.command("friend add", FIXTURES / "keys/ref-alice.asc")
    stored = node.root / f".mau/{ALICE}.pgp"
    assert tags(stored.read_bytes())[0] == 1, "not encrypted to a key"
    assert ALICE in node.command("friend list").stdout.decode()


def test_a_binary_key_is_accepted(node, tmp_path):
    node.command("friend add", "--group", "viewers", binary(FIXTURES / "keys/ref-carol.asc", tmp_path))
    assert (node.root / f".mau/viewers/{CAROL}.pgp").exists()
    line = [line for line in node.command("friend list").stdout.decode().splitlines() if CAROL in line]
    assert len(line) == 1 and "viewers" in line[0]


def test_the_stored_key_is_what_gpg_reads(make_node, gnupg):
    """With an account that gpg can open, gpg finds the friend's key and our signature in the friend file."""
    node = make_node().init()
    node.command("friend add", FIXTURES / "keys/ref-alice.asc")
    gnupg.import_key(gnupg.decrypt_account(node.account, node.passphrase))
    plain, signer = gnupg.open((node.root / f".mau/{ALICE}.pgp").read_bytes())
    assert signer == node.fingerprint
    gnupg.import_key(plain)
    assert ALICE in gnupg.fingerprints()


def test_a_friend_in_two_groups_is_removed_from_one_or_all(node):
    key = FIXTURES / "keys/ref-alice.asc"
    for group in ("viewers", "controllers"):
        node.command("friend add", "--group", group, key)
    node.command("friend remove", "--group", "viewers", ALICE)
    assert not (node.root / f".mau/viewers/{ALICE}.pgp").exists()
    assert (node.root / f".mau/controllers/{ALICE}.pgp").exists()
    node.command("friend remove", ALICE)
    assert ALICE not in node.command("friend list").stdout.decode()
    one_sentence(node.command("friend remove", ALICE, check=False), "dataError")


def test_follow_creates_the_directory_and_unfollow_keeps_what_is_in_it(node):
    node.command("friend add", FIXTURES / "keys/ref-alice.asc")
    node.command("friend follow", ALICE)
    followed, unfollowed = node.root / ALICE, node.root / ("." + ALICE)
    assert followed.is_dir() and followed.stat().st_mode & 0o777 == 0o700
    (followed / "note.json.pgp").write_bytes(b"x")
    node.command("friend unfollow", ALICE)
    assert not followed.exists() and (unfollowed / "note.json.pgp").read_bytes() == b"x"
    node.command("friend follow", ALICE)
    assert (followed / "note.json.pgp").read_bytes() == b"x" and not unfollowed.exists()


@pytest.mark.parametrize("content", [b"", b"not a key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n",
                                     os.urandom(200)], ids=["empty", "text", "armor", "noise"])
def test_what_is_not_a_key_is_refused(node, tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    one_sentence(node.command("friend add", tmp_path / "key", check=False), "dataError")
    assert [path.name for path in (node.root / ".mau").iterdir()] == ["account.pgp"]


def test_a_missing_key_file_is_named(node, tmp_path):
    assert "no-such-file" in one_sentence(node.command("friend add", tmp_path / "no-such-file", check=False), "noInput")


@pytest.mark.parametrize("group", ["..", "a/b", ".hidden", ""])
def test_a_group_is_a_plain_name(node, group):
    result = node.command("friend add", "--group", group, FIXTURES / "keys/ref-alice.asc", check=False)
    assert result.returncode in (64, 65) and len(result.stderr.splitlines()) == 1
    assert [path.name for path in (node.root / ".mau").rglob("*")] == ["account.pgp"]


def test_one_unreadable_friend_file_is_skipped_and_reported(node):
    node.command("friend add", FIXTURES / "keys/ref-alice.asc")
    (node.root / ".mau" / (CAROL + ".pgp")).write_bytes(b"rubbish")
    (node.root / ".mau/sync_state.json").write_text("{}")
    result = node.command("friend list")
    assert ALICE in result.stdout.decode() and CAROL not in result.stdout.decode()
    assert CAROL in result.stderr.decode()
    assert "sync_state" not in result.stderr.decode()


def test_every_verb_that_reads_the_friends_keys_tells_of_odd_files(node):
    """docs/account.md, 4: someone may be missing. Verbs that read none are silent."""
    node.command("friend add", "--group", "viewers", FIXTURES / "keys/ref-alice.asc")
    (node.root / ".mau" / (CAROL + ".pgp")).write_bytes(b"rubbish")
    foreign = FIXTURES / "gnupg24/gina/3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c/public.json.pgp"
    for verb in (["friend list"], ["friend follow", ALICE], ["publish", "--name", "x.pgp", "--to", "viewers", node.passphrase_file], ["open", foreign],
                 ["friend add", FIXTURES / "keys/ref-alice.asc"]):
        assert CAROL in node.command(*verb, check=False).stderr.decode(), verb
    for verb in (["friend unfollow", ALICE], ["friend remove", "--group", "viewers", ALICE], ["fingerprint"],
                 ["publish", "--name", "y.pgp", node.passphrase_file]):
        assert node.command(*verb).stderr == b"", verb


def key_file(gnupg, tmp_path, name, *arguments):
    """(fingerprint, file) of a new key that gpg makes so."""
    gnupg.run("--passphrase", "", *arguments[:1], "--quick-generate-key", name, *arguments[1:])
    fingerprint = gnupg.fingerprints()[-1]
    path = tmp_path / (name + ".pgp")
    path.write_bytes(gnupg.run("--export", fingerprint).stdout)
    return fingerprint, path


def test_a_friend_nothing_can_be_encrypted_to_is_named(node, gnupg, tmp_path):
    """When it is added, and when it is a recipient: left out of a group, refused alone."""
    signer, signer_key = key_file(gnupg, tmp_path, "signer", "--no-tty", "ed25519", "sign", "0")
    expired, expired_key = key_file(gnupg, tmp_path, "expired", "--faked-system-time=20200101T000000!", "rsa2048", "default", "2020-02-01")
    for fingerprint, key, why in ((signer, signer_key, "no encryption subkey"), (expired, expired_key, "expired")):
        result = node.command("friend add", "--group", "viewers", key)
        assert result.stdout.decode().strip() == fingerprint
        assert fingerprint in result.stderr.decode() and why in result.stderr.decode()
        sentence = one_sentence(node.command("publish", "--name", "x.pgp", "--to", fingerprint, node.passphrase_file, check=False), "dataError")
        assert fingerprint in sentence and why in sentence
    assert "viewers" in node.command("publish", "--name", "x.pgp", "--to", "viewers", node.passphrase_file, check=False).stderr.decode().splitlines()[-1]
    assert node.command("friend add", "--group", "viewers", FIXTURES / "keys/ref-alice.asc").stderr == b""
    result = node.command("publish", "--name", "x.pgp", "--to", "viewers", node.passphrase_file)
    assert signer in result.stderr.decode() and expired in result.stderr.decode() and ALICE not in result.stderr.decode()
    assert tags((node.own / "x.pgp").read_bytes()) == [1, 1, 18]
