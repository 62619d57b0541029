"""TLS 1.3 in raw records (RFC 8446), for what no TLS library would send. A client that does each step by itself, so that a test can do it wrong."""
import hashlib
import hmac
import os
import socket

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives import hashes

from harness import PATIENCE

DUMMY, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23  # types of records; the first is ChangeCipherSpec
CLIENT_HELLO, SERVER_HELLO, TICKET, EXTENSIONS, CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, FINISHED, KEY_UPDATE = 1, 2, 4, 8, 11, 13, 15, 20, 24
CLOSE_NOTIFY, UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER = 0, 10, 20, 22, 40, 47
DECODE_ERROR, DECRYPT_ERROR, PROTOCOL_VERSION, INTERNAL_ERROR, MISSING_EXTENSION, NO_PROTOCOL = 50, 51, 70, 80, 109, 120
X25519, P256 = 0x1D, 0x17
AES, CHACHA = 0x1301, 0x1303
GROUPS, SCHEMES, ALPN, PSK, EARLY_DATA, VERSIONS, MODES, SHARES = 10, 13, 16, 41, 42, 43, 45, 51
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()


class Refused(Exception):
    """The node sent an alert instead of what a conversation goes on with."""


def number(value, size):
    return value.to_bytes(size, "big")


def vector(octets, size=2):
    """Octets behind their length."""
    return number(len(octets), size) + octets


def numbers(values, size=2):
    return b"".join(number(value, size) for value in values)


def message(kind, body):
    return bytes([kind]) + vector(body, 3)


def record(kind, payload, version=0x0303):
    return bytes([kind]) + number(version, 2) + vector(payload)


def expand(secret, label, context=b"", size=32):
    info = number(size, 2) + vector(b"tls13 " + label, 1) + vector(context, 1)
    return hmac.digest(secret, info + b"\x01", "sha256")[:size]


def digest(octets):
    return hashlib.sha256(octets).digest()


class Keys:
    """One direction's keys."""

    def __init__(self, suite, secret):
        self.secret, self.count = secret, 0
        self.cipher = AESGCM(expand(secret, b"key", size=16)) if suite == AES else ChaCha20Poly1305(expand(secret, b"key"))
        self.iv = expand(secret, b"iv", size=12)

    def nonce(self):
        nonce = bytes(a ^ b for a, b in zip(self.iv, number(self.count, 12)))
        self.count += 1
        return nonce

    def seal(self, kind, content, padding=0):
        """A record; the type (None: nothing) stands behind the content, then zeros."""
        inner = content + (b"" if kind is None else bytes([kind])) + bytes(padding)
        head = bytes([DATA, 3, 3]) + number(len(inner) + 16, 2)
        return head + self.cipher.encrypt(self.nonce(), inner, head)

    def open(self, head, sealed):
        inner = self.cipher.decrypt(self.nonce(), sealed, head).rstrip(b"\0")
        return inner[-1], inner[:-1]


class Client:
    """One connection to a node. `records` and the fields of the hello are there to be changed."""

    def __init__(self, node, suites=(AES, CHACHA), groups=(X25519, P256), shares=(X25519,), source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", node.secure_port), PATIENCE, source_address=(source, 0))
        self.rest, self.messages, self.transcript = b"", b"", b""
        self.reads = self.writes = None
        self.x25519 = x25519.X25519PrivateKey.generate()
        self.p256 = ec.generate_private_key(ec.SECP256R1())
        self.suites, self.random, self.session, self.version, self.methods = list(suites), os.urandom(32), os.urandom(32), 0x0303, b"\0"
        self.extensions = {
            VERSIONS: vector(numbers([0x0304]), 1), GROUPS: vector(numbers(groups)), SCHEMES: vector(numbers([0x0807, 0x0804, 0x0401])),
            ALPN: vector(vector(b"http/1.1", 1)), MODES: vector(b"\1", 1), SHARES: self.shares(*shares)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # What goes out

    def share(self, group):
        if group == X25519:
            return self.x25519.public_key().public_bytes_raw()
        if group == P256:
            return self.p256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return bytes(32)

    def shares(self, *groups, **others):
        return vector(b"".join(number(group, 2) + vector(others.get("octets") or self.share(group)) for group in groups))

    def hello(self):
        """A ClientHello; a pre_shared_key extension stands at the end, as it must."""
        chosen = sorted(self.extensions.items(), key=lambda item: item[0] == PSK)
        extensions = b"".join(number(kind, 2) + vector(body) for kind, body in chosen)
        return message(CLIENT_HELLO, number(self.version, 2) + self.random + vector(self.session, 1) + vector(numbers(self.suites))
                       + vector(self.methods, 1) + vector(extensions))

    def send(self, octets):
        self.socket.sendall(octets)

    def send_message(self, octets, **options):
        self.transcript += octets
        self.send(self.writes.seal(HANDSHAKE, octets, **options) if self.writes else record(HANDSHAKE, octets, 0x0301))

    # What comes in

    def records(self):
        """(type, content) of the next record; None at the end."""
        while len(self.rest) < 5 or len(self.rest) < 5 + int.from_bytes(self.rest[3:5], "big"):
            try:
                part = self.socket.recv(65536)
            except ConnectionError:
                part = b""
            if not part:
                return None
            self.rest += part
        end = 5 + int.from_bytes(self.rest[3:5], "big")
        one, self.rest = self.rest[:end], self.rest[end:]
        if one[0] == DUMMY:
            return self.records()
        return self.reads.open(one[:5], one[5:]) if self.reads and one[0] == DATA else (one[0], one[5:])

    def message(self, kind):
        """The body of the next handshake message, which must be of this kind."""
        while len(self.messages) < 4 or len(self.messages) < 4 + int.from_bytes(self.messages[1:4], "big"):
            found = self.records()
            if found and found[0] == ALERT:
                raise Refused(found[1][1])
            assert found and found[0] == HANDSHAKE, f"not a message of the handshake: {found}"
            self.messages += found[1]
        end = 4 + int.from_bytes(self.messages[1:4], "big")
        one, self.messages = self.messages[:end], self.messages[end:]
        assert one[0] == kind, f"a message {one[0]} instead of {kind}"
        self.before, self.transcript = self.transcript, self.transcript + one
        return one[4:]

    def refusal(self):
        """The alert that the node answers the hello with, in place of or behind its own."""
        try:
            self.start()
        except Refused as refused:
            assert self.alert() is None, "two alerts"
            return refused.args[0]
        return self.alert()

    def alert(self):
        """The fatal alert behind which the connection ends, which must be one; None: it ended without."""
        found = None
        while (one := self.records()) is not None:
            if one[0] == ALERT:
                assert found is None, f"two alerts: {found} and {one[1][1]}"
                assert one[1][0] == (1 if one[1][1] == CLOSE_NOTIFY else 2)
                found = one[1][1]
        return found

    # The handshake

    def start(self):
        """Until the server has finished. What it says is checked."""
        self.send_message(self.hello())
        body = self.message(SERVER_HELLO)
        if body[2:34] == RETRY:
            group = int.from_bytes(self.fields(body)[SHARES], "big")
            self.transcript = message(254, digest(self.before)) + self.transcript[len(self.before):]
            self.extensions[SHARES] = self.shares(group)
            self.retried = group
            self.send_message(self.hello())
            body = self.message(SERVER_HELLO)
        if self.rest[:1] == bytes([ALERT]) or not self.has_more():  # in the clear: there are no keys that both have
            raise Refused(self.alert_in_the_clear())
        self.derive(body)
        self.said = self.fields(b"\0" * 38 + self.message(EXTENSIONS), 38)
        if self.early is None:
            self.message(CERTIFICATE_REQUEST)
            self.certificate = self.message(CERTIFICATE)
            self.message(CERTIFICATE_VERIFY)
        verify = self.message(FINISHED)
        assert verify == hmac.digest(expand(self.reads.secret, b"finished"), digest(self.before), "sha256")
        main = hmac.digest(expand(self.secret, b"derived", digest(b"")), bytes(32), "sha256")
        self.master = main
        secrets = [expand(main, label, digest(self.transcript)) for label in (b"c ap traffic", b"s ap traffic")]
        self.reads, self.later = Keys(self.suite, secrets[1]), Keys(self.suite, secrets[0])
        return self

    def has_more(self):
        while len(self.rest) < 7:
            part = self.socket.recv(65536)
            if not part:
                return False
            self.rest += part
        return True

    def alert_in_the_clear(self):
        assert self.rest[:1] == bytes([ALERT]) and self.rest[5] == 2, "the end without an alert"
        alert, self.rest = self.rest[6], self.rest[7:]
        return alert

    early = None  # the PSK that a resumption begins with

    def derive(self, body):
        fields = self.fields(body)
        assert fields[VERSIONS] == b"\3\4" and body[34] == len(self.session) and body[35:35 + body[34]] == self.session
        self.suite = int.from_bytes(body[35 + body[34]:][:2], "big")
        group, theirs = int.from_bytes(fields[SHARES][:2], "big"), fields[SHARES][4:]
        self.group = group
        if PSK not in fields:
            self.early = None
        shared = self.x25519.exchange(x25519.X25519PublicKey.from_public_bytes(theirs)) if group == X25519 else \
            self.p256.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        early = hmac.digest(bytes(32), self.early or bytes(32), "sha256")
        self.secret = hmac.digest(expand(early, b"derived", digest(b"")), shared, "sha256")
        ours, server = [expand(self.secret, label, digest(self.transcript)) for label in (b"c hs traffic", b"s hs traffic")]
        self.reads, self.writes = Keys(self.suite, server), Keys(self.suite, ours)

    @staticmethod
    def fields(body, start=None):
        """The extensions of a ServerHello or HelloRetryRequest, by number."""
        rest = body[start if start is not None else 38 + body[34]:][2:]
        found = {}
        while rest:
            length = int.from_bytes(rest[2:4], "big")
            found[int.from_bytes(rest[:2], "big")] = rest[4:4 + length]
            rest = rest[4 + length:]
        return found

    def finished(self):
        return message(FINISHED, hmac.digest(expand(self.writes.secret, b"finished"), digest(self.transcript), "sha256"))

    def certify(self, pem):
        """Certificate and CertificateVerify of the identity in a file."""
        text = pem.read_bytes()
        der = x509.load_pem_x509_certificate(text).public_bytes(serialization.Encoding.DER)
        key = serialization.load_pem_private_key(text, None)
        certificate = message(CERTIFICATE, b"\0" + vector(vector(der, 3) + b"\0\0", 3))
        signed = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + digest(self.transcript + certificate)
        if isinstance(key, rsa.RSAPrivateKey):
            scheme, signature = 0x0804, key.sign(signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        else:
            scheme, signature = 0x0807, key.sign(signed)
        return certificate, message(CERTIFICATE_VERIFY, number(scheme, 2) + vector(signature))

    def finish(self):
        """The client's side without a certificate; what follows is application data."""
        if self.early is None:
            self.send_message(message(CERTIFICATE, b"\0" + vector(b"", 3)))
        self.send_message(self.finished())
        self.writes = self.later
        return self

    def ticket(self):
        """(ticket, PSK, age_add) of the NewSessionTicket that comes next."""
        transcript = self.transcript
        resumption = expand(self.master, b"res master", digest(transcript))
        body = self.message(TICKET)
        nonce = body[9:9 + body[8]]
        rest = body[9 + body[8]:]
        return rest[2:2 + int.from_bytes(rest[:2], "big")], expand(resumption, b"resumption", nonce), body[4:8]

    def offer(self, ticket, psk, age, binder=None):
        """A pre_shared_key extension that offers a ticket; its binder is right unless it is given."""
        identities = vector(vector(ticket) + age)
        self.extensions[PSK] = identities + vector(vector(bytes(32), 1))
        early = hmac.digest(bytes(32), psk, "sha256")
        key = expand(expand(early, b"res binder", digest(b"")), b"finished")
        right = hmac.digest(key, digest(self.hello()[:-35]), "sha256")
        self.extensions[PSK] = identities + vector(vector(right if binder is None else binder, 1))
        self.early = psk
        return self

    def ask(self, node, path=""):
        """The status of a GET, by one record."""
        self.send(self.writes.seal(DATA, f"GET /p2p/{node.fingerprint}{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()))
        return self.status()

    def status(self):
        while (one := self.records()) is not None:
            if one[0] == DATA and one[1]:
                return int(one[1].split()[1])
            assert one[0] != ALERT, f"alert {one[1][1]}"
        return None
