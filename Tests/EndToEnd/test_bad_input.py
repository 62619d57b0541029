"""What peers do wrong on purpose, where no page of its own tests it: slowness, numbers, lists without end. Refused in time, counted, and nothing is lost."""
import re
import resource
import socket
import threading
import time

import pytest

from http2_client import END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, PREFACE, SETTINGS, frame, head
from harness import PATIENCE, wait_until
from test_sync import about, follower, friend, private_memory, start, wait_visits  # noqa: F401
from tls_client import ask, client_hello, connect, pem, quiet, tls  # noqa: F401


def drip(connection, octets, stop):
    """Sends octets one by one, each half a second after the last."""
    for octet in octets:
        if stop.wait(0.5):
            return
        try:
            connection.sendall(bytes([octet]))
        except OSError:
            return


def received(connection):
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except OSError:
        pass
    return answer


def test_slow_writers_over_tls(quiet):
    """A handshake, a head and a head of HTTP/2 that come octet by octet: ten seconds each, however often something comes."""
    began = time.monotonic()
    plain = socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE)
    first = connect(quiet)
    second = connect(quiet, protocols=("h2",))
    fields = frame(HEADERS, END_HEADERS, 1, head("/" + "a" * 100))
    second.sendall(PREFACE + frame(SETTINGS) + fields[:9])
    stop = threading.Event()
    threads = [threading.Thread(target=drip, args=arguments) for arguments in [
        (plain, client_hello(), stop), (first, b"GET /p2p HTTP/1.1\r\nHost: " + b"a" * 1000, stop),
        (second, fields[9:], stop)]]
    for thread in threads:
        thread.start()
    assert received(first).startswith(b"HTTP/1.1 408 ")
    assert received(plain)[:1] in (b"", b"\x15")
    assert received(second)[-4:] == ENHANCE_YOUR_CALM.to_bytes(4, "big")
    assert 8 < time.monotonic() - began < 15
    stop.set()
    for thread in threads:
        thread.join()
    assert tls(quiet)["timeouts"] == 1 and quiet.status()["server"]["timeouts"] == 2
    for event in ("handshake-", "connection-timeout"):
        assert len(re.findall(f"event={event}", quiet.log_text())) <= 2, "logged again and again"
    for connection in (plain, first, second):
        connection.close()
    with connect(quiet, pem("gina")) as connection:
        assert ask(connection, quiet) == 200


def test_ten_thousand_half_open_connections(quiet):
    """Most say nothing, each fiftieth what costs the node most: a hello that it answers in full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))
    if hard < 11_000:
        pytest.skip("needs 11,000 descriptors")
    before = quiet.status()["memory"]["privateDirtyKiB"]
    hello, half = client_hello(), []
    try:
        for number in range(10_000):
            connection = socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE, source_address=(f"127.{2 + number // 1500}.{number // 6 % 250}.1", 0))
            half.append(connection)
            if number % 50 == 0:
                connection.sendall(hello)
            if number >= 40:  # 32 may be under way: this one has had to go
                assert received(half[number - 40])[:1] in (b"", b"\x16")
        with connect(quiet, pem("gina")) as connection:
            assert ask(connection, quiet) == 200
        counts = tls(quiet)
        assert counts["underWay"] <= 32 and counts["evicted"] + counts["failed"] + counts.get("refused", 0) > 9_900
        after = quiet.status()["memory"]["privateDirtyKiB"]
        print(f"private memory: {before} KiB before, {after} KiB after 10,000 half-open connections")
        assert after - before < 1024
        assert len(quiet.log_text().splitlines()) < 100, "a line for each would fill the log"
    finally:
        for connection in half:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Lists


def test_a_list_without_end(follower, friend):
    """Entries go on for ever: the visit ends, memory stays, and what the friend gave before is there."""
    friend.publish("good.json.pgp", friend.message(b"good"), 1000)
    start(follower, friend.address)
    wait_visits(follower, friend)
    before = private_memory(follower.pid)
    friend.endless = True
    follower.stop()
    start(follower, friend.address)
    begin = private_memory(follower.pid)
    status = wait_visits(follower, friend, member="failedVisits")
    after = private_memory(follower.pid)
    assert "does not end" in status["problem"], status
    assert friend.sent < 16 << 20, "it went on reading"
    assert after - max(before, begin) < 512, f"{before} and {begin} KiB before, {after} after"
    assert (follower.root / friend.fingerprint / "good.json.pgp").exists()
    assert follower.log_text().count("does not end") == 1
    friend.endless = False


def test_more_than_a_friend_may_have(follower, friend):
    follower.write_board(sync={"bytesPerFriend": 20_000})
    friend.publish("small.bin.pgp", friend.message(b"small"), 1000)
    friend.publish("large.bin.pgp", friend.message(bytes(30_000), options=["--compress-algo", "none"]), 2000)
    friend.publish("later.bin.pgp", friend.message(b"later"), 3000)
    start(follower, friend.address)
    status = wait_visits(follower, friend, member="failedVisits")
    assert "of the 19 KiB that they may" in status["problem"]
    assert sorted(path.name for path in (follower.root / friend.fingerprint).iterdir()) == ["later.bin.pgp", "small.bin.pgp"]
    assert not friend.asked("large") and follower.log_text().count("that they may") == 1
