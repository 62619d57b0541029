"""`maud init`, `passwd`, imports: the account file, and where secrets lie."""
import re
import shutil
import subprocess

import pytest

from conftest import needs_mount, needs_root
from harness import FIXTURES, one_sentence, wait_until
from openpgp import is_protected, s2k_of_account, secret_numbers, tags


def files_below(*directories):
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                yield path


def agents(node):
    """gpg-agents that work for the node's working directories."""
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if "gpg-agent" in line and str(node.runtime) in line]


def secrets_of(node, gnupg):
    return secret_numbers(gnupg.decrypt_account(node.account, node.passphrase))


def test_the_identity_is_ed25519_and_cv25519(node, gnupg):
    listing = gnupg.run("--with-colons", "--list-keys").stdout.decode()
    primary, subkey = [line.split(":") for line in listing.splitlines() if line.startswith(("pub", "sub"))]
    assert (primary[3], primary[16], set("sc") <= set(primary[11])) == ("22", "ed25519", True)
    assert (subkey[3], subkey[16], subkey[11]) == ("18", "cv25519", "e")
    assert primary[6] == subkey[6] == "", "a board's identity does not expire"


def test_the_account_is_a_symmetrically_encrypted_secret_key(node, gnupg):
    data = node.account.read_bytes()
    cipher, count = s2k_of_account(data)
    assert tags(data) == [3, 18]
    assert cipher == 9, "not AES-256"
    assert count >= 1 << 20
    exported = gnupg.decrypt_account(node.account, node.passphrase)
    assert [tag for tag in tags(exported) if tag in (5, 7)] == [5, 7]
    assert len(secret_numbers(exported)) == 2
    listing = gnupg.run("--list-packets", "--passphrase", node.passphrase, node.account).stdout
    assert b"mode b " in listing, "the literal packet is not binary"


def test_dot_mau_holds_keys_only_and_nobody_else_reads(node):
    node.start().wait_for("^r-", 2)
    assert node.stop() == 0
    assert [path.name for path in (node.root / ".mau").rglob("*")] == ["account.pgp"]
    for path in [node.root / ".mau", node.own]:
        assert path.stat().st_mode & 0o777 == 0o700
    for path in files_below(node.root):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_init_refuses_to_replace_an_account(node):
    before = node.account.read_bytes()
    one_sentence(node.command("init", "--name", "Another", check=False), "cannotCreate")
    assert node.account.read_bytes() == before


def test_export_and_fingerprint_agree_with_gpg(node, gnupg):
    assert gnupg.fingerprints() == [node.fingerprint]
    output = node.directory / "key.pgp"
    node.command("export", "--output", output)
    assert output.read_bytes() == node.public_key()
    assert tags(node.public_key())[0] == 6, "not a binary public key"


def test_the_name_and_mail_become_the_user_id(make_node, gnupg):
    node = make_node().init("--email", "attic@example.org", name="Attic")
    gnupg.import_key(node.public_key())
    assert b"Attic <attic@example.org>" in gnupg.run("--list-keys").stdout


def test_passwd_changes_the_passphrase_and_nothing_else(node):
    new = node.directory / "new-passphrase"
    new.write_text("another passphrase\n")
    key = node.public_key()
    old_account = node.account.read_bytes()
    node.command("passwd", "--new-passphrase-file", new)
    assert node.account.read_bytes() != old_account
    one_sentence(node.command("fingerprint", check=False), "noPermission")
    node.write_passphrase("another passphrase")
    assert node.public_key() == key
    assert [path.name for path in (node.root / ".mau").iterdir()] == ["account.pgp"]


@pytest.mark.parametrize("account, passphrase, fingerprint", [
    ("ref/alice", "fixture-alice", "a62fd4d43e3fc83ec3bedef69c780921444be7d5"),
    ("ref/carol", "fixture-carol", "d954fcaae5ecce317b1a92dc2753a65a37372912"),
    ("gnupg24/gina", "fixture-gina", "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c"),
])
def test_accounts_made_elsewhere_can_be_imported(make_node, gnupg, account, passphrase, fingerprint):
    """RSA (carol) and the Go implementation's literal mode u (alice) included; the node then signs with that identity."""
    node = make_node()
    node.write_passphrase(passphrase)
    node.init("--import", FIXTURES / account / ".mau/account.pgp")
    assert node.fingerprint == fingerprint
    gnupg.import_key(node.public_key())
    node.start()
    node.verified(gnupg, node.wait_for("^r-temperature-")[0])


@pytest.mark.parametrize("user, fingerprint", [("ref/alice", "a62fd4d43e3fc83ec3bedef69c780921444be7d5"),
                                               ("gnupg24/gina", "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c")])
def test_a_mau_directory_made_elsewhere_is_served_as_it_is(make_node, gnupg, user, fingerprint):
    node = make_node()
    shutil.rmtree(node.root)
    shutil.copytree(FIXTURES / user, node.root)
    node.write_passphrase("fixture-" + user.rsplit("/", 1)[1])
    node.start()
    assert node.fingerprint == fingerprint
    opened = node.command("open", node.own / "hello.json.pgp")
    assert opened.stdout == (FIXTURES / "plain/hello.json").read_bytes()
    friends = node.command("friend list").stdout.decode()
    assert "60efbd960ca2b419024eab13e196d2afb324beec" in friends


def test_a_wrong_import_is_refused(make_node):
    node = make_node()
    damaged = node.directory / "damaged.pgp"
    damaged.write_bytes((FIXTURES / "ref/alice/.mau/account.pgp").read_bytes()[:-40])
    node.write_passphrase("fixture-alice")
    one_sentence(node.command("init", "--import", damaged, check=False), "dataError")
    assert not node.account.exists()
    node.write_passphrase("wrong")
    one_sentence(node.command("init", "--import", FIXTURES / "ref/alice/.mau/account.pgp", check=False), "noPermission")
    assert not node.account.exists()


# Where secrets lie

def test_a_command_leaves_no_working_directory_and_no_agent(node):
    node.command("fingerprint")
    assert list(node.runtime.iterdir()) == []
    wait_until(lambda: not agents(node), "the end of the agents")


def test_sigterm_ends_the_node_cleanly(running):
    running.wait_for("^r-")
    assert len(list(running.runtime.iterdir())) == 1
    assert running.stop() == 0
    assert list(running.runtime.iterdir()) == []
    wait_until(lambda: not agents(running), "the end of the agents")


def test_working_directories_of_dead_processes_are_removed(running):
    running.wait_for("^r-")
    running.stop(number=9)
    left = list(running.runtime.iterdir())
    assert len(left) == 1
    running.command("fingerprint")
    assert list(running.runtime.iterdir()) == []
    wait_until(lambda: not agents(running), "the end of the dead node's agent")


def test_two_processes_never_share_a_working_directory(running):
    mine = list(running.runtime.iterdir())
    assert len(mine) == 1 and mine[0].stat().st_mode & 0o777 == 0o700
    running.command("fingerprint")
    assert list(running.runtime.iterdir()) == mine, "a command touched the running node's directory"


def test_a_working_directory_on_a_disk_is_refused(node, tmp_path):
    if subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True).stdout.strip() in ("tmpfs", "ramfs"):
        pytest.skip("the tests' own directory is in memory")
    result = subprocess.run([*node.maud, "fingerprint", "--root", node.root, "--passphrase-file", node.passphrase_file, "--runtime", tmp_path],
                            capture_output=True)
    one_sentence(result, "unavailable")


def test_no_secret_touches_a_disk(node, gnupg):
    """Every file that init, run and passwd create or write lies in the Mau directory, the state directory or in memory; and none but
    account.pgp holds the key, not even that in the clear."""
    trace = node.directory / "trace"
    other = node.__class__(node.directory / "traced", runtime=None)
    other.command("init", "--name", "traced", wrapper=["strace", "-f", "-qq", "-o", trace, "-e", "trace=openat,open,creat,rename,renameat,renameat2"])
    other.fingerprint = other.command("fingerprint").stdout.decode().strip()
    written = set()
    for line in trace.read_text(errors="replace").splitlines():
        match = re.search(r'(?:open|openat|creat)\((?:AT_FDCWD, )?"([^"]+)"', line)
        if match and re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(", line) and not re.search(r" = -1 ", line):
            written.add(match[1])
    outside = [path for path in written if path.startswith("/") and not path.startswith(
        (str(other.root), str(other.state), str(other.runtime), "/dev/", "/proc/"))]
    assert written and not outside
    other.start().wait_for("^r-", 2)
    assert other.stop() == 0
    for secret in [other.passphrase.encode(), *secrets_of(other, gnupg)]:
        for path in files_below(other.root, other.state):
            content = path.read_bytes()
            assert secret not in content and secret[::-1] not in content, path
    other.close()


@needs_root
def test_a_core_dump_holds_neither_passphrase_nor_secret_key(running, gnupg, tmp_path):
    running.wait_for("^r-", 3)
    running.command("status", "--state", running.state, identity=False)
    subprocess.run(["gcore", "-o", tmp_path / "core", str(running.pid)], check=True, capture_output=True)
    core = (tmp_path / f"core.{running.pid}").read_bytes()
    assert running.fingerprint.encode() in core or bytes.fromhex(running.fingerprint) in core, "the dump holds nothing at all"
    assert running.passphrase.encode() not in core
    for number in secrets_of(running, gnupg):
        assert number not in core and number[::-1] not in core
        assert number.hex().encode() not in core.lower()


@needs_mount
def test_with_swap_on_a_disk_keys_in_the_working_directory_are_protected(node, tmp_path):
    swaps = tmp_path / "swaps"
    swaps.write_text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2                               partition\t1048572\t\t0\t\t-2\n")
    node.start(wrapper=["unshare", "-m", "sh", "-c", f'mount --bind {swaps} /proc/swaps && exec "$@"', "sh"])
    node.wait_for("^r-", 2)
    # As the node sees it: it may have mounted something of its own there.
    keys = list((tmp_path.__class__(f"/proc/{node.pid}/root") / str(node.runtime).lstrip("/")).rglob("private-keys-v1.d/*.key"))
    assert len(keys) == 2
    for key in keys:
        assert is_protected(key.read_bytes()), "a secret key lies there in the clear"
    assert node.stop() == 0


@pytest.mark.parametrize("key, protected", [
    (b"(21:protected-private-key(3:ecc(5:curve7:Ed25519)(1:q1:x)(9:protected25:openpgp-s2k3-ocb-aes((4:sha18:12345678)9:1234567890))))", True),
    (b"Created: 20260101T000000\nKey: (protected-private-key (ecc (curve Ed25519)(q #40#)(protected openpgp-s2k3-sha1-aes-cbc ((sha1 #01#\n  \"65536\")#02#)#03#)))", True),
    (b"(21:protected-private-key(3:ecc(5:curve7:Ed25519)(1:q1:x)(9:protected14:openpgp-native(19:openpgp-private-key(7:version1:4)"
     b"(10:protection4:none)(4:skey1:_1:x1:_1:y)))))", False),
    (b"Key: (protected-private-key (ecc (curve Ed25519)(q #40#)(protected openpgp-native\n  (openpgp-private-key (protection\n  none)(skey _ #01#)))))", False),
    (b"(11:private-key(3:ecc(5:curve7:Ed25519)(1:q1:x)(1:d1:y)))", False), (b"", False),
], ids=["canonical", "text", "native", "native-text", "clear", "empty"])
def test_what_counts_as_protected(key, protected):
    """The check above can fail."""
    assert is_protected(key) == protected
