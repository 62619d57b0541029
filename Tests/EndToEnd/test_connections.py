"""The plain listener's connections: kept, malformed, slow, too many, ended. Raw sockets for what curl would never send."""
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import PATIENCE, wait_until


def raw(node, request, patience=PATIENCE):
    """Everything the server answers to these octets until it closes."""
    with socket.create_connection(("127.0.0.1", node.port), patience) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def statuses(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def test_keep_alive_and_pipelining(quiet):
    host = b"Host: x\r\n"
    paths = [f"/p2p/{quiet.fingerprint}/file-{n}.json.pgp".encode() for n in range(5)]
    requests = b"".join(b"GET " + path + b" HTTP/1.1\r\n" + host + b"\r\n" for path in paths)
    answer = raw(quiet, requests)
    assert statuses(answer) == [200] * 5
    position = 0
    for number in range(5):
        position = answer.index((quiet.own / f"file-{number}.json.pgp").read_bytes(), position)
    result = quiet.curl("-sv", *[word for n in range(3) for word in ("-o", "/dev/null", quiet.url(f"/file-{n}.json.pgp"))])
    assert len(re.findall(rb"Connected to", result.stderr)) == 1


@pytest.mark.parametrize("request_octets, expected", [
    (b"GET\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400), (b"GET /p2p HTTP/1.1\r\n\r\n", 400),
    (b"GET /p2p HTTP/3.7\r\nHost: x\r\n\r\n", 505), (b"GET /p2p HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400),
    (b"GET /p2p HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400), (b"GET /p2p HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
    (b"GET /p2p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (414, 431)),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431),
], ids=["short", "tls", "no-host", "version", "header", "two-hosts", "folded", "smuggling", "long-target", "long-header"])
def test_malformed_and_oversized_requests(quiet, request_octets, expected):
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert statuses(raw(quiet, request_octets))[0] in expected
    assert quiet.get("/file-0.json.pgp")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405(quiet, method):
    status, headers, _ = quiet.get("/file-0.json.pgp", "-X", method)
    assert status == 405 and {"GET", "HEAD"} <= set(re.split(r",\s*", headers["allow"]))


def test_a_truncated_request_is_closed_without_harm(quiet):
    assert statuses(raw(quiet, b"GET /p2p HTTP/1.1\r\nHost")) in ([], [400])
    assert quiet.get("/file-0.json.pgp")[0] == 200


def test_a_slow_head_is_408_after_ten_seconds(quiet):
    with socket.create_connection(("127.0.0.1", quiet.port), 20) as connection:
        begin = time.monotonic()
        connection.sendall(b"GET /p2p HTTP/1.1\r\nHost: ")
        stop = threading.Event()

        def drip():
            while not stop.wait(0.5):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
        thread = threading.Thread(target=drip)
        thread.start()
        answer = b""
        try:
            while part := connection.recv(1000):
                answer += part
        except ConnectionResetError:
            pass
        stop.set()
        thread.join()
    assert 8 < time.monotonic() - begin < 14
    assert statuses(answer) == [408]


def open_connections(node, count, address="127.0.0.1"):
    opened = []
    for _ in range(count):
        connection = socket.socket()
        connection.bind((address, 0))
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", node.port))
        opened.append(connection)
    return opened


def ask(connection, node, name="file-0.json.pgp"):
    """The status of one request on a kept connection; None when it was closed."""
    try:
        connection.sendall(f"GET /p2p/{node.fingerprint}/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65536)
            if not part:
                return None
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += connection.recv(65536)
        return statuses(head)[0]
    except (ConnectionResetError, BrokenPipeError):
        return None


def test_the_ninth_connection_of_an_address_takes_the_place_of_an_idle_one(quiet):
    eight = open_connections(quiet, 8)
    assert [ask(connection, quiet) for connection in eight] == [200] * 8
    ninth, = open_connections(quiet, 1)
    assert ask(ninth, quiet) == 200
    assert ask(eight[0], quiet) is None, "the longest idle one should have made room"
    assert ask(eight[7], quiet) == 200
    for connection in [*eight, ninth]:
        connection.close()


def test_when_every_connection_is_busy_the_new_one_gets_503(quiet):
    busy = [connection for number in range(8) for connection in open_connections(quiet, 8, f"127.0.0.{number + 2}")]
    for connection in busy:
        connection.sendall(b"GET /p2p HTTP/1.1\r\nHost:")  # in the middle of a head: not idle
    wait_until(lambda: quiet.status() is not None, "an answer of status")
    extra, = open_connections(quiet, 1, "127.0.0.20")
    assert ask(extra, quiet) == 503
    for connection in busy:
        connection.close()
    wait_until(lambda: quiet.curl("-o", "/dev/null", "-w", "%{http_code}", quiet.url(), check=False).stdout == b"200", "service after the crowd left")


def test_a_response_on_its_way_is_finished_at_sigterm(node, tmp_path):
    """A client that reads slowly gets its file whole; idle connections are closed at once, and new ones are refused."""
    node.write_board(sensors=[], actuators=[])
    size = 6 << 20
    (tmp_path / "content").write_bytes(bytes(size))
    node.command("publish", "--public", "--name", "big.pgp", tmp_path / "content")
    node.start()
    idle, = open_connections(node, 1)
    assert ask(idle, node, "device.json.pgp") == 200
    output = tmp_path / "output"
    slow = subprocess.Popen(["curl", "-sS", "--limit-rate", "6M", "-o", output, node.url("/big.pgp")])
    wait_until(lambda: output.exists() and output.stat().st_size > 100_000, "the beginning of the file")
    node.process.send_signal(signal.SIGTERM)
    assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        open_connections(node, 1)
    assert slow.wait(PATIENCE) == 0 and output.read_bytes() == (node.own / "big.pgp").read_bytes()
    assert node.process.wait(PATIENCE) == 0


def test_a_receiver_that_stops_does_not_hold_the_end_up(node, tmp_path):
    node.write_board(sensors=[], actuators=[])
    (tmp_path / "content").write_bytes(bytes(32 << 20))
    node.command("publish", "--public", "--name", "big.pgp", tmp_path / "content")
    node.start()
    stuck, = open_connections(node, 1)
    stuck.sendall(f"GET /p2p/{node.fingerprint}/big.pgp HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert stuck.recv(10) == b"HTTP/1.1 2"
    begin = time.monotonic()
    assert node.stop() == 0
    assert 1.5 < time.monotonic() - begin < 5
    stuck.close()
