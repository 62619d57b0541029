"""The stream over GATT as docs/bluetooth.md tells a client to speak it: sections 2 to 4, written from that page alone. Clauses are cited as (2.3)."""
import asyncio
import collections
import secrets

BEGIN, END, CLOSE, DATA = 1, 2, 4, 8
VERSION = 1
LARGEST = 495
CREDIT = 15
HALF = (CREDIT + 1) // 2
REASONS = {0: "done", 1: "no such stream", 2: "violation", 3: "version", 4: "time-out", 5: "too many streams", 6: "the node stops", 7: "another client subscribed"}


def fragment_limit(mtu, other):
    """(2.3)"""
    value = mtu - 3
    return min(244 if 244 <= value <= 494 else value, other, LARGEST)


def fragment(kind, credit, sequence, acknowledgement, payload=b""):
    return bytes([kind | credit << 4, sequence & 255, acknowledgement & 255]) + payload


class StreamError(Exception):
    """The stream is over; `reason` is the one of section 4, `told` whether the other side said so."""

    def __init__(self, reason, told=False):
        super().__init__(f"{'closed by the node' if told else 'given up'}: {REASONS.get(reason, reason)}")
        self.reason, self.told = reason, told


class Stream:
    """One stream from the client's side. `write` takes a fragment to In; received() gets what Out brings.
    `first` is the time-out at first (3.5), `silence` the last one (3.8)."""

    def __init__(self, write, mtu, largest, first=1.0, silence=30.0):
        self.write, self.limit = write, fragment_limit(mtu, largest)
        self.first, self.silence = first, silence
        self.loop = asyncio.get_running_loop()
        self.identifier = secrets.token_bytes(4)
        self.opened = self.loop.create_future()
        self.changed = asyncio.Event()
        self.error = None
        # Sending: what is not acknowledged, and how far the node lets us go.
        self.sequence = self.acknowledged = secrets.randbelow(256)
        self.outstanding, self.credit = collections.deque(), 0
        self.resent_for = self.timeout = self.timer = None
        # Receiving
        self.expected = 0
        self.fragments = collections.deque()  # not read yet
        self.allowance = 0  # what the node may still send, as last told (2.5)
        self.taken = 0  # since the last acknowledgement
        self.ended = self.end_sent = False
        self.delayed = None
        self.last_arrival = self.loop.time()
        self.counts = collections.Counter()

    # Opening (3.1, 3.2)

    async def open(self):
        payload = bytes([VERSION]) + self.limit.to_bytes(2, "little") + self.identifier
        opening = fragment(BEGIN, CREDIT, self.sequence, 0, payload)
        for turn in range(5):
            self.emit(opening)
            self.counts["opens"] += 1
            try:
                await asyncio.wait_for(asyncio.shield(self.opened), 1 if turn == 0 else 2)
                return self
            except asyncio.TimeoutError:
                continue
        raise StreamError(4)

    def take_open(self, credit, sequence, acknowledgement, payload):
        if payload[3:7] != self.identifier or self.opened.done():
            return
        self.limit = min(self.limit, int.from_bytes(payload[1:3], "little"))
        self.expected, self.credit = sequence, credit
        self.allowance = CREDIT
        if acknowledgement != self.sequence:
            return self.violated()
        self.opened.set_result(None)

    # Sending

    def emit(self, octets):
        self.counts["sent"] += 1
        self.write(octets)

    def header(self, kind, sequence, payload=b""):
        """A fragment with the present acknowledgement and credit; the delayed acknowledgement is needless then (3.6)."""
        if self.delayed:
            self.delayed.cancel()
            self.delayed = None
        self.taken, self.allowance = 0, self.room()
        return fragment(kind, self.allowance, sequence, self.expected, payload)

    def room(self):
        return CREDIT - len(self.fragments)

    def allowed(self):
        """How many more data fragments the node has room for (2.5)."""
        return self.credit - len(self.outstanding)

    async def send(self, data, end=False):
        """Sends all of it; returns when the last fragment is on its way. With `end` nothing follows (3.9)."""
        size = self.limit - 3
        parts = [data[start:start + size] for start in range(0, len(data), size)] or ([b""] if end else [])
        for index, part in enumerate(parts):
            while self.allowed() <= 0:
                await self.wait()
            self.check()
            last = end and index == len(parts) - 1
            self.outstanding.append((DATA | (END if last else 0), self.sequence, part))
            self.emit(self.header(*self.outstanding[-1]))
            self.sequence = self.sequence + 1 & 255
            self.end_sent |= last
            self.arm()

    def arm(self, doubled=False):
        """Starts or goes on with the time-out of (3.5 b); with nothing to wait for there is none."""
        if self.timer and not doubled:
            return
        if not self.outstanding and self.allowed() > 0:
            return
        self.timeout = min(self.timeout * 2, 8) if doubled else self.first
        self.timer = self.loop.call_later(self.timeout, self.late)

    def disarm(self):
        if self.timer:
            self.timer.cancel()
        self.timer = None

    def late(self):
        self.timer = None
        if self.error:
            return
        if self.loop.time() - self.last_arrival > self.silence:
            return self.fail(StreamError(4))
        if self.outstanding:
            self.resend()
        else:
            self.emit(self.header(END, self.sequence))  # a question (3.7)
            self.counts["questions"] += 1
        self.arm(doubled=True)

    def resend(self):
        for kind, sequence, part in list(self.outstanding):
            self.emit(self.header(kind, sequence, part))
            self.counts["resent"] += 1

    # Receiving

    def received(self, octets):
        self.last_arrival = self.loop.time()
        self.counts["received"] += 1
        self.counts["value octets"] += len(octets)
        if self.error:
            return
        if len(octets) < 3 or len(octets) > self.limit:
            return self.violated()
        kind, credit, sequence, acknowledgement, payload = octets[0] & 15, octets[0] >> 4, octets[1], octets[2], octets[3:]
        if kind == BEGIN and len(payload) == 7:
            self.take_open(credit, sequence, acknowledgement, payload)
        elif kind == CLOSE and payload:
            self.fail(StreamError(payload[0], told=True))
        elif not self.opened.done():
            pass  # of an earlier stream
        elif kind in (0, END) and not payload or kind == DATA and payload or kind == DATA | END:
            self.take_acknowledgement(acknowledgement, credit, pure=kind == 0)
            if kind & DATA:
                self.take_data(kind, sequence, payload)
            elif kind == END:
                self.acknowledge()
        else:
            self.violated()
        self.changed.set()

    def take_acknowledgement(self, acknowledgement, credit, pure):
        progress = acknowledgement - self.acknowledged & 255
        if progress > len(self.outstanding):
            return  # an old one (3.10)
        for _ in range(progress):
            self.outstanding.popleft()
        self.credit = credit if progress else max(credit, self.credit)
        self.acknowledged = acknowledgement
        if progress:
            self.resent_for = None
            self.disarm()
            self.arm()
        elif pure and self.outstanding and self.resent_for != acknowledgement:  # (3.5 a)
            self.resent_for = acknowledgement
            self.resend()

    def take_data(self, kind, sequence, payload):
        ahead = sequence - self.expected & 255
        if ahead or self.ended:
            self.counts["gaps" if 0 < ahead < 128 else "repeats"] += 1
            return self.acknowledge()
        if self.allowance <= 0:
            return self.violated()  # beyond the credit (2.5)
        self.expected = self.expected + 1 & 255
        self.allowance -= 1
        self.taken += 1
        self.ended |= bool(kind & END)
        self.counts["payload octets"] += len(payload)
        if payload:
            self.fragments.append(payload)
        if self.taken >= HALF:  # (3.6)
            return self.acknowledge()
        if self.delayed:
            self.delayed.cancel()
        self.delayed = self.loop.call_later(0.02, self.acknowledge)

    def acknowledge(self):
        self.counts["acknowledgements"] += 1
        self.emit(self.header(0, self.sequence))

    async def wait(self):
        self.check()
        self.changed.clear()
        self.arm()
        await self.changed.wait()

    def check(self):
        if self.error:
            raise self.error

    async def receive(self):
        """What has come, at least one octet; b"" at the end of the stream."""
        while not self.fragments:
            if self.ended:
                return b""
            await self.wait()
        data = b"".join(self.fragments)
        self.fragments.clear()
        if not self.ended and not self.error and (self.allowance == 0 or self.room() - self.allowance >= HALF):
            self.acknowledge()  # credit given back (3.6)
        return data

    # The end

    def violated(self):
        self.emit(fragment(CLOSE, 0, self.sequence, self.expected, b"\x02"))
        self.fail(StreamError(2))

    def fail(self, error):
        self.error = self.error or error
        self.disarm()
        if self.delayed:
            self.delayed.cancel()
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # seen, whether or not somebody waits
        self.changed.set()

    def close(self, reason=0):
        if not self.error:
            self.emit(fragment(CLOSE, 0, self.sequence, self.expected, bytes([reason])))
            self.fail(StreamError(reason))
