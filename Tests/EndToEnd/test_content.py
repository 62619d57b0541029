"""`maud publish`, `maud open`, versions: what lies in the directories, and that GnuPG agrees."""
import hashlib
import json

import pytest

from harness import FIXTURES, one_sentence, sha256, wait_until
from openpgp import recipients, tags

ALICE = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
CONTENT = b'{"@type":"Message","text":"line\r\nand a bare \r"}'


@pytest.fixture
def content(tmp_path):
    path = tmp_path / "note.json"
    path.write_bytes(CONTENT)
    return path


def test_a_public_file_is_signed_and_not_encrypted(node, gnupg, content):
    node.command("publish", "--public", "--name", "note.json.pgp", content)
    data = (node.own / "note.json.pgp").read_bytes()
    assert tags(data) == [4, 11, 2], "one-pass signature, literal, signature"
    assert gnupg.open(data) == (CONTENT, node.fingerprint)


def test_a_private_file_is_for_its_recipients_and_the_node_itself(node, make_node, gnupg, content, tmp_path):
    friend = gnupg.new_key("friend")
    (tmp_path / "friend.asc").write_bytes(gnupg.run("--armor", "--export", friend).stdout)
    node.command("friend add", "--group", "viewers", tmp_path / "friend.asc")
    for name, to in (("one.json.pgp", friend), ("group.json.pgp", "viewers")):
        node.command("publish", "--to", to, "--name", name, content)
        data = (node.own / name).read_bytes()
        assert len(recipients(data)) == 2 and tags(data)[-1] == 18
        assert gnupg.open(data) == (CONTENT, node.fingerprint)
        assert node.command("open", node.own / name).stdout == CONTENT
    node.command("publish", "--name", "self.json.pgp", content)
    assert len(recipients((node.own / "self.json.pgp").read_bytes())) == 1
    assert node.command("open", node.own / "self.json.pgp").stdout == CONTENT


def test_publish_to_a_stranger_is_refused(node, content):
    one_sentence(node.command("publish", "--to", ALICE, "--name", "x.json.pgp", content, check=False), "dataError")
    assert not (node.own / "x.json.pgp").exists()


def test_public_and_private_at_once_is_refused(node, content):
    node.command("friend add", FIXTURES / "keys/ref-alice.asc")
    one_sentence(node.command("publish", "--public", "--to", ALICE, "--name", "x.json.pgp", content, check=False), "usage")


@pytest.mark.parametrize("name", ["a/b.pgp", "../x.pgp", ".hidden.pgp", "no-suffix.json", "new\nline.pgp", "x" * 252 + ".pgp", ".pgp", ""])
def test_names_are_checked(node, content, name):
    result = node.command("publish", "--public", "--name", name, content, check=False)
    assert result.returncode in (64, 65) and len(result.stderr.splitlines()) == 1
    assert not node.own.exists() or list(node.own.iterdir()) == []


def test_a_name_of_255_octets_works(node, gnupg, content):
    name = "é" * 125 + "x.pgp"
    node.command("publish", "--public", "--name", name, content)
    assert gnupg.open((node.own / name).read_bytes())[0] == CONTENT


def test_editing_keeps_the_old_content_under_its_sum(node, gnupg, content):
    sums = []
    for version in range(3):
        content.write_bytes(b"version %d" % version)
        node.command("publish", "--public", "--name", "note.json.pgp", content)
        sums.append(sha256((node.own / "note.json.pgp").read_bytes()))
    kept = {path.name for path in (node.own / "note.json.pgp.versions").iterdir()}
    assert kept == {f"{sum}.pgp" for sum in sums[:2]}
    node.start()
    for directory in ("versions", "version"):
        for suffix in ("", ".pgp"):
            for version, sum in enumerate(sums[:2]):
                status, _, body = node.get(f"/note.json.pgp.{directory}/{sum}{suffix}")
                if suffix and status == 404:
                    continue  # the convention addresses a version by its sum alone
                assert status == 200 and gnupg.open(body)[0] == b"version %d" % version
    assert node.get("/note.json.pgp.versions/" + "0" * 64)[0] == 404


def test_versions_are_bounded(node, content):
    for version in range(20):
        content.write_bytes(b"version %d" % version)
        node.command("publish", "--public", "--name", "note.json.pgp", content)
    assert len(list((node.own / "note.json.pgp.versions").iterdir())) == 16


def test_a_running_node_serves_what_a_command_publishes(running, gnupg, content):
    running.command("publish", "--public", "--name", "note.json.pgp", content)
    wait_until(lambda: "note.json.pgp" in running.names(), "the listing of a published file", 5)
    assert running.verified(gnupg, "note.json.pgp") == CONTENT


def test_a_running_node_notices_a_file_of_another_program(running, gnupg, tmp_path):
    """Another application of the same user writes, renames and removes in the directory."""
    other = running.own / "from-elsewhere.json.pgp"
    data = running.fetch(running.wait_for("^r-temperature-")[0])
    temporary = running.own / ".from-elsewhere.tmp"
    temporary.write_bytes(data)
    temporary.rename(other)
    wait_until(lambda: other.name in running.names(), "the listing of another program's file", 5)
    assert running.fetch(other.name) == data
    other.unlink()
    wait_until(lambda: other.name not in running.names(), "its removal from the listing", 5)
    assert running.get("/" + other.name)[0] == 404


# Opening

@pytest.mark.parametrize("name, plain", [
    ("hello.json.pgp", "hello.json"), ("group.json.pgp", "group.json"), ("note.json.pgp", "note.v3.json"), ("crlf.txt.pgp", "crlf.txt"),
    ("blob.bin.pgp", "blob.bin"), ("empty.json.pgp", "empty.json"), ("private.json.pgp", "hello.json")])
def test_files_of_the_other_implementation_open(make_node, name, plain):
    node = make_node()
    node.write_passphrase("fixture-alice")
    opened = node.command("open", "--root", FIXTURES / "ref/alice", "--passphrase-file", node.passphrase_file, FIXTURES / "ref/alice" / ALICE / name,
                          identity=False)
    assert opened.stdout == (FIXTURES / "plain" / plain).read_bytes()
    assert ALICE in opened.stderr.decode()


GINA = "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c"


def open_of_gina(node, name, **options):
    node.write_passphrase("fixture-gina")
    return node.command("open", "--root", FIXTURES / "gnupg24/gina", "--passphrase-file", node.passphrase_file, FIXTURES / "gnupg24/gina" / GINA / name,
                        identity=False, **options)


@pytest.mark.parametrize("name, plain", [
    ("hello.json.pgp", "hello.json"), ("zlib.json.pgp", "hello.json"), ("bzip2.json.pgp", "hello.json"), ("aes256-sha512.json.pgp", "hello.json"),
    ("ocb-tag20.json.pgp", "hello.json"), ("ocb-tag20-blob.bin.pgp", "blob.bin"), ("blob.bin.pgp", "blob.bin"), ("public.json.pgp", "hello.json"),
    ("public-uncompressed.json.pgp", "hello.json"), ("group.json.pgp", "group.json")])
def test_files_made_by_gpg_open(make_node, name, plain):
    assert open_of_gina(make_node(), name).stdout == (FIXTURES / "plain" / plain).read_bytes()


def test_a_file_for_a_hidden_recipient_opens(make_node):
    """Key id 0 in the one PKESK packet: it is alice's."""
    node = make_node()
    node.write_passphrase("fixture-alice")
    node.init("--import", FIXTURES / "ref/alice/.mau/account.pgp")
    node.command("friend add", FIXTURES / "keys/gnupg24-gina.asc")
    opened = node.command("open", FIXTURES / "gnupg24/gina" / GINA / "hidden-recipient.json.pgp")
    assert opened.stdout == (FIXTURES / "plain/hello.json").read_bytes() and GINA in opened.stderr.decode()


@pytest.mark.parametrize("name", ["BAD-unsigned.json.pgp", "BAD-armored.json.pgp", "BAD-signed-by-hugo.json.pgp"])
def test_a_file_without_its_owners_signature_does_not_open(make_node, name):
    one_sentence(open_of_gina(make_node(), name, check=False), "dataError")


def test_a_changed_file_does_not_open(node, content):
    node.command("publish", "--public", "--name", "note.json.pgp", content)
    path = node.own / "note.json.pgp"
    data = bytearray(path.read_bytes())
    data[data.index(b"Message")] ^= 1
    path.write_bytes(data)
    one_sentence(node.command("open", path, check=False), "dataError")


def test_device_document_and_vocabulary_are_published(running, gnupg):
    running.wait_for("^(device|vocabulary-1)", 2)
    device = json.loads(running.verified(gnupg, "device.json.pgp"))
    assert device["identifier"] == running.fingerprint and len(device["sensor"]) == 2
    vocabulary = json.loads(running.verified(gnupg, "vocabulary-1.json.pgp"))
    assert vocabulary == json.loads((FIXTURES.parents[1] / "vocab/vocabulary-1.jsonld").read_text())


def test_the_device_document_is_published_again_only_when_it_changes(node):
    node.start().wait_for("device.json.pgp")
    first = node.fetch("device.json.pgp")
    node.stop()
    node.start()
    assert node.fetch("device.json.pgp") == first
    node.stop()
    node.write_board(name="Another name")
    node.start()
    wait_until(lambda: node.fetch("device.json.pgp") != first, "the new device document")
    assert node.get(f"/device.json.pgp.version/{hashlib.sha256(first).hexdigest()}")[2] == first
