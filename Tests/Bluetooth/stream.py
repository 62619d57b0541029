"""The stream over GATT as docs/bluetooth.md tells a client to speak it: sections 2 to 4, written from that page alone. Clauses are cited as (2.3)."""
import asyncio
import collections
import secrets

ACKNOWLEDGEMENT, OPEN, QUESTION, GAP, CLOSE, DATA, LAST = 0x0, 0x1, 0x2, 0x3, 0x4, 0x8, 0xA
VERSION = 1
LARGEST = 495
CREDIT = 15
REASONS = {0: "done", 1: "no such stream", 2: "violation", 3: "version", 4: "time-out", 5: "too many streams", 6: "the node stops", 7: "another client subscribed"}
REPEATS = (0.25, 0.5, 1, 2, 2, 2)  # of an open: what is waited after each (3.2)


def fragment_limit(mtu):
    """(2.3), without what the other side takes"""
    value = mtu - 3
    return min(244 if 244 <= value <= 494 else value, LARGEST)


def fragment(kind, credit, number, acknowledgement, payload=b""):
    return bytes([kind | credit << 4, number & 255, acknowledgement & 255]) + payload


class StreamError(Exception):
    """The stream is over; `reason` is the one of section 4, `told` whether the other side said so."""

    def __init__(self, reason, told=False):
        super().__init__(f"{'closed by the node' if told else 'given up'}: {REASONS.get(reason, reason)}")
        self.reason, self.told = reason, told


class Sender:
    """What is sent and not acknowledged, and how far the other side lets us go (2.5, 2.6)."""

    def __init__(self):
        self.number = self.base = secrets.randbelow(256)  # of the next new fragment; of the oldest outstanding one
        self.outstanding = collections.deque()  # (kind, number, payload)
        self.credit = 0
        self.repeated = (None, 0.0)  # for a gap: the number, when

    def allowed(self):
        return self.credit - len(self.outstanding)

    def add(self, kind, payload):
        self.outstanding.append((kind, self.number, payload))
        self.number = self.number + 1 & 255
        return self.outstanding[-1]

    def acknowledged(self, acknowledgement, credit):
        """Whether that brought anything; an old one is ignored (2.6)."""
        progress = acknowledgement - self.base & 255
        if progress > len(self.outstanding):
            return False
        grown = progress > 0 or credit > self.credit
        for _ in range(progress):
            self.outstanding.popleft()
        self.base, self.credit = acknowledgement, credit if progress else max(credit, self.credit)
        return grown

    def gap(self, acknowledgement, now):
        """Whether to send all of it again (3.5 a)."""
        number, when = self.repeated
        if not self.outstanding or acknowledgement != self.base or number == acknowledgement and now - when < 0.2:
            return False
        self.repeated = (acknowledgement, now)
        return True


class Receiver:
    """What has come in sequence and is not read yet, and what may still come (2.5, 3.4)."""

    def __init__(self):
        self.expected = 0
        self.parts = collections.deque()
        self.allowance = self.given = self.taken = 0  # what may come as last told; what was told; what came since
        self.missing = None
        self.ended = False

    def room(self):
        return 0 if self.ended else CREDIT - len(self.parts)

    def tell(self):
        """Credit for a header."""
        self.allowance = self.given = self.room()
        self.taken = 0
        return self.allowance

    def worth_telling(self):
        """(3.6)"""
        half = (max(self.given, 1) + 1) // 2
        back = self.room() - self.allowance
        return self.taken >= half or back >= (CREDIT + 1) // 2 or self.allowance == 0 and back > 0


class Stream:
    """One stream from the client's side. `write` takes a fragment to In; received() gets what Out brings."""

    def __init__(self, write, mtu, largest):
        self.write, self.takes = write, fragment_limit(mtu)
        self.limit = min(self.takes, largest)
        self.loop = asyncio.get_running_loop()
        self.identifier = secrets.token_bytes(4)
        self.opened = self.loop.create_future()
        self.changed = asyncio.Event()
        self.error = None
        self.sender, self.receiver = Sender(), Receiver()
        self.end_sent = False
        self.timeout, self.timer, self.delayed = 0.5, None, None
        self.progress = self.loop.time()
        self.counts = collections.Counter()

    # Opening (3.1, 3.2)

    async def open(self):
        payload = bytes([VERSION]) + self.takes.to_bytes(2, "little") + self.identifier
        self.receiver.allowance = self.receiver.given = CREDIT
        for wait in REPEATS:
            self.emit(fragment(OPEN, CREDIT, self.sender.number, 0, payload))
            self.counts["opens"] += 1
            try:
                await asyncio.wait_for(asyncio.shield(self.opened), wait)
                return self
            except asyncio.TimeoutError:
                continue
        self.fail(StreamError(4))
        raise self.error

    def take_open(self, credit, number, acknowledgement, payload):
        if payload[3:7] != self.identifier or self.opened.done():
            return  # an answer that we had (3.3)
        if acknowledgement != self.sender.number:
            return self.violated()
        self.limit = min(self.limit, int.from_bytes(payload[1:3], "little"))
        self.receiver.expected, self.sender.credit = number, credit
        self.opened.set_result(None)

    # Sending

    def emit(self, octets):
        self.counts["sent"] += 1
        self.write(octets)

    def header(self, kind, number, payload=b""):
        """A fragment with the present acknowledgement and credit; the delayed acknowledgement is needless then (3.6)."""
        if self.delayed:
            self.delayed.cancel()
            self.delayed = None
        return fragment(kind, self.receiver.tell(), number, self.receiver.expected, payload)

    async def send(self, data, end=False):
        """Sends all of it; returns when the last fragment is on its way. With `end` nothing follows (3.9)."""
        size = self.limit - 3
        parts = [data[start:start + size] for start in range(0, len(data), size)] or ([b""] if end else [])
        for index, part in enumerate(parts):
            last = end and index == len(parts) - 1
            self.arm(wanting=self.sender.allowed() <= 0)
            while self.sender.allowed() <= 0:
                await self.wait()
            self.check()
            self.end_sent |= last
            if not self.sender.outstanding:
                self.progress = self.loop.time()
            self.emit(self.header(*self.sender.add(LAST if last else DATA, part)))
            self.arm()

    def arm(self, wanting=False):
        """Starts the time-out of (3.5 b) and (3.7), when something is waited for."""
        if self.timer is None and (self.sender.outstanding or wanting):
            self.timer = self.loop.call_later(self.timeout, self.late)

    def late(self):
        self.timer = None
        if self.error:
            return
        if self.loop.time() - self.progress > 30:
            return self.fail(StreamError(4))  # (3.8)
        if self.sender.outstanding:
            self.resend()
        elif self.sender.allowed() <= 0:
            self.emit(self.header(QUESTION, self.sender.number))
            self.counts["questions"] += 1
        self.timeout = min(self.timeout * 2, 8)
        self.arm(wanting=self.sender.allowed() <= 0)

    def resend(self):
        for kind, number, part in list(self.sender.outstanding):
            self.emit(self.header(kind, number, part))
            self.counts["resent"] += 1

    # Receiving

    def received(self, octets):
        self.counts["received"] += 1
        self.counts["value octets"] += len(octets)
        if self.error:
            return
        kind, payload = octets[0] & 15 if octets else -1, octets[3:]
        if not self.opened.done() and not (kind == OPEN and len(payload) == 7) and not (kind == CLOSE and payload[:1] in (b"\3", b"\5", b"\6", b"\7")):
            return  # of a stream before (3.1)
        length = len(payload)
        fits = {ACKNOWLEDGEMENT: length == 0, QUESTION: length == 0, GAP: length == 0, OPEN: length == 7, CLOSE: length in (1, 2), DATA: length > 0, LAST: True}
        if len(octets) < 3 or len(octets) > self.takes or not fits.get(kind, False):
            return self.violated()
        self.dispatch(kind, octets[0] >> 4, octets[1], octets[2], payload)
        self.changed.set()

    def dispatch(self, kind, credit, number, acknowledgement, payload):
        if kind == OPEN:
            return self.take_open(credit, number, acknowledgement, payload)
        if kind == CLOSE:
            return self.fail(StreamError(payload[0] if payload[0] in REASONS else 0, told=True))
        if self.sender.acknowledged(acknowledgement, credit):
            self.progress, self.timeout = self.loop.time(), 0.5
            if self.timer:
                self.timer.cancel()
                self.timer = None
            self.arm()
        if kind == QUESTION:
            self.progress = self.loop.time()
            self.acknowledge()
        elif kind == GAP and self.sender.gap(acknowledgement, self.loop.time()):
            self.resend()
        elif kind in (DATA, LAST):
            self.take_data(kind, number, payload)

    def take_data(self, kind, number, payload):
        receiver = self.receiver
        ahead = number - receiver.expected & 255
        if ahead >= 128 or receiver.ended:
            self.counts["repeats"] += 1
            return self.acknowledge_soon()
        if ahead >= receiver.allowance:
            return self.violated()  # beyond the credit (2.5)
        if ahead:
            self.counts["gaps"] += 1
            if receiver.missing == receiver.expected:
                return self.acknowledge_soon(GAP)
            receiver.missing = receiver.expected
            return self.emit(self.header(GAP, self.sender.number))
        receiver.expected = receiver.expected + 1 & 255
        receiver.allowance -= 1
        receiver.taken += 1
        receiver.ended = kind == LAST
        self.counts["payload octets"] += len(payload)
        if payload:
            receiver.parts.append(payload)
        if receiver.worth_telling():
            self.acknowledge()
        else:
            self.acknowledge_soon()

    def acknowledge(self, kind=ACKNOWLEDGEMENT):
        self.delayed = None
        self.counts["acknowledgements"] += 1
        self.emit(self.header(kind, self.sender.number))

    def acknowledge_soon(self, kind=ACKNOWLEDGEMENT):
        if not self.delayed:
            self.delayed = self.loop.call_later(0.02, self.acknowledge, kind)

    async def wait(self):
        self.check()
        self.changed.clear()
        await self.changed.wait()

    def check(self):
        if self.error:
            raise self.error

    async def receive(self):
        """What has come, at least one octet; b"" at the end of the stream."""
        while not self.receiver.parts:
            if self.receiver.ended:
                return b""
            await self.wait()
        data = b"".join(self.receiver.parts)
        self.receiver.parts.clear()
        if not self.receiver.ended and not self.error and self.receiver.worth_telling():
            self.acknowledge()  # credit given back (3.6)
        return data

    # The end

    def violated(self):
        self.emit(fragment(CLOSE, 0, 0, 0, b"\x02"))
        self.fail(StreamError(2))

    def fail(self, error):
        self.error = self.error or error
        for timer in (self.timer, self.delayed):
            if timer:
                timer.cancel()
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # seen, whether or not somebody waits
        self.changed.set()

    def close(self, reason=0):
        if not self.error:
            self.emit(fragment(CLOSE, 0, 0, 0, bytes([reason])))
            self.fail(StreamError(reason))
