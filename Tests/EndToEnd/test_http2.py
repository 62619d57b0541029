"""HTTP/2 over TLS (docs/http.md, section 7): curl, that is libnghttp2, and raw frames are the other end."""
import json

import pytest

from harness import PATIENCE, wait_until
from http2_client import (CANCEL, CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
                          WINDOW_UPDATE, Connection, frame, head)
from tls_client import pem, quiet  # noqa: F401


def floods(node):
    return node.status()["server"]["floods"]


def answer(node, version, path, *arguments):
    """(status, fields, body) over TLS by one version; what one of them only has is left out."""
    output = node.curl("-k", "-i", version, *arguments, node.secure_url(path)).stdout
    lines, _, body = output.partition(b"\r\n\r\n")
    first, *fields = lines.split(b"\r\n")
    assert first.startswith(b"HTTP/2 " if version == "--http2" else b"HTTP/1.1 ")
    fields = [(name.lower(), value) for name, _, value in (field.partition(b": ") for field in fields)]
    return int(first.split()[1]), [field for field in fields if field[0] not in (b"date", b"connection")], body


@pytest.mark.parametrize("arguments", [
    ["/small.bin.pgp"], ["/large.bin.pgp"], [""], ["?limit=1"], ["?limit=0"], ["/none.pgp"], ["/small.bin.pgp", "-I"], ["", "-I"], ["/none.pgp", "-I"],
    ["/large.bin.pgp", "-r", "1000000-2000000"], ["/large.bin.pgp", "-r", "-5"], ["/small.bin.pgp", "-r", "5000-"], ["/small.bin.pgp", "-H", "If-None-Match: *"],
    ["/small.bin.pgp", "-H", "If-Match: \"x\""], ["", "-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"], ["", "-X", "DELETE"], ["", "-X", "BREW"],
    ["", "-d", "content"], ["/" + "a" * 9000], ["", "-H", "A: " + "a" * 9000], ["", "-H", "Expect: tea"]], ids=lambda words: " ".join(words)[:40])
def test_the_same_answers_as_http1(quiet, arguments):
    assert answer(quiet, "--http2", *arguments) == answer(quiet, "--http1.1", *arguments)


def test_http1_for_who_asks_for_it(quiet):
    assert quiet.curl("-k", "--http1.1", "-o", "/dev/null", "-w", "%{http_version}", quiet.secure_url()).stdout == b"1.1"
    assert quiet.curl("-k", "--no-alpn", "-o", "/dev/null", "-w", "%{http_version}", quiet.secure_url()).stdout == b"1.1"
    assert quiet.curl("-k", "-o", "/dev/null", "-w", "%{http_version}", quiet.secure_url()).stdout == b"2"


def test_many_at_once_on_one_connection(quiet, tmp_path):
    """As many as may run at once: beyond it curl opens connections, more at once than one address may have handshakes."""
    wanted = ["large.bin.pgp", "small.bin.pgp"] * 30
    words = [word for number, name in enumerate(wanted) for word in ("-o", tmp_path / f"{number}", quiet.secure_url(f"/{name}"))]
    before = quiet.status()["server"]["connections"]
    seen = quiet.curl("-k", "--http2", "--parallel", "--parallel-max", "16", "--fail", "-w", "%{http_version} ", *words).stdout
    assert seen.split() == [b"2"] * 60
    assert quiet.status()["server"]["connections"] - before == 1
    large, small = quiet.fetch("large.bin.pgp"), quiet.fetch("small.bin.pgp")
    for number, name in enumerate(wanted):
        assert (tmp_path / f"{number}").read_bytes() == (large if name.startswith("large") else small)


def test_a_friend_removed_while_connected(quiet, tmp_path):
    from test_tls_friends import IDENTITIES
    from harness import FIXTURES
    quiet.command("friend add", "--group", "viewers", FIXTURES / "keys/gnupg24-gina.asc")
    (tmp_path / "private").write_bytes(b"for gina")
    quiet.command("publish", "--to", IDENTITIES["gina"], "--name", "for-gina.json.pgp", tmp_path / "private")

    def names(connection):
        return {entry["path"].rsplit("/", 1)[1] for entry in json.loads(connection.body(connection.request()))}
    with Connection(quiet, pem("gina")) as gina, Connection(quiet) as stranger:
        wait_until(lambda: "for-gina.json.pgp" in names(gina), "the file")
        assert gina.body(gina.request("/for-gina.json.pgp")) == (quiet.own / "for-gina.json.pgp").read_bytes()
        assert "for-gina.json.pgp" not in names(stranger) and stranger.body(stranger.request("/for-gina.json.pgp")) == b"404 Not Found\n"
        quiet.command("friend remove", IDENTITIES["gina"])
        wait_until(lambda: "for-gina.json.pgp" not in names(gina), "the removal")
        assert gina.body(gina.request("/for-gina.json.pgp")) == b"404 Not Found\n"


# Bounds


FLOODS = {
    "ping": lambda stream: frame(PING, payload=bytes(8)),
    "settings": lambda stream: frame(SETTINGS),
    "rapid reset": lambda stream: frame(HEADERS, END_STREAM | END_HEADERS, stream, head("/")) + frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big")),
    "made to reset": lambda stream: frame(HEADERS, END_STREAM | END_HEADERS, stream, head("/")) + frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"),
    "continuations": lambda stream: frame(HEADERS if stream == 1 else CONTINUATION, 0, 1, head("/") if stream == 1 else b"\0\1a\1b"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_floods(quiet, kind):
    before = quiet.status()["memory"]["privateDirtyKiB"]
    connections = [Connection(quiet) for _ in range(4)]
    for connection in connections:
        try:
            connection.send(b"".join(FLOODS[kind](stream) for stream in range(1, 6000, 2)))
        except OSError:  # it has been ended already
            pass
    for connection in connections:
        assert connection.end() in (ENHANCE_YOUR_CALM, None)
        connection.socket.close()
    assert kind == "continuations" or floods(quiet) == 4
    assert quiet.status()["memory"]["privateDirtyKiB"] - before < 512
    assert quiet.curl("-k", "--http2", quiet.secure_url("/small.bin.pgp")).stdout == quiet.fetch("small.bin.pgp")


def test_readers_that_never_read(quiet):
    """Whole connections' worth of large responses that nobody takes: each holds what was made for one record."""
    before = quiet.status()["memory"]["privateDirtyKiB"]
    slow = [Connection(quiet, source=f"127.0.4.{number // 8 + 1}") for number in range(40)]
    for connection in slow:
        for _ in range(16):
            connection.request("/large.bin.pgp")
    with Connection(quiet) as other:
        assert other.body(other.request("/large.bin.pgp")) == quiet.fetch("large.bin.pgp")
    assert quiet.status()["memory"]["privateDirtyKiB"] - before < 40 * 80
    for connection in slow:
        connection.socket.close()


def test_thirty_two_connections_take_at_most_a_mebibyte(quiet):
    before = quiet.status()["memory"]["privateDirtyKiB"]
    connections = [Connection(quiet, pem("gina"), source=f"127.0.0.{10 + number // 7}") for number in range(32)]
    for connection in connections:
        assert len(connection.body(connection.request("/small.bin.pgp"))) > 1000
    used = quiet.status()["memory"]["privateDirtyKiB"] - before
    assert used <= 1024
    for connection in connections:
        connection.socket.close()


def test_the_end_of_the_program(quiet):
    """A response on its way is sent to its end, and the peer is told that it is the last."""
    with Connection(quiet, window=1000) as busy, Connection(quiet) as idle:
        stream = busy.request("/large.bin.pgp")
        frames = busy.frames()
        body = b""
        while not body:
            kind, _, _, payload = next(frames)
            body += payload if kind == 0 else b""
        idle.body(idle.request("/small.bin.pgp"))
        quiet.process.terminate()
        assert idle.end() == 0
        busy.send(frame(WINDOW_UPDATE, 0, stream, (1 << 24).to_bytes(4, "big")) + frame(WINDOW_UPDATE, 0, 0, (1 << 24).to_bytes(4, "big")))
        said, complete = None, False
        for kind, flags, _, payload in frames:
            if kind == GOAWAY:
                said = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
            if kind == 0:
                body += payload
                complete = complete or bool(flags & END_STREAM)
        assert said == (stream, 0) and complete and len(body) > 3_000_000
    assert quiet.process.wait(PATIENCE) == 0
