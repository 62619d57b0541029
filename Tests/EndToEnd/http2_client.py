"""HTTP/2 in raw frames (RFC 9113), for what no client library would send. Fields go out as literals (RFC 7541, section 6.2.2)."""
import struct

from tls_client import connect

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    def string(text):
        octets = text.encode()
        # A prefix of 7 bits, longer lengths behind it.
        length = bytes([len(octets)]) if len(octets) < 127 else b"\x7f" + prefixed(len(octets) - 127)
        return length + octets
    return b"\0" + string(name) + string(value)


def prefixed(rest):
    octets = b""
    while rest >= 128:
        octets += bytes([rest & 127 | 128])
        rest >>= 7
    return octets + bytes([rest])


def head(path, method="GET", fields=()):
    return b"".join(literal(*each) for each in [(":method", method), (":scheme", "https"), (":path", path), (":authority", "a"), *fields])


class Connection:
    """One connection; reads frames, and gives the peer as much window as it is told to."""

    def __init__(self, node, certificate=None, window=1 << 30, **options):
        self.node = node
        self.socket = connect(node, certificate, protocols=("h2",), **options)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.rest = b""
        self.next = 1
        self.send(PREFACE + frame(SETTINGS, payload=struct.pack(">HI", 4, window)))
        if window > 65535:
            self.send(frame(WINDOW_UPDATE, payload=(window - 65535).to_bytes(4, "big")))

    def send(self, octets):
        self.socket.sendall(octets)

    def request(self, path="", **options):
        stream = self.next
        self.next += 2
        self.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, head(f"/p2p/{self.node.fingerprint}{path}", **options)))
        return stream

    def frames(self):
        """(type, flags, stream, payload) until the end."""
        while True:
            while len(self.rest) >= 9 and len(self.rest) >= 9 + (length := int.from_bytes(self.rest[:3], "big")):
                one, self.rest = self.rest[:9 + length], self.rest[9 + length:]
                yield one[3], one[4], int.from_bytes(one[5:9], "big"), one[9:]
            part = self.socket.recv(65536)
            if not part:
                return
            self.rest += part

    def body(self, stream):
        """The body of a response."""
        body = b""
        for kind, flags, of, payload in self.frames():
            assert kind not in (RST_STREAM, GOAWAY)
            if of == stream:
                body += payload if kind == DATA else b""
                if flags & END_STREAM:
                    return body

    def end(self):
        """The code of the GOAWAY behind which the connection ends; None: it ended without one."""
        code = None
        try:
            for kind, _, _, payload in self.frames():
                if kind == GOAWAY:
                    code = int.from_bytes(payload[4:8], "big")
        except ConnectionError:
            pass
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
