"""What friends publish comes into their directories, over TLS: from another node, and from the Go implementation's server."""
import json
import os
import re
import signal
import socket
import ssl
import time

import pytest

from certificates import Identity, forged
from harness import FIXTURES, one_sentence, sha256, wait_until
from peer import GoPeer


class Friend(GoPeer):
    """A friend of a node's: an identity in a gpg of the test's, and a server."""

    def __init__(self, gnupg, directory, name="friend"):
        self.gnupg = gnupg
        fingerprint = gnupg.new_key(name)
        self.identity = Identity(gnupg.run("--export-secret-keys", fingerprint.upper()).stdout)
        super().__init__(directory / name / "files", fingerprint, self.identity.pem())
        self.key = directory / f"{name}.pgp"
        self.key.write_bytes(gnupg.run("--export", fingerprint.upper()).stdout)

    def message(self, content, *recipients, signer=None, options=()):
        """Signed, and encrypted to recipients and the friend itself, as the Go implementation does; public without."""
        line = ["--local-user", (signer or self.fingerprint).upper(), "--compress-algo", "none", *options]
        for recipient in recipients:
            line += ["--recipient", recipient.upper()]
        if recipients:
            line += ["--recipient", self.fingerprint.upper(), "--encrypt"]
        return self.gnupg.run(*line, "--sign", input=content).stdout


@pytest.fixture
def friend(gnupg, tmp_path):
    friend = Friend(gnupg, tmp_path)
    yield friend
    friend.close()


@pytest.fixture
def follower(node, friend):
    """A node that follows the friend, not running."""
    node.command("friend add", friend.key)
    node.command("friend follow", friend.fingerprint)
    return node


def start(node, *peers, **options):
    arguments = ["--no-mdns"]
    for peer in peers:
        arguments += ["--peer", peer]
    return node.start(*arguments, **options)


def about(node, friend):
    """What `maud status` says of a friend."""
    return next((one for one in node.status()["sync"]["friends"] if one["fingerprint"] == friend.fingerprint), {})


def wait_visits(node, friend, count=1, member="visits"):
    wait_until(lambda: about(node, friend).get(member, 0) >= count, f"{member} of {count}")
    return about(node, friend)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_go_peers_files_arrive_verified(follower, friend):
    ours = follower.fingerprint
    friend.publish("private.json.pgp", friend.message(b'{"a":1}', ours), 1000)
    friend.publish("public.json.pgp", friend.message(b'{"a":2}'), 2000)
    friend.publish("text.json.pgp", friend.message(b"line\r\nline\r", ours, options=["--textmode"]), 3000)
    friend.publish("zipped.json.pgp", friend.message(b"x" * 1000, ours, options=["--compress-algo", "zlib"]), 4000)
    friend.publish("blob.bin.pgp", friend.message(os.urandom(300_000), ours), 5000)
    friend.publish("n\u00e4me with \"quotes\" & 100%.json.pgp", friend.message(b"{}", ours), 6000)
    start(follower, friend.address)
    status = wait_visits(follower, friend)
    directory = follower.root / friend.fingerprint
    assert names(directory) == names(friend.directory)
    for path in friend.directory.iterdir():
        assert (directory / path.name).read_bytes() == path.read_bytes()
        assert (directory / path.name).stat().st_mode & 0o777 == 0o600
    times = [path.name for path in sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)]
    assert times == [path.name for path in sorted(friend.directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)], "not in the friend's order"
    assert status["files"] == 6 and status["refused"] == {} and status["reachableFiles"] == 100
    # What is public goes on to others.
    relayed = json.loads(follower.curl(f"http://127.0.0.1:{follower.port}/p2p/{friend.fingerprint}").stdout)
    assert [entry["path"].rsplit("/", 1)[1] for entry in relayed] == ["public.json.pgp"]
    assert follower.command("open", directory / "private.json.pgp").stdout == b'{"a":1}'


def test_a_go_peer_gives_its_first_hundred_and_status_says_so(follower, friend):
    message = friend.message(b"{}")
    for number in range(120):
        friend.publish(f"f-{number:03}.json.pgp", message, 1000 + number)
    friend.forbidden = {f"f-{number:03}.json.pgp" for number in range(10)}
    start(follower, friend.address)
    status = wait_visits(follower, friend)
    assert names(follower.root / friend.fingerprint) == [f"f-{number:03}.json.pgp" for number in range(10, 100)]
    assert status["reachableFiles"] == 100


def test_changes_come_once_the_old_stays_as_a_version_and_what_is_deleted_stays(follower, friend):
    first, second = friend.message(b"1"), friend.message(b"2")
    friend.publish("note.json.pgp", first, time.time() - 100)
    friend.publish("gone.json.pgp", first, time.time() - 100)
    for round in range(2):
        follower.command("sync", "--peer", friend.address)
    assert len(friend.asked("note")) == 1, "fetched again, though it had not changed"
    friend.publish("note.json.pgp", second)
    (friend.directory / "gone.json.pgp").unlink()
    result = follower.command("sync", "--peer", friend.address)
    assert result.stderr == b"files fetched: 1, refused: 0\nof this peer only the first 100 files can be reached\n"
    directory = follower.root / friend.fingerprint
    assert (directory / "note.json.pgp").read_bytes() == second
    assert (directory / f"note.json.pgp.versions/{sha256(first)}.pgp").read_bytes() == first
    assert (directory / "gone.json.pgp").read_bytes() == first


def test_a_broken_download_goes_on_where_it_ended(follower, friend):
    content = friend.message(os.urandom(3_000_000), follower.fingerprint)
    friend.publish("big.bin.pgp", content)
    friend.break_after["big.bin.pgp"] = 2_000_000
    result = follower.command("sync", "--peer", friend.address, check=False)
    assert result.returncode == 69
    assert names(follower.root / friend.fingerprint) == [f".maud-{sha256(content)}.part"]
    follower.command("sync", "--peer", friend.address)
    assert (follower.root / friend.fingerprint / "big.bin.pgp").read_bytes() == content
    first = int(re.fullmatch(r"bytes=([0-9]+)-", friend.asked("big")[-1][1]["Range"])[1])
    assert 1_900_000 < first <= 2_000_000
    assert names(follower.root / friend.fingerprint) == ["big.bin.pgp"]


def test_what_is_not_the_friends_is_refused_counted_and_named(follower, friend, gnupg):
    other = gnupg.new_key("other")
    ours = follower.fingerprint
    good = friend.message(b"good", ours)
    bad = {
        "armored.json.pgp": friend.message(b"{}", ours, options=["--armor"]),
        "unsigned.json.pgp": gnupg.run("--recipient", ours.upper(), "--encrypt", input=b"{}").stdout,
        "other.json.pgp": friend.message(b"{}", ours, signer=other),
        "twice.json.pgp": friend.message(b"{}", ours, options=["--local-user", other.upper()]),
        "changed.json.pgp": good[:-10] + bytes([good[-10] ^ 1]) + good[-9:],
        "cut.json.pgp": good[:-20],
        "text.json.pgp": b"hello",
        "empty.json.pgp": b"",
        "foreign.json.pgp": gnupg.run("--local-user", friend.fingerprint.upper(), "--recipient", other.upper(), "--encrypt", "--sign", input=b"{}").stdout,
        "bomb.json.pgp": friend.message(bytes(90 << 20), ours, options=["--compress-algo", "zlib"]),
        "little-bomb.json.pgp": friend.message(bytes(1 << 20), options=["--compress-algo", "zlib"]),
    }
    for name, content in bad.items():
        friend.publish(name, content, 1000)
    friend.publish("good.json.pgp", good, 2000)
    friend.lies["size.json.pgp"] = {"size": 10}
    friend.lies["sum.json.pgp"] = {"sum": "0" * 64}
    friend.publish("size.json.pgp", friend.message(b"size"), 1500)
    friend.publish("sum.json.pgp", friend.message(b"sum"), 1500)
    friend.lies["path.json.pgp"] = {"path": f"/p2p/{friend.fingerprint}/../../evil.pgp"}
    friend.publish("path.json.pgp", friend.message(b"path"), 1500)
    start(follower, friend.address)
    status = wait_visits(follower, friend)
    assert names(follower.root / friend.fingerprint) == ["good.json.pgp"]
    log = follower.log_text()
    assert status["refused"] == {"paths": 1, "sizes": 1, "sums": 1, "signatures": 8, "bombs": 2, "notForUs": 1}, "\n".join(re.findall("event=sync-refused.*", log))
    log = follower.log_text()
    for name in [*bad, "size.json.pgp", "sum.json.pgp"]:
        assert re.search(f"event=sync-refused friend={friend.fingerprint} file={re.escape(name)} reason=", log), f"{name} is not named"
    assert not list(follower.root.rglob("evil*"))
    assert len(friend.asked("bomb")) == 2


@pytest.mark.parametrize("who", ["forged", "other"])
def test_whoever_is_not_the_friend_gives_nothing(follower, friend, gnupg, tmp_path, who):
    pem = forged(friend.identity) if who == "forged" else Identity(gnupg.run("--export-secret-keys", gnupg.new_key("other").upper()).stdout).pem()
    impostor = GoPeer(tmp_path / "impostor/files", friend.fingerprint, pem)
    try:
        impostor.publish("a.json.pgp", friend.message(b"{}"))
        result = follower.command("sync", "--peer", impostor.address, check=False)
        assert result.returncode == 69 and b"another than the one" in result.stderr, result.stderr
        assert impostor.requests == []
        assert names(follower.root / friend.fingerprint) == []
    finally:
        impostor.close()


def test_one_node_follows_another(make_node, gnupg):
    """Two nodes, nothing of the test's own in between: documents and readings come, page by page, and go on coming."""
    source, sink = make_node("source").init(), make_node("sink").init()
    key = source.directory / "key.pgp"
    key.write_bytes(source.public_key())
    sink.command("friend add", key)
    sink.command("friend follow", source.fingerprint)
    start(source)
    source.wait_for("^r-", 3)
    https = source.status()["listeners"]["https"]
    start(sink, f"{source.fingerprint.upper()}={https}")
    wait_visits(sink, source)
    directory = sink.root / source.fingerprint
    assert {"device.json.pgp", "vocabulary-1.json.pgp"} <= set(names(directory))
    gnupg.import_key(source.public_key())
    for path in directory.glob("*.pgp"):
        if path.is_file():
            assert gnupg.open(path.read_bytes())[1] == source.fingerprint
    assert "reachableFiles" not in about(sink, source)
    # The friend goes and comes back.
    source.stop()
    source.start("--no-mdns", https=https)
    before = about(sink, source)["files"]
    wait_until(lambda: about(sink, source)["files"] > before, "more readings", 90)


def test_killed_in_the_middle_it_goes_on(follower, friend):
    """Nothing that was acknowledged comes again, nothing half is visible."""
    for number in range(120):
        friend.publish(f"f-{number:03}.json.pgp", friend.message(b"%d" % number), 1000 + number)
    friend.limit = 10_000
    directory = follower.root / friend.fingerprint
    for kill in range(3):
        start(follower, friend.address)
        wanted = 20 * (kill + 1)
        wait_until(lambda: len([name for name in names(directory) if not name.startswith(".")]) >= wanted, f"{wanted} files")
        follower.process.send_signal(signal.SIGKILL)
        follower.process.wait()
        follower.process.stdout.close()
        for path in directory.iterdir():
            if not path.name.startswith("."):
                assert path.read_bytes() == (friend.directory / path.name).read_bytes()
    start(follower, friend.address)
    wait_visits(follower, friend)
    assert names(directory) == names(friend.directory)
    assert len(friend.asked("/f-")) <= 120 + 3 * 3, "much was fetched twice"


def test_a_friend_who_is_away_is_waited_for(follower, friend):
    friend.publish("a.json.pgp", friend.message(b"{}"))
    start(follower, f"{friend.fingerprint}=127.0.0.1:9", f"{friend.fingerprint}=no-such-host.invalid:1")
    status = wait_visits(follower, friend, member="failedVisits")
    assert status["problem"] and follower.log_text().count("event=sync-failed") == 1
    assert follower.get("/device.json.pgp")[0] == 200


def test_a_friend_who_connects_is_visited(follower, friend):
    """Proven by its key, half a minute after the last visit and half a minute before the next."""
    start(follower, friend.address)
    wait_visits(follower, friend)
    first = time.monotonic()
    friend.publish("a.json.pgp", friend.message(b"{}"))

    def connect():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(friend.directory.parent / "peer.pem")
        with socket.create_connection(("127.0.0.1", follower.secure_port)) as plain, context.wrap_socket(plain) as secure:
            secure.sendall(f"GET /p2p/{follower.fingerprint} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert secure.recv(12) == b"HTTP/1.1 200"
    connect()
    time.sleep(31 - (time.monotonic() - first))
    assert about(follower, friend)["visits"] == 1, "visited again at once"
    connect()
    wait_visits(follower, friend, 2)
    assert time.monotonic() - first < 50 and names(follower.root / friend.fingerprint) == ["a.json.pgp"]


def test_bad_options_and_no_friend(follower, make_node, friend):
    for text in ["x", "=127.0.0.1:1", f"{friend.fingerprint}", f"{friend.fingerprint}=127.0.0.1", f"{friend.fingerprint}=:1", f"{friend.fingerprint}=::1:80",
                 f"{friend.fingerprint}=127.0.0.1:0", f"{friend.fingerprint[:-1]}=127.0.0.1:1"]:
        one_sentence(follower.command("sync", "--peer", text, check=False), "usage")
    one_sentence(follower.command("sync", check=False), "usage")
    one_sentence(follower.command("sync", "--peer", f"{'0' * 40}=127.0.0.1:1", check=False), "dataError")
    follower.command("friend unfollow", friend.fingerprint)
    assert "not followed" in one_sentence(follower.command("sync", "--peer", friend.address, check=False), "dataError")


def test_who_has_revoked_its_key_is_not_visited(follower, friend, gnupg):
    revocation = (gnupg.home / f"openpgp-revocs.d/{friend.fingerprint.upper()}.rev").read_text().replace(":-----", "-----")
    gnupg.import_key(revocation.encode())
    friend.key.write_bytes(gnupg.run("--export", friend.fingerprint.upper()).stdout)
    follower.command("friend add", friend.key)
    assert "revoked" in one_sentence(follower.command("sync", "--peer", friend.address, check=False), "dataError")
    assert friend.requests == []


def test_a_friend_followed_while_the_node_runs(node, friend):
    friend.publish("a.json.pgp", friend.message(b"{}"))
    start(node, friend.address)
    node.command("friend add", friend.key)
    node.command("friend follow", friend.fingerprint)
    wait_visits(node, friend)
    assert names(node.root / friend.fingerprint) == ["a.json.pgp"]
    node.command("friend unfollow", friend.fingerprint)
    wait_until(lambda: not about(node, friend), "forgetting the friend")


def private_memory(pid):
    text = open(f"/proc/{pid}/smaps_rollup").read()
    return int(re.search(r"Private_Dirty: +([0-9]+) kB", text)[1])


def test_a_file_of_60_mib_needs_no_memory(follower, friend):
    """At most 256 KiB more than a small one."""
    friend.publish("small.bin.pgp", friend.message(os.urandom(100_000), follower.fingerprint), 1000)
    start(follower, friend.address)
    wait_visits(follower, friend)
    before = max(private_memory(follower.pid) for _ in range(5))
    content = friend.message(os.urandom(60 << 20), follower.fingerprint)
    friend.publish("big.bin.pgp", content)
    most, arrived = 0, False
    end = time.monotonic() + 150
    path = follower.root / friend.fingerprint / "big.bin.pgp"
    while time.monotonic() < end and not arrived:
        arrived = path.exists()
        most = max(most, private_memory(follower.pid))
        time.sleep(0.01)
    assert arrived and sha256(path.read_bytes()) == sha256(content)
    print(f"private memory: {before} KiB before, at most {most} KiB")
    assert most - before <= 256
