"""A client of the stream over GATT (docs/bluetooth.md, sections 2 to 4) for a carrier that loses nothing: one thing after another, nothing repeated."""
import secrets

BEGIN, END, CLOSE, DATA = 1, 2, 4, 8
CREDIT = 15


class Closed(Exception):
    """The node closed the stream, for this reason."""

    def __init__(self, reason):
        super().__init__(f"closed for reason {reason}")
        self.reason = reason


class Stream:
    """HTTP/1.1 over a stream of a subscribed central."""

    def __init__(self, central):
        self.central = central
        value = central.mtu - 3
        self.largest = min(244 if 244 <= value <= 494 else value, 495)
        self.identifier = secrets.token_bytes(4)
        self.sequence = secrets.randbelow(256)
        self.expected = self.allowed = None
        self.received = b""
        self.ended = False

    def emit(self, kind, payload=b""):
        self.central.write(bytes([kind | CREDIT << 4, self.sequence, self.expected or 0]) + payload)

    def take(self, patience=10):
        """One fragment of the node's; its payload is kept when it is data, and acknowledged."""
        fragment = self.central.receive(patience)
        if fragment is None:
            raise Closed(None)
        kind, credit, sequence, acknowledgement, payload = fragment[0] & 15, fragment[0] >> 4, fragment[1], fragment[2], fragment[3:]
        if kind == CLOSE:
            raise Closed(payload[0])
        if kind == BEGIN:
            assert payload[3:] == self.identifier, "another's opening"
            self.expected = sequence
        elif kind & DATA and sequence == self.expected:
            self.expected = (sequence + 1) & 255
            self.received += payload
            self.ended |= bool(kind & END)
            self.emit(0)
        self.allowed = (acknowledgement + credit) & 255
        return kind

    def open(self, patience=10):
        self.emit(BEGIN, bytes([1]) + self.largest.to_bytes(2, "little") + self.identifier)
        assert self.take(patience) == BEGIN
        return self

    def send(self, octets):
        step = self.largest - 3
        for start in range(0, len(octets), step):
            while self.sequence == self.allowed:
                self.take()
            self.emit(DATA, octets[start:start + step])
            self.sequence = (self.sequence + 1) & 255

    def get(self, path):
        """(status, body)"""
        return self.request("GET", path)

    def request(self, method, path, content=None, *fields):
        """(status, body)"""
        length = [] if content is None else [f"Content-Length: {len(content)}"]
        self.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: node", *length, *fields, "", ""]).encode() + (content or b""))
        while b"\r\n\r\n" not in self.received:
            self.take()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(self.received) < length:
            self.take()
        body, self.received = self.received[:length], self.received[length:]
        return int(head.split()[1]), body
