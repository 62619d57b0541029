"""First contact: a node without an owner is claimed with its code (docs/claim.md), by a claimer written from that page."""
import re
import threading
import time

import pytest

from certificates import Identity, carrying_foreign_subkey
from claimer import Claimer, canonical, vectors
from commands import Controller
from harness import FIXTURES, one_sentence, wait_until

CODE = "[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){3}"


def code_of(node):
    """What `maud claim-code` shows to a program: the URI. The code in it."""
    text = node.command("claim-code", "--root", node.root, identity=False).stdout.decode()
    match = re.fullmatch(f"mau:{node.fingerprint}\\?claim=({CODE})\n", text)
    assert match, text
    return match[1]


def controllers(node):
    directory = node.root / ".mau/controllers"
    return sorted(path.stem for path in directory.iterdir()) if directory.exists() else []


def code_file(node):
    return node.root / ".maud-claim"


def is_silent(node, *secrets):
    """Nothing secret is in the log."""
    log = node.log_text()
    return not any(secret in log for secret in secrets) and not re.search(CODE, log)


@pytest.fixture
def ada(gnupg, tmp_path):
    return Claimer(gnupg, tmp_path, "ada")


@pytest.fixture
def bob(gnupg, tmp_path):
    return Claimer(gnupg, tmp_path, "bob")


def test_the_vectors_of_the_page():
    table, computed = vectors()
    assert computed == {name: table[name] for name in computed}


# From nothing to an owner

def test_a_node_is_claimed_and_commanded(node, ada):
    code = code_of(node)
    assert code_file(node).stat().st_mode & 0o777 == 0o600
    boot = node.directory / "maud-claim.txt"
    node.start("--claim-file", boot)
    assert boot.read_text().splitlines()[0] == f"mau:{node.fingerprint}?claim={code}"
    status = node.status()
    assert status["claimable"] is True
    assert ada.claim(node.secure_port, code) == 201
    assert controllers(node) == [ada.fingerprint]
    assert not code_file(node).exists() and not boot.exists()
    assert node.status()["claimable"] is False
    assert f"event=claimed controller={ada.fingerprint}" in node.log_text() and is_silent(node, code, canonical(code), ada.key.hex())
    # What its owner may do, at once.
    owner = Controller.known(node, ada.gnupg, ada.fingerprint)
    assert owner.command(1)[0] == 201 and owner.led() == 1
    assert (node.root / f".mau/viewers/{ada.fingerprint}.pgp").exists()
    wait_until(lambda: any(ada.gnupg.run("--decrypt", file, check=False).returncode == 0 for file in node.own.glob("r-humidity-*")), "a reading for its owner")
    assert one_sentence(node.command("claim-code", "--root", node.root, identity=False, check=False), "noInput")
    assert node.stop() == 0
    node.start("--claim-file", boot)
    assert node.status()["claimable"] is False and not boot.exists() and not code_file(node).exists()
    assert owner.command(0)[0] == 201


@pytest.mark.parametrize("write", [str.lower, lambda code: code.replace("-", ""), lambda code: " ".join(code), lambda code: code.replace("1", "l").replace("0", "o"),
                                   lambda code: code.replace("1", "I").replace("0", "O").lower()], ids=["lower", "bare", "blanks", "aliases", "lower aliases"])
def test_a_code_may_be_written_in_many_ways(write):
    code = "01234-56789-ABCDE-FGHJK"
    assert canonical(write(code)) == "0123456789ABCDEFGHJK"


def test_a_second_claim_and_a_replayed_one(node, ada, bob):
    code = code_of(node)
    node.start()
    connection = ada.connect(node.secure_port)
    status, attempt, _ = ada.prove(connection, code)
    other = bob.connect(node.secure_port)
    _, others, _ = bob.prove(other, code)
    assert status == 200 and ada.ask(connection, "PUT", attempt, ada.key)[0] == 201
    # Whoever was in the middle of it is too late, with a right proof; so is the same attempt again, and any new one.
    assert bob.ask(other, "PUT", others, bob.key)[0] == 404
    assert ada.ask(connection, "PUT", attempt, ada.key)[0] == 404 and ada.ask(connection, "GET", attempt)[0] == 404
    assert bob.claim(node.secure_port, code) == 404
    assert controllers(node) == [ada.fingerprint]
    # As if there were nothing: the same octets.
    there, nowhere = (ada.ask(ada.connect(node.secure_port), "GET", path) for path in (attempt, "nothing.json.pgp"))
    assert there[:2] == nowhere[:2] and {**there[2], "date": ""} == {**nowhere[2], "date": ""}


def test_a_replay_after_a_restart(node, ada):
    """Somebody who had the disk of the claimer's PC, say: a nonce is of one process."""
    code = code_of(node)
    node.start()
    _, attempt, _ = ada.prove(ada.connect(node.secure_port), code)
    assert node.stop() == 0
    node.start()
    assert code_of(node) == code
    connection = ada.connect(node.secure_port)
    assert ada.ask(connection, "PUT", attempt, ada.key)[0] == 403 and controllers(node) == []
    assert ada.claim(node.secure_port, code) == 201


# What is refused

def test_a_wrong_code(node, ada):
    code = code_of(node)
    wrong = ("1" if code[0] == "0" else "0") + code[1:]
    node.start()
    assert ada.claim(node.secure_port, wrong) == 403
    assert "event=claim-refused count=1\n" in node.log_text()
    assert is_silent(node, code, wrong)
    assert ada.claim(node.secure_port, code) == 201


def test_a_proof_for_another_key(node, ada, bob):
    """Bob has heard Ada's proof, or made one in her name: it is hers, and TLS says who he is."""
    code = code_of(node)
    node.start()
    _, attempt, _ = ada.prove(ada.connect(node.secure_port), code)
    connection = bob.connect(node.secure_port)
    assert bob.ask(connection, "GET", attempt)[0] == 403
    assert bob.ask(bob.connect(node.secure_port), "PUT", attempt, ada.key)[0] in (403, 429)
    # And nobody at all.
    nobody = bob.connect(node.secure_port, certificate=False)
    assert bob.ask(nobody, "GET", attempt)[0] == 404
    assert node.get(f"/{attempt}")[0] == 404 and node.get(f"/{attempt}", "-X", "PUT", "--data-binary", "x")[0] == 404
    assert controllers(node) == []


def test_a_key_that_tls_has_not_proven(node, ada, bob, gnupg, tmp_path):
    """The proof is right; what comes as the key is another one, two, none, one without a key to encrypt to, one with somebody else's subkey."""
    code = code_of(node)
    node.start()
    victim = gnupg.new_key("viewer")
    (tmp_path / "viewer.pgp").write_bytes(gnupg.run("--export", victim.upper()).stdout)
    node.command("friend add", "--group", "viewers", tmp_path / "viewer.pgp")
    wait_until(lambda: node.status()["friends"] == 1, "the viewer")
    for key in (bob.key, ada.key + bob.key, b"rubbish", ada.key[:-30], gnupg.run("--export-secret-keys", ada.fingerprint.upper()).stdout):
        assert ada.claim(node.secure_port, code, key) == 422
    thief = Identity((FIXTURES / "secret/alice.gpg").read_bytes())
    robber = Claimer.__new__(Claimer)
    robber.gnupg, robber.fingerprint, robber.certificate = gnupg, thief.fingerprint, tmp_path / "alice.pem"
    robber.certificate.write_bytes(thief.pem())
    robber.key = carrying_foreign_subkey(thief, gnupg.run("--export-secret-keys", victim.upper()).stdout)
    assert robber.claim(node.secure_port, code) == 422
    assert ada.claim(node.secure_port, code, b"") == 400
    assert ada.claim(node.secure_port, code, bytes(11 << 10)) == 413
    assert controllers(node) == [] and node.status()["claimable"] and code_of(node) == code
    assert ada.claim(node.secure_port, code) == 201


def test_what_is_no_attempt(node, ada):
    code = code_of(node)
    node.start()
    connection = ada.connect(node.secure_port)
    status, attempt, _ = ada.prove(connection, code)
    for path in ("claim-", "claim", attempt[:-1], attempt + "0", attempt[:-1] + "g", "claim-" + "0" * 127 + "%2F", attempt + "/" + "0" * 64):
        assert ada.ask(ada.connect(node.secure_port), "GET", path)[0] == 404, path
        assert ada.ask(ada.connect(node.secure_port), "PUT", path, b"x")[0] in (404, 405), path
    assert ada.ask(ada.connect(node.secure_port), "DELETE", attempt)[0] == 405
    assert ada.ask(ada.connect(node.secure_port), "GET", attempt, node=ada.fingerprint)[0] == 404
    for nonces in (bytes(32), bytes.fromhex(attempt[6:70])[::-1]):
        assert ada.ask(ada.connect(node.secure_port), "GET", ada.attempt(code, node.fingerprint, nonces))[0] in (403, 429), "a nonce that nobody gave out"
    assert status == 200 and controllers(node) == []
    assert ada.claim(node.secure_port, code) == 201


def test_somebody_in_between_who_relays(make_node, gnupg, tmp_path, ada):
    """Mallory has a node of her own; Ada knows the code alone, and takes Mallory's node for the one she stands beside."""
    node, mallory = make_node("node").init(), make_node("mallory").init()
    code = code_of(node)
    node.start()
    mallory.start()
    as_peer = Claimer(gnupg, tmp_path, "mallory-peer")
    # Ada's nonces come from the real node, by way of Mallory; her proof names Mallory's node, since that is who TLS says is there.
    connection, onward = ada.connect(mallory.secure_port), as_peer.connect(node.secure_port)
    nonces = as_peer.nonces(onward)
    attempt = ada.attempt(code, mallory.fingerprint, nonces)
    assert as_peer.ask(onward, "GET", attempt)[0] == 403
    assert as_peer.ask(as_peer.connect(node.secure_port), "PUT", attempt, ada.key)[0] in (403, 429)
    # Mallory's node does not know the code either, so it has nothing to answer with.
    assert ada.prove(connection, code)[0] in (403, 429)
    assert controllers(node) == [] and controllers(mallory) == [] and "event=claim-refused count=2\n" in node.log_text()


# One a second, and nobody is kept away

def test_wrong_ones_one_a_second(node, ada, bob):
    code = code_of(node)
    node.start()
    connection = bob.connect(node.secure_port)
    begin = time.monotonic()
    answers = []
    while time.monotonic() < begin + 3.5:
        nonces = bytes(32)
        status, _, headers = bob.ask(connection, "GET", bob.attempt("0" * 20, node.fingerprint, nonces))
        assert (status == 429) == (headers.get("retry-after") == "1") and status in (403, 429)
        answers.append(status)
    assert answers.count(403) in (4, 5) and len(answers) > 50
    counts = [int(count) for count in re.findall("event=claim-refused count=([0-9]+)", node.log_text())]
    assert counts == [2 ** power for power in range(len(counts))] and counts[-1] <= len(answers) < 2 * counts[-1]
    assert ada.claim(node.secure_port, code) == 201, "in the same second"


def test_a_flood_of_wrong_ones_does_not_keep_the_owner_away(node, ada, bob):
    code = code_of(node)
    node.start()
    ending = threading.Event()
    sent = [0] * 4

    def flood(number):
        connection = bob.connect(node.secure_port)
        while not ending.is_set():
            bob.ask(connection, "GET", bob.attempt(code[::-1], node.fingerprint, bytes(32)))
            sent[number] += 1
    threads = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: min(sent) > 20, "the flood")
        begin = time.monotonic()
        assert ada.claim(node.secure_port, code) == 201
        took = time.monotonic() - begin
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert took < 5, took
