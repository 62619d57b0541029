"""What friends see over TLS (docs/tls.md, section 5)."""
import json
import re

import pytest

import certificates
from certificates import Identity
from harness import FIXTURES, one_sentence, wait_until
from tls_client import CAROL, ask, client_context, connect, pem, quiet  # noqa: F401



@pytest.fixture
def with_friends(quiet, tmp_path):
    """A node with gina and carol as friends, a file for each, and two versions of a third: the first for both, the second for gina."""
    for name in ("gina", "carol"):
        key = "gnupg24-gina" if name == "gina" else "ref-carol"
        quiet.command("friend add", "--group", "viewers", FIXTURES / f"keys/{key}.asc")
        (tmp_path / "private").write_bytes(b"for " + name.encode())
        quiet.command("publish", "--to", IDENTITIES[name], "--name", f"for-{name}.json.pgp", tmp_path / "private")
    for number, to in ((1, ["gina", "carol"]), (2, ["gina"])):
        (tmp_path / "private").write_bytes(b"version %d" % number)
        quiet.command("publish", *(word for name in to for word in ("--to", IDENTITIES[name])), "--name", "both.json.pgp", tmp_path / "private")
    wait_until(lambda: {"for-gina.json.pgp", "for-carol.json.pgp", "both.json.pgp"} <= set(seen_by(quiet, "gina") + seen_by(quiet, "carol")), "publishing")
    wait_until(lambda: quiet.status()["content"]["versions"] == 1, "the version")
    return quiet


IDENTITIES = {"gina": "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c", "carol": CAROL.fingerprint}


@pytest.fixture(autouse=True, params=["--http1.1", "--http2"])
def version(request, monkeypatch):
    """What is true of one version of HTTP is true of the other."""
    monkeypatch.setattr(curl, "version", request.param, raising=False)


def curl(node, path, identity=None, *arguments):
    certificate = ["--cert", pem(identity)] if identity else []
    output = node.curl("-k", "-i", curl.version, *certificate, *arguments, node.secure_url(path)).stdout
    assert output.startswith(b"HTTP/2 " if curl.version == "--http2" else b"HTTP/1.1 ")
    return re.sub(rb"\AHTTP/\S+ (\d+)[^\r]*", rb"\1", output)


def seen_by(node, identity):
    body = curl(node, "", identity).partition(b"\r\n\r\n")[2]
    return [entry["path"].rsplit("/", 1)[1] for entry in json.loads(body)]


def without_date(response):
    return re.sub(rb"(?i)Date: [^\r]*\r\n", b"", response)


def test_each_sees_what_is_theirs(with_friends):
    node = with_friends
    public = {"device.json.pgp", "vocabulary-1.json.pgp", "small.bin.pgp", "large.bin.pgp"}
    assert set(seen_by(node, "gina")) == public | {"for-gina.json.pgp", "both.json.pgp"}
    assert set(seen_by(node, "carol")) == public | {"for-carol.json.pgp"}
    assert set(seen_by(node, None)) == set(seen_by(node, "forged-name")) == set(node.names()) == public
    private = (node.own / "for-gina.json.pgp").read_bytes()
    assert curl(node, "/for-gina.json.pgp", "gina").endswith(private)


def test_what_is_another_s_does_not_exist(with_friends):
    node = with_friends
    version = next((node.own / "both.json.pgp.versions").iterdir()).name.removesuffix(".pgp")
    assert curl(node, f"/both.json.pgp.version/{version}", "carol").startswith(b"200"), "it was for carol too"
    asked = [("/for-gina.json.pgp", "carol"), ("/for-gina.json.pgp", None), ("/for-gina.json.pgp", "forged-name"), ("/both.json.pgp", "carol"),
             (f"/both.json.pgp.version/{version}", None)]
    answers = [without_date(curl(node, *each)) for each in asked]
    plain = without_date(node.curl("-i", node.url("/for-gina.json.pgp")).stdout)
    for path in (node.own / "for-gina.json.pgp", node.own / "both.json.pgp", *(node.own / "both.json.pgp.versions").iterdir()):
        path.unlink()
    wait_until(lambda: "both.json.pgp" not in seen_by(node, "gina"), "the removal")
    assert answers == [without_date(curl(node, *each)) for each in asked]
    assert plain == without_date(node.curl("-i", node.url("/for-gina.json.pgp")).stdout)
    assert all(answer.startswith(b"404") for answer in answers)


def test_a_removed_friend_loses_its_rights_on_an_open_connection(with_friends):
    with connect(with_friends, pem("gina")) as connection:
        assert ask(connection, with_friends, "/for-gina.json.pgp") == 200
        with_friends.command("friend remove", IDENTITIES["gina"])
        wait_until(lambda: with_friends.status()["friends"] == 1, "the removal")
        assert ask(connection, with_friends, "/for-gina.json.pgp") == 404
        assert ask(connection, with_friends, "/small.bin.pgp") == 200


def test_a_ticket_brings_back_the_peer_and_no_rights(with_friends):
    context = client_context(pem("gina"))
    with connect(with_friends, context=context) as connection:
        assert ask(connection, with_friends, "/for-gina.json.pgp") == 200
        session = connection.session
    with_friends.command("friend remove", IDENTITIES["gina"])
    wait_until(lambda: with_friends.status()["friends"] == 1, "the removal")
    with connect(with_friends, context=context, session=session) as connection:
        assert ask(connection, with_friends, "/for-gina.json.pgp") == 404 and connection.session_reused


def test_nobody_is_told_less_because_friends_are_not_read_yet(with_friends):
    """A follower asks for what is newer than its last visit: what one answer leaves out it never asks for."""
    node = with_friends
    name = f"{IDENTITIES['gina']}.pgp"
    key = (node.root / ".mau/viewers" / name).read_bytes()
    for number in range(40):  # one gpg for each: that takes a while
        (node.root / f".mau/group-{number}").mkdir(mode=0o700)
        (node.root / f".mau/group-{number}" / name).write_bytes(key)
    address = f"127.0.0.1:{node.secure_port}"
    node.stop()
    node.start(https=address, wait=False)

    def first_answer():
        result = node.curl("-k", curl.version, "--cert", pem("gina"), node.secure_url(), check=False)
        return result.returncode == 0 and result.stdout
    assert b"for-gina.json.pgp" in wait_until(first_answer, "the first answer")
    node.wait_ready()


def test_a_key_with_another_s_subkey_is_refused(with_friends, tmp_path, gnupg):
    node = with_friends
    thief = Identity((FIXTURES / "secret/alice.gpg").read_bytes())
    for victim in (FIXTURES / "secret/gina.gpg").read_bytes(), gnupg.decrypt_account(node.account, node.passphrase):
        key = tmp_path / "thief.gpg"
        key.write_bytes(certificates.carrying_foreign_subkey(thief, victim))
        listing = gnupg.run("--with-colons", "--show-keys", key).stdout.decode()
        assert listing.count("\nsub:") == 1 and "\nsub:i" not in listing, "gpg does not believe the binding signature"
        assert Identity(victim).fingerprint in one_sentence(node.command("friend add", key, check=False), "dataError")
    assert node.status()["friends"] == 2
