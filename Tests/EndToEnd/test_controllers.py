"""Who may command: adding and removing controllers, handing the device over, keys that are renewed or revoked (docs/commands.md, part 10)."""
import json
import random
import re
import subprocess
import time

import pytest

import certificates
from certificates import Identity
from commands import Controller
from harness import FIXTURES, GnuPG, one_sentence, wait_until
from openpgp import recipients
from test_commands import completed, refused
from tls_client import ask, connect


@pytest.fixture
def owner(node, gnupg):
    owner = Controller(node, gnupg, "owner")
    node.start()
    return owner


@pytest.fixture
def people(tmp_path):
    """Another gpg: identities that the node does not know."""
    home = GnuPG(tmp_path / "people")
    yield home
    home.close()


def export(gnupg, fingerprint, *options):
    return gnupg.run(*options, "--export", fingerprint.upper()).stdout


def newcomer(node, people, name="new"):
    """Somebody with a key of their own, who has the node's, and whom the node does not know."""
    people.import_key(node.public_key())
    other = Controller.known(node, people, people.new_key(name))
    other.key = export(people, other.fingerprint)
    return other


def controllers(node):
    return sorted(path.stem for path in (node.root / ".mau/controllers").iterdir())


def log_lines(node):
    return node.command("log").stdout.decode().splitlines()


def quick(gnupg, *arguments, when=None):
    gnupg.run("--passphrase", "", *([f"--faked-system-time={when}"] if when else []), *arguments)


def import_revocation(gnupg, maker, fingerprint):
    """What gpg made together with the key. (Without a trust database gpg fails after it has taken it, unless told that it may use one.)"""
    certificate = (maker.home / f"openpgp-revocs.d/{fingerprint.upper()}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
    gnupg.run("--trust-model", "pgp", "--import", input=certificate.encode())


def revoke(gnupg, fingerprint):
    import_revocation(gnupg, gnupg, fingerprint)
    return export(gnupg, fingerprint)


# Adding and removing

def test_a_controller_adds_another_who_commands_at_once(node, owner, people):
    new = newcomer(node, people)
    assert new.command(1)[0] == 403, "a stranger"
    answer = completed(owner.change("AddController", new.fingerprint, new.key))
    assert answer["@type"] == ["Answer", "AddController"] and answer["object"] == {"@type": "PublicKey", "identifier": new.fingerprint}
    assert "result" not in answer
    completed(new.command(1))
    assert owner.led() == 1
    completed(owner.command(0))
    assert controllers(node) == sorted([owner.fingerprint, new.fingerprint])
    assert (node.root / f".mau/viewers/{new.fingerprint}.pgp").exists(), "who commands a device reads what it measures"
    lines = wait_until(lambda: len(lines := log_lines(node)) == 3 and lines, "the log")
    assert lines[0].endswith(f" AddController={new.fingerprint} completed") and owner.fingerprint in lines[0]
    assert node.status()["commands"]["controllerChanges"] == 1
    assert node.stop() == 0
    node.start()
    completed(new.command(1))


def test_a_removed_controller_has_no_rights_at_once(node, owner, people, gnupg):
    new = newcomer(node, people)
    completed(owner.change("AddController", new.fingerprint, new.key))
    identity = node.directory / "new.pem"
    identity.write_bytes(Identity(people.run("--export-secret-keys", new.fingerprint.upper()).stdout).pem())
    name = completed(new.command(1))["identifier"]
    with connect(node, identity) as connection:
        assert ask(connection, node, f"/a-{name}.json.pgp") == 200
        completed(owner.change("RemoveController", new.fingerprint))
        assert ask(connection, node, f"/a-{name}.json.pgp") == 404, "on the connection that was open"
    assert new.command(0)[0] == 403 and owner.led() == 1
    assert controllers(node) == [owner.fingerprint]
    assert not list((node.root / ".mau").rglob(f"{new.fingerprint}.pgp")), "no friend in another group either"
    refused(owner.change("RemoveController", new.fingerprint), "no-such-controller")


def test_one_can_remove_oneself_but_not_the_last(node, owner, people):
    answer = refused(owner.change("RemoveController", owner.fingerprint), "last-controller")
    assert "nobody could command" in answer["description"]
    new = newcomer(node, people)
    completed(owner.change("AddController", new.fingerprint, new.key))
    answer = completed(owner.change("RemoveController", owner.fingerprint))
    assert answer["controller"] == f"mau:{owner.fingerprint}", "the answer was readable by who is gone"
    assert controllers(node) == [new.fingerprint] and owner.command(1)[0] == 403
    refused(new.change("RemoveController", new.fingerprint), "last-controller")


def test_a_controller_whose_key_is_of_no_use_does_not_count(node, owner, people):
    """Whoever is left must be able to command."""
    new = newcomer(node, people)
    completed(owner.change("AddController", new.fingerprint, new.key))
    completed(owner.change("RenewKey", new.fingerprint, revoke(people, new.fingerprint)))
    refused(owner.change("RemoveController", owner.fingerprint), "last-controller")
    completed(owner.change("RemoveController", new.fingerprint))


def test_two_who_remove_each_other_leave_one(node, owner, people):
    """Both commands are there before either is judged."""
    new = newcomer(node, people)
    completed(owner.change("AddController", new.fingerprint, new.key))
    files = [(one, one.sign(one.change_text("RemoveController", other.fingerprint))) for one, other in ((owner, new), (new, owner))]
    running = [subprocess.Popen(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "-X", "PUT", "--data-binary", one.temporary(file), one.url()],
                                stdout=subprocess.PIPE) for one, file in files]
    statuses = [process.communicate()[0] for process in running]
    assert b"201" in statuses and len(controllers(node)) == 1, statuses


def test_a_board_without_actuators_has_an_owner_too(node, gnupg, people):
    node.write_board(sensors=[], actuators=[])
    owner = Controller(node, gnupg, "owner")
    node.start()
    new = newcomer(node, people)
    completed(owner.change("AddController", new.fingerprint, new.key))
    refused(owner.command(1), "unknown-target")


# Handing over

def test_a_device_is_handed_over(node, owner, people, gnupg):
    second = Controller(node, gnupg, "second", groups=("controllers", "viewers"))
    wait_until(lambda: node.status()["friends"] == 2, "the second one")
    new = newcomer(node, people)
    answer = completed(owner.change("HandOver", new.fingerprint, new.key))
    assert answer["@type"] == ["Answer", "HandOver"] and answer["object"]["identifier"] == new.fingerprint
    assert (node.root / f".mau/viewers/{new.fingerprint}.pgp").exists()
    assert controllers(node) == [new.fingerprint]
    for former in (owner, second):
        assert former.command(1)[0] == 403
        assert not list((node.root / ".mau").rglob(f"{former.fingerprint}.pgp"))
    completed(new.command(1))
    wait_until(lambda: (node.own / "log-000000000002.json.pgp").exists(), "the log")
    assert len(set(recipients((node.own / "log-000000000002.json.pgp").read_bytes()))) == 2, "the log is for the device and the new owner"
    assert log_lines(node)[0].endswith(f"HandOver={new.fingerprint} completed")
    assert not list(node.root.glob(".maud-*")), "nothing is left behind"


def test_whoever_hands_over_to_themselves_is_the_only_one(node, owner, people):
    new = newcomer(node, people)
    completed(owner.change("AddController", new.fingerprint, new.key))
    completed(owner.change("HandOver", owner.fingerprint, export(owner.gnupg, owner.fingerprint)))
    assert controllers(node) == [owner.fingerprint]
    completed(owner.command(1))


@pytest.mark.parametrize("seed", range(3))
def test_killed_in_the_middle_of_a_hand_over(node, gnupg, people, seed):
    """Afterwards it has the old owners or the new one, and whoever it has can command."""
    chance = random.Random(20261121 + seed)
    node.weaken_passphrase(gnupg)
    owner = Controller(node, gnupg, "owner")
    second = Controller(node, gnupg, "second")
    new = newcomer(node, people)
    (node.directory / "keep").mkdir()
    (node.directory / "new.pgp").write_bytes(new.key)
    outcomes = set()
    for number in range(6):
        node.start()
        file = node.directory / "hand-over"
        file.write_bytes(owner.sign(owner.change_text("HandOver", new.fingerprint, new.key)))
        process = subprocess.Popen(["curl", "-s", "-o", "/dev/null", "-H", "Expect:", "-X", "PUT", "--data-binary", f"@{file}", owner.url()])
        time.sleep(chance.uniform(0.01, 0.15))
        node.process.kill()
        node.process.wait()
        node.process.stdout.close()
        node.log.close()
        process.wait()
        node.start()
        now = controllers(node)
        assert now in (sorted([owner.fingerprint, second.fingerprint]), [new.fingerprint])
        assert not list(node.root.glob(".maud-key*"))
        completed((new if now == [new.fingerprint] else owner).command(1))
        outcomes.add(len(now))
        assert node.stop() == 0
        for path in (node.root / ".mau/controllers").iterdir():
            path.unlink()
        for former in (owner, second):
            node.command("friend add", "--group", "controllers", former.key_file)
    assert outcomes


# What is refused

def test_only_controllers_change_who_commands(node, owner, people, gnupg):
    viewer = Controller(node, gnupg, "viewer", groups=("viewers",))
    wait_until(lambda: node.status()["friends"] == 2, "the viewer")
    new = newcomer(node, people)
    for kind, key in (("AddController", new.key), ("HandOver", new.key), ("RemoveController", None)):
        refused(viewer.change(kind, new.fingerprint if key else owner.fingerprint, key), "not-controller")
    refused(viewer.change("RenewKey", owner.fingerprint, export(gnupg, owner.fingerprint)), "not-controller")
    assert controllers(node) == [owner.fingerprint]


def test_keys_that_are_refused(node, owner, people, gnupg, tmp_path):
    new, other = newcomer(node, people), newcomer(node, people, "other")
    thief = Identity((FIXTURES / "secret/alice.gpg").read_bytes())
    stolen = certificates.carrying_foreign_subkey(thief, gnupg.run("--export-secret-keys", owner.fingerprint.upper()).stdout)
    quick(people, "--quick-generate-key", "signer", "ed25519", "sign", "0")
    signer = people.fingerprints()[-1]
    quick(people, "--quick-generate-key", "expired", "ed25519", "sign", "2020-02-01", when="20200101T000000!")
    expired = people.fingerprints()[-1]
    quick(people, "--quick-generate-key", "large", "ed25519", "default", "0")
    large = people.fingerprints()[-1]
    for number in range(60):
        quick(people, "--quick-add-uid", large.upper(), f"name {number} " + "x" * 200)
    cases = [
        (new.fingerprint, new.key + other.key, "bad-key", 422),
        (new.fingerprint, people.run("--export-secret-keys", new.fingerprint.upper()).stdout, "bad-key", 422),
        (other.fingerprint, new.key, "bad-key", 422),
        (new.fingerprint, b"no key at all", "bad-key", 422),
        (new.fingerprint, new.key[:-20], "bad-key", 422),
        (signer, export(people, signer), "unusable-key", 422),
        (expired, export(people, expired), "unusable-key", 422),
        (thief.fingerprint, stolen, "shared-subkey", 422),
        (node.fingerprint, node.public_key(), "own-key", 422),
        (large, export(people, large), None, 413),
        (new.fingerprint, b"", None, 400),
    ]
    for fingerprint, key, reason, expected in cases:
        # Twelve in all: so many of a stranger's gpg looks at in a minute.
        for kind in ("AddController", "HandOver") if reason == "unusable-key" and fingerprint == signer else ("AddController",):
            status, answer, _ = owner.change(kind, fingerprint, key)
            assert (status, answer and answer["error"]) == (expected, reason), (kind, reason, answer)
    assert controllers(node) == [owner.fingerprint]
    assert not (node.root / f".{owner.fingerprint}").exists(), "nothing of it was stored, the secret key least of all"
    home = next(node.runtime.glob("maud-*"))
    held = subprocess.run(["gpg", "--homedir", home, "--list-secret-keys", "--with-colons"], capture_output=True).stdout.decode()
    assert new.fingerprint.upper() not in held


def test_what_is_no_such_command_is_malformed(node, owner, people):
    new = newcomer(node, people)
    for changes in ({"@type": "AddOwner"}, {"object": {"@type": "PublicKey", "identifier": new.fingerprint}}, {"object": {"@type": "PublicKey", "text": "aGVsbG8="}},
                    {"object": {"identifier": new.fingerprint.upper(), "text": "aGVsbG8="}}, {"object": {"identifier": new.fingerprint, "text": "aGVsbG8"}},
                    {"object": {"identifier": new.fingerprint, "text": "aGVs\nbG8="}}, {"object": {"identifier": new.fingerprint, "text": 7}}):
        status, _, _ = owner.put(owner.sign(owner.change_text("AddController", new.fingerprint, new.key, **changes)))
        assert status == 400, changes
    assert node.status()["commands"]["unacceptable"] == 7


def test_a_replay_changes_nothing(node, owner, people):
    new = newcomer(node, people)
    text = owner.change_text("AddController", new.fingerprint, new.key)
    first = owner.put(owner.sign(text))
    completed(owner.change("RemoveController", new.fingerprint))
    again = owner.put(owner.sign(text))
    assert (first[0], again[0]) == (201, 200) and again[2] == first[2]
    assert controllers(node) == [owner.fingerprint]
    late = owner.change("AddController", new.fingerprint, new.key, startTime=json.loads(text)["startTime"])
    refused(late, "reordered")
    refused(owner.change("AddController", new.fingerprint, new.key, device="mau:" + "0" * 40), "wrong-device")


# Keys that come anew

def test_a_renewed_key_comes_as_a_command_of_its_owner(node, owner, gnupg):
    """New subkeys: the device encrypts to the new one, and the friend still sees what was encrypted to the old one."""
    viewer = Controller(node, gnupg, "viewer", groups=("viewers", "family"))
    wait_until(lambda: node.status()["friends"] == 2, "the viewer")
    (node.directory / "text").write_text("private")
    node.command("publish", "--to", viewer.fingerprint, "--name", "old.json.pgp", node.directory / "text")
    old = set(recipients((node.own / "old.json.pgp").read_bytes()))
    listing = gnupg.run("--with-colons", "--list-keys", viewer.fingerprint.upper()).stdout.decode()
    subkey = re.findall(r"\nsub:.*\nfpr:::::::::([0-9A-F]{40})", listing)[0]
    quick(gnupg, "--quick-add-key", viewer.fingerprint.upper(), "cv25519", "encr", "0")
    # RFC 9580, 5.2.3.31: "superseded".
    gnupg.run("--command-fd", "0", "--no-tty", "--edit-key", viewer.fingerprint.upper(), input=b"key %s\nrevkey\ny\n1\n\ny\nsave\n" % subkey.encode())
    renewed = export(gnupg, viewer.fingerprint)
    assert gnupg.run("--with-colons", "--list-keys", viewer.fingerprint.upper()).stdout.decode().count("\nsub:r") == 1
    before = [(node.root / f".mau/{group}/{viewer.fingerprint}.pgp").stat().st_mtime_ns for group in ("viewers", "family")]
    completed(viewer.change("RenewKey", viewer.fingerprint, renewed))
    assert [(node.root / f".mau/{group}/{viewer.fingerprint}.pgp").stat().st_mtime_ns for group in ("viewers", "family")] == [min(before)] * 2
    node.command("publish", "--to", viewer.fingerprint, "--name", "new.json.pgp", node.directory / "text")
    new = set(recipients((node.own / "new.json.pgp").read_bytes()))
    assert len(new) == 2 and len(old & new) == 1, "to the device and to the new subkey"
    identity = node.directory / "viewer.pem"
    identity.write_bytes(Identity(gnupg.run("--export-secret-keys", viewer.fingerprint.upper()).stdout).pem())
    wait_until(lambda: (node.own / "new.json.pgp").exists(), "the file")
    with connect(node, identity) as connection:
        wait_until(lambda: ask(connection, node, "/new.json.pgp") == 200, "the new file")
        assert ask(connection, node, "/old.json.pgp") == 200
    assert node.status()["commands"]["keysTakenOver"] == 1
    assert log_lines(node)[0].endswith(f"RenewKey={viewer.fingerprint} completed")


def test_a_revoked_key_has_no_rights_at_once_and_for_ever(node, owner, gnupg, people):
    viewer = Controller(node, gnupg, "viewer", groups=("viewers", "controllers"))
    wait_until(lambda: node.status()["friends"] == 2, "the viewer")
    (node.directory / "text").write_text("private")
    node.command("publish", "--to", viewer.fingerprint, "--name", "private.json.pgp", node.directory / "text")
    old = export(gnupg, viewer.fingerprint)
    identity = node.directory / "viewer.pem"
    identity.write_bytes(Identity(gnupg.run("--export-secret-keys", viewer.fingerprint.upper()).stdout).pem())
    command = viewer.sign(viewer.text(1))
    people.import_key(old)
    import_revocation(people, gnupg, viewer.fingerprint)
    with connect(node, identity) as connection:
        wait_until(lambda: ask(connection, node, "/private.json.pgp") == 200, "the file")
        # The revocation comes from another controller; who sends it does not matter, it is signed by the key itself.
        completed(owner.change("RenewKey", viewer.fingerprint, export(people, viewer.fingerprint)))
        assert ask(connection, node, "/private.json.pgp") == 404
        assert viewer.put(command)[0] == 403 and owner.led() == 0
        # An older copy does not bring it back, whoever sends it.
        completed(owner.change("RenewKey", viewer.fingerprint, old))
        refused(owner.change("AddController", viewer.fingerprint, old), "unusable-key")
        (node.directory / "old.pgp").write_bytes(old)
        assert "revoked" in node.command("friend add", "--group", "viewers", node.directory / "old.pgp").stderr.decode()
        assert ask(connection, node, "/private.json.pgp") == 404
    assert node.stop() == 0
    node.start()
    assert viewer.put(command)[0] == 403
    assert "revoked" in [line for line in node.command("friend list").stdout.decode().splitlines() if viewer.fingerprint in line][0]


def test_a_revocation_in_one_group_holds_in_all(node, gnupg):
    """An older copy in another group (another program put it there) is no way round."""
    viewer = Controller(node, gnupg, "viewer", groups=(None, "viewers"))
    old = (node.root / f".mau/{viewer.fingerprint}.pgp").read_bytes()
    (node.directory / "revoked.pgp").write_bytes(revoke(gnupg, viewer.fingerprint))
    node.command("friend add", "--group", "viewers", node.directory / "revoked.pgp")
    (node.root / f".mau/{viewer.fingerprint}.pgp").write_bytes(old)
    line, = [line for line in node.command("friend list").stdout.decode().splitlines() if viewer.fingerprint in line]
    assert "revoked" in line


def test_a_renewed_key_comes_in_its_owners_directory(node, owner, gnupg, tmp_path):
    """A public file, `public-key.pgp`: for everyone who follows, however old their copy is."""
    friend = Controller(node, gnupg, "friend", groups=("viewers",))
    node.command("friend follow", friend.fingerprint)
    wait_until(lambda: node.status()["content"]["directories"] == 2 and node.status()["friends"] == 2, "the friend")
    directory = node.root / friend.fingerprint

    def put(key, signer=friend.fingerprint):
        message = gnupg.run("--local-user", signer.upper(), "--output", "-", "--sign", input=key).stdout
        (tmp_path / "new").write_bytes(message)
        (tmp_path / "new").rename(directory / "public-key.pgp")

    put(export(gnupg, friend.fingerprint))
    quick(gnupg, "--quick-add-key", friend.fingerprint.upper(), "cv25519", "encr", "0")
    put(export(gnupg, friend.fingerprint), signer=owner.fingerprint)
    put(export(gnupg, owner.fingerprint))
    time.sleep(0.5)
    assert node.status()["commands"]["keysTakenOver"] == 0
    put(export(gnupg, friend.fingerprint))
    wait_until(lambda: node.status()["commands"]["keysTakenOver"] == 1, "the new key")
    assert wait_until(lambda: log_lines(node), "the log")[0].endswith(f"RenewKey={friend.fingerprint} completed")
    # Signed before the revocation was known here; signed later nobody believes it.
    signed = gnupg.run("--local-user", friend.fingerprint.upper(), "--output", "-", "--sign", input=people_revocation(gnupg, friend.fingerprint, tmp_path)).stdout
    (tmp_path / "new").write_bytes(signed)
    (tmp_path / "new").rename(directory / "public-key.pgp")
    wait_until(lambda: node.status()["commands"]["keysTakenOver"] == 2, "the revocation")
    assert "revoked" in node.command("friend list").stdout.decode()


def people_revocation(gnupg, fingerprint, tmp_path):
    """The revoked key, while the test's own gpg still signs with it."""
    other = GnuPG(tmp_path / "revoking")
    other.import_key(export(gnupg, fingerprint))
    import_revocation(other, gnupg, fingerprint)
    revoked = export(other, fingerprint)
    other.close()
    return revoked


def test_a_renewed_key_takes_no_other_s_subkey(node, owner, gnupg, tmp_path):
    """Neither one in use nor one that has been revoked: files encrypted to it are still its owner's alone."""
    victim = Controller(node, gnupg, "victim", groups=("viewers",))
    secret = gnupg.run("--export-secret-keys", victim.fingerprint.upper()).stdout
    gnupg.run("--command-fd", "0", "--no-tty", "--edit-key", victim.fingerprint.upper(), input=b"key 1\nrevkey\ny\n1\n\ny\nsave\n")
    quick(gnupg, "--quick-add-key", victim.fingerprint.upper(), "cv25519", "encr", "0")
    victim.key_file.write_bytes(export(gnupg, victim.fingerprint))
    node.command("friend add", "--group", "viewers", victim.key_file)
    wait_until(lambda: node.status()["friends"] == 2, "the victim")
    time.sleep(1.2)
    thief = Identity((FIXTURES / "secret/alice.gpg").read_bytes())
    key = certificates.carrying_foreign_subkey(thief, secret)
    refused(owner.change("AddController", thief.fingerprint, key), "shared-subkey")
    (tmp_path / "thief").write_bytes(key)
    assert victim.fingerprint in one_sentence(node.command("friend add", tmp_path / "thief", check=False), "dataError")


def test_rights_end_when_a_key_expires(node, owner, gnupg):
    """While the node runs, without anything being said; and come back with a later date."""
    viewer = Controller(node, gnupg, "viewer", groups=())
    (node.directory / "text").write_text("private")
    quick(gnupg, "--quick-set-expire", viewer.fingerprint.upper(), "seconds=20")
    viewer.key_file.write_bytes(export(gnupg, viewer.fingerprint))
    node.command("friend add", "--group", "viewers", viewer.key_file)
    node.command("publish", "--to", viewer.fingerprint, "--name", "private.json.pgp", node.directory / "text")
    identity = node.directory / "viewer.pem"
    identity.write_bytes(Identity(gnupg.run("--export-secret-keys", viewer.fingerprint.upper()).stdout).pem())
    with connect(node, identity) as connection:
        wait_until(lambda: ask(connection, node, "/private.json.pgp") == 200, "the file")
        wait_until(lambda: ask(connection, node, "/private.json.pgp") == 404, "the end of the key")
        quick(gnupg, "--quick-set-expire", viewer.fingerprint.upper(), "1y")
        completed(owner.change("RenewKey", viewer.fingerprint, export(gnupg, viewer.fingerprint)))
        assert ask(connection, node, "/private.json.pgp") == 200
