"""What the TLS 1.3 server does with conversations that no library would have: the cases of tlsfuzzer's scripts, in our own words (docs/tls.md, section 9)."""
import os
import struct
import threading

import pytest

from harness import Node, wait_until
from tls_client import pem, tls
from tls_records import (AES, ALERT, ALPN, BAD_RECORD_MAC, CERTIFICATE, CERTIFICATE_VERIFY, CHACHA, CLIENT_HELLO, DATA, DECODE_ERROR, DECRYPT_ERROR, DUMMY,
                         EARLY_DATA, FINISHED, GROUPS, HANDSHAKE, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, KEY_UPDATE, MISSING_EXTENSION, MODES, NO_PROTOCOL, P256,
                         PROTOCOL_VERSION, PSK, RECORD_OVERFLOW, SCHEMES, SERVER_HELLO, SHARES, TICKET, UNEXPECTED_MESSAGE, VERSIONS, X25519, Client, message, number,
                         numbers, record, vector)

FULL = 1 << 14


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("server") / "node").init()
    node.write_board(sensors=[], actuators=[])
    node.start("--no-mdns")
    yield node
    # After all of it: alive, small, and quiet about it.
    assert node.process.poll() is None
    assert tls(node)["underWay"] == 0 and node.status()["memory"]["privateDirtyKiB"] < 1400
    assert len(node.log_text().splitlines()) < 60, "a line for each would fill the log"
    assert node.stop() == 0
    node.close()


@pytest.fixture
def client(server):
    with Client(server) as client:
        yield client


def is_served(server):
    with Client(server) as client:
        return client.start().finish().ask(server) == 200


# What is right


@pytest.mark.parametrize("suite", [AES, CHACHA])
@pytest.mark.parametrize("group", [X25519, P256])
@pytest.mark.parametrize("asked", [True, False], ids=["share", "retry"])
def test_every_suite_and_group(server, suite, group, asked):
    with Client(server, [suite], [group], [group] if asked else []) as client:
        assert client.start().finish().ask(server) == 200
        assert (client.suite, client.group, client.alert()) == (suite, group, 0)
        assert asked or client.retried == group


def test_the_clients_order_decides(server):
    for suites in ([AES, CHACHA], [CHACHA, AES]):
        with Client(server, [0x1302, 0xC02F, *suites, 0x00FF]) as client:
            assert client.start().suite == suites[0]


def greased(client):
    client.suites = [0x0A0A, AES]
    client.extensions |= {0x1A1A: b"", VERSIONS: vector(numbers([0x2A2A, 0x0305, 0x0304, 0x0303]), 1), GROUPS: vector(numbers([0x3A3A, X25519])),
                          SCHEMES: vector(numbers([0x4A4A, 0x0807, 0x0804])), SHARES: vector(numbers([0x3A3A, 1]) + b"\0" + numbers([X25519, 32]) + client.share(X25519)),
                          ALPN: vector(vector(b"zz", 1) + vector(b"http/1.1", 1))}


TOLERATED = {
    "unknown values everywhere": greased,
    "no session": lambda client: setattr(client, "session", b""),
    "short session": lambda client: setattr(client, "session", b"\1"),
    "no protocol": lambda client: client.extensions.pop(ALPN),
    "many extensions": lambda client: client.extensions.update({0x4000 + index: b"" for index in range(500)}),
    "8 KiB of padding": lambda client: client.extensions.update({21: bytes(8000)}),
    "reversed order": lambda client: setattr(client, "extensions", dict(reversed(client.extensions.items()))),
    "500 signature schemes": lambda client: client.extensions.update({SCHEMES: vector(numbers([0xFE00, 0x0807, *range(0xFE01, 0xFFF4)]))}),
    "an unknown ticket": lambda client: client.offer(os.urandom(200), os.urandom(32), bytes(4), bytes(32)).__setattr__("early", None),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_what_is_tolerated(server, client, case):
    TOLERATED[case](client)
    assert client.start().finish().ask(server) == 200


@pytest.mark.parametrize("size", [4, 5, 100])
def test_a_hello_in_pieces(server, client, size):
    hello = client.hello()
    client.send_message = lambda octets: (setattr(client, "transcript", client.transcript + octets),
                                          client.send(b"".join(record(HANDSHAKE, octets[start:start + size]) for start in range(0, len(octets), size))))
    client.hello = lambda: hello
    client.start()
    del client.send_message
    assert client.finish().ask(server) == 200


@pytest.mark.parametrize("padding", [0, 1, 255, FULL - 200])
def test_padded_records(server, client, padding):
    client.start()
    client.send_message(message(CERTIFICATE, b"\0" + vector(b"", 3)), padding=padding)
    client.send_message(client.finished(), padding=padding)
    client.writes = client.later
    client.send(client.writes.seal(DATA, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", padding=padding))
    assert client.status() == 404


def test_octet_by_octet_and_nothing(server, client):
    """Records of one octet, with empty ones in between (RFC 8446, section 5.4)."""
    client.start().finish()
    request = f"GET /p2p/{server.fingerprint} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    client.send(b"".join(client.writes.seal(DATA, bytes([octet])) + client.writes.seal(DATA, b"", padding=octet) for octet in request))
    assert client.status() == 200


def test_the_largest_record(server, client):
    client.start().finish()
    client.send(client.writes.seal(DATA, b"\r\n" * (FULL // 2)) + client.writes.seal(DATA, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert client.status() in (400, 404)


def test_a_dummy_is_dropped(server, client):
    client.start()
    client.send(record(DUMMY, b"\1"))
    assert client.finish().ask(server) == 200


@pytest.mark.parametrize("identity", ["gina", "carol"])
def test_a_client_with_a_certificate(server, client, identity):
    before = tls(server)["identified"]
    client.start()
    for one in client.certify(pem(identity)):
        client.send_message(one)
    client.early = b""
    assert client.finish().ask(server) == 200
    assert tls(server)["identified"] == before + 1


# Tickets


@pytest.fixture
def ticket(server):
    with Client(server) as client:
        return client.start().finish().ticket()


def test_resumption(server, client, ticket):
    before = tls(server)["resumed"]
    client.offer(*ticket).start()
    assert client.early is not None and client.finish().ask(server) == 200
    assert tls(server)["resumed"] == before + 1


def test_a_ticket_without_its_secret(client, ticket):
    client.offer(*ticket, bytes(32))
    client.send(record(HANDSHAKE, client.hello()))
    assert client.alert() == DECRYPT_ERROR


@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_forged_ticket_is_no_ticket(server, client, ticket, position):
    forged = bytearray(ticket[0])
    forged[position] ^= 1
    client.offer(bytes(forged), *ticket[1:]).start()
    assert client.early is None and client.finish().ask(server) == 200


def test_only_with_a_new_exchange(server, client, ticket):
    """psk_ke is not built in: such a client gets a full handshake."""
    client.extensions[MODES] = vector(b"\0", 1)
    client.offer(*ticket).start()
    assert client.early is None and client.finish().ask(server) == 200


def whole_in_order(client):
    extensions = b"".join(number(kind, 2) + vector(body) for kind, body in client.extensions.items())
    return message(CLIENT_HELLO, number(client.version, 2) + client.random + vector(client.session, 1) + vector(numbers(client.suites))
                   + vector(client.methods, 1) + vector(extensions))


def test_a_ticket_before_the_end(client, ticket):
    client.offer(*ticket)
    client.extensions = {PSK: client.extensions.pop(PSK)} | client.extensions
    client.hello = lambda: whole_in_order(client)
    client.send(record(HANDSHAKE, client.hello()))
    assert client.alert() == ILLEGAL_PARAMETER


# What is refused: the hello


def without(*kinds):
    def change(client):
        for kind in kinds:
            client.extensions.pop(kind)
    return change


def put(kind, body):
    return lambda client: client.extensions.update({kind: body})


def change(name, value):
    return lambda client: setattr(client, name, value)


def share(group, octets):
    return put(SHARES, vector(number(group, 2) + vector(octets)))


ZERO_ORDER = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
HELLOS = {
    "TLS 1.2 only": (without(VERSIONS), PROTOCOL_VERSION),
    "versions of the past": (put(VERSIONS, vector(numbers([0x0303, 0x0302]), 1)), PROTOCOL_VERSION),
    "versions of the future": (put(VERSIONS, vector(numbers([0x0305, 0x7F1C]), 1)), PROTOCOL_VERSION),
    "no versions": (put(VERSIONS, b"\0"), (DECODE_ERROR, PROTOCOL_VERSION)),
    "no suite": (change("suites", []), (DECODE_ERROR, HANDSHAKE_FAILURE)),
    "unknown suites": (change("suites", [0x1302, 0x1304, 0x1305, 0xC02B]), HANDSHAKE_FAILURE),
    "compression": (change("methods", b"\1\0"), ILLEGAL_PARAMETER),
    "no compression method": (change("methods", b""), (DECODE_ERROR, ILLEGAL_PARAMETER)),
    "a session too long": (change("session", bytes(33)), (DECODE_ERROR, ILLEGAL_PARAMETER)),
    "no groups": (without(GROUPS), MISSING_EXTENSION),
    "no shares": (without(SHARES), MISSING_EXTENSION),
    "no schemes": (without(SCHEMES), MISSING_EXTENSION),
    "unknown groups": (lambda client: client.extensions.update({GROUPS: vector(numbers([0x18, 0x19, 0x1E, 0x100])), SHARES: client.shares(0x18)}), HANDSHAKE_FAILURE),
    "half a group": (put(GROUPS, b"\0\3\0\x1d\0"), DECODE_ERROR),
    "groups longer than they are": (put(GROUPS, b"\0\x10\0\x1d"), DECODE_ERROR),
    "unknown schemes": (put(SCHEMES, vector(numbers([0x0201, 0xFE00]))), HANDSHAKE_FAILURE),
    "schemes for other keys": (put(SCHEMES, vector(numbers([0x0403, 0x0805]))), HANDSHAKE_FAILURE),
    "no scheme": (put(SCHEMES, b"\0\0"), (DECODE_ERROR, HANDSHAKE_FAILURE)),
    "half a scheme": (put(SCHEMES, b"\0\3\x08\x07\0"), DECODE_ERROR),
    "shares longer than they are": (put(SHARES, b"\0\x30\0\x1d\0\x20"), DECODE_ERROR),
    "a share cut off": (put(SHARES, vector(b"\0\x1d\0\x20" + bytes(31))), DECODE_ERROR),
    "an empty share": (share(X25519, b""), ILLEGAL_PARAMETER),
    "a short share": (share(X25519, bytes(31)), ILLEGAL_PARAMETER),
    "a long share": (share(X25519, bytes(33)), ILLEGAL_PARAMETER),
    "a share of zero": (share(X25519, bytes(32)), ILLEGAL_PARAMETER),
    "a share of small order": (share(X25519, ZERO_ORDER), ILLEGAL_PARAMETER),
    "a point that is not on the curve": (share(P256, b"\4" + bytes(31) + b"\1" + bytes(31) + b"\1"), ILLEGAL_PARAMETER),
    "the point at infinity": (share(P256, b"\0"), ILLEGAL_PARAMETER),
    "a compressed point": (share(P256, b"\2" + bytes(32)), ILLEGAL_PARAMETER),
    "other protocols": (put(ALPN, vector(vector(b"smtp", 1))), NO_PROTOCOL),
    "an empty protocol": (put(ALPN, vector(b"\0")), DECODE_ERROR),
    "half a protocol": (put(ALPN, vector(b"\x09http/1.1")), DECODE_ERROR),
    "more than the buffer": (put(21, bytes(40_000)), ILLEGAL_PARAMETER),
}


@pytest.mark.parametrize("case", HELLOS)
def test_a_hello_that_is_refused(server, client, case):
    apply, expected = HELLOS[case]
    before = tls(server)["failed"]
    apply(client)
    client.send_message = lambda hello: (setattr(client, "transcript", client.transcript + hello), client.send(b"".join(
        record(HANDSHAKE, hello[start:start + FULL], 0x0301) for start in range(0, len(hello), FULL))))
    found = client.refusal()
    assert found == expected or (isinstance(expected, tuple) and found in expected), found
    assert tls(server)["failed"] == before + 1


def cut(length):
    return lambda hello: message(CLIENT_HELLO, hello[4:length])


MALFORMED = {
    "cut in the random": (cut(20), DECODE_ERROR), "cut in the suites": (cut(73), DECODE_ERROR), "cut in an extension": (cut(150), DECODE_ERROR),
    "another message": (lambda hello: message(SERVER_HELLO, hello[4:]), UNEXPECTED_MESSAGE),
    "finished first": (lambda hello: message(FINISHED, bytes(32)), UNEXPECTED_MESSAGE),
    "an empty message": (lambda hello: message(CLIENT_HELLO, b""), DECODE_ERROR),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_hello(client, case):
    mangle, expected = MALFORMED[case]
    client.send(record(HANDSHAKE, mangle(client.hello()), 0x0301))
    assert client.alert() == expected


RECORDS = {
    "an unknown type": (record(99, b"x"), UNEXPECTED_MESSAGE), "data": (record(DATA, b"hello"), UNEXPECTED_MESSAGE), "an empty record": (record(HANDSHAKE, b""), UNEXPECTED_MESSAGE),
    "an empty alert": (record(ALERT, b""), UNEXPECTED_MESSAGE), "too long": (b"\x16\3\1" + number(FULL + 1, 2) + bytes(FULL + 1), RECORD_OVERFLOW),
    "much too long": (b"\x16\3\1\xff\xff" + bytes(1000), RECORD_OVERFLOW), "a dummy of two octets": (record(DUMMY, b"\1\1"), UNEXPECTED_MESSAGE),
    "another dummy": (record(DUMMY, b"\2"), (UNEXPECTED_MESSAGE, ILLEGAL_PARAMETER)),
}


@pytest.mark.parametrize("case", RECORDS)
def test_records_instead_of_a_hello(client, case):
    octets, expected = RECORDS[case]
    client.send(octets)
    found = client.alert()
    assert found == expected or (isinstance(expected, tuple) and found in expected), found


@pytest.mark.parametrize("group", [X25519, P256])
def test_asked_for_a_share_and_again_without(server, group):
    """A second hello must have the share that was asked for (RFC 8446, section 4.1.2)."""
    with Client(server, groups=[group], shares=[]) as client:
        client.send_message(client.hello())
        client.message(SERVER_HELLO)
        client.send_message(client.hello())
        assert client.alert() in (HANDSHAKE_FAILURE, ILLEGAL_PARAMETER)


def test_early_data_that_nobody_offered(client):
    """docs/tls.md, 3.1: not built in, and no ticket allows it."""
    client.extensions[EARLY_DATA] = b""
    client.start().send(record(DATA, os.urandom(100)))
    assert client.alert() in (BAD_RECORD_MAC, UNEXPECTED_MESSAGE)


# What is refused: the client's other messages


def certificate(entries):
    return message(CERTIFICATE, b"\0" + vector(entries, 3))


def flipped(octets, bit):
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


NOTHING = certificate(b"")
SECOND_FLIGHTS = {
    "finished without a certificate": (lambda client: [client.finished()], UNEXPECTED_MESSAGE),
    "a signature without a certificate": (lambda client: [NOTHING, message(CERTIFICATE_VERIFY, b"\x08\x07\0\x40" + bytes(64))], UNEXPECTED_MESSAGE),
    "a certificate without a signature": (lambda client: [client.certify(pem("gina"))[0], client.finished()], UNEXPECTED_MESSAGE),
    "a certificate that is none": (lambda client: [certificate(vector(b"\x30\x03xyz", 3) + b"\0\0")], (DECODE_ERROR, *range(42, 50))),
    "an empty certificate in the list": (lambda client: [certificate(vector(b"", 3) + b"\0\0")], (DECODE_ERROR, 42)),
    "a list longer than it is": (lambda client: [message(CERTIFICATE, b"\0\0\1\0" + bytes(10))], DECODE_ERROR),
    "a context that nobody gave": (lambda client: [message(CERTIFICATE, b"\1\1" + vector(b"", 3))], (DECODE_ERROR, ILLEGAL_PARAMETER)),
    "a second hello": (lambda client: [client.hello()], UNEXPECTED_MESSAGE),
    "an empty finished": (lambda client: [NOTHING, message(FINISHED, b"")], (DECODE_ERROR, DECRYPT_ERROR)),
    "a short finished": (lambda client: [NOTHING, message(FINISHED, bytes(31))], DECODE_ERROR),
    "a long finished": (lambda client: [NOTHING, message(FINISHED, bytes(33))], DECODE_ERROR),
    "a finished of zeros": (lambda client: [NOTHING, message(FINISHED, bytes(32))], DECRYPT_ERROR),
    "a key update before the end": (lambda client: [NOTHING, message(KEY_UPDATE, b"\0")], UNEXPECTED_MESSAGE),
}


@pytest.mark.parametrize("case", SECOND_FLIGHTS)
def test_a_second_flight_that_is_refused(server, client, case):
    make, expected = SECOND_FLIGHTS[case]
    client.start()
    for one in make(client):
        client.send_message(one)
    found = client.alert()
    assert found == expected or (isinstance(expected, tuple) and found in expected), found


@pytest.mark.parametrize("bit", [0, 7, 100, 255])
def test_one_wrong_bit_of_finished(client, bit):
    client.start()
    client.send_message(NOTHING)
    right = client.finished()
    client.send_message(right[:4] + flipped(right[4:], bit))
    assert client.alert() == DECRYPT_ERROR


@pytest.mark.parametrize("identity", ["gina", "carol"])
@pytest.mark.parametrize("what", ["bit", "scheme", "transcript", "short", "empty"])
def test_a_wrong_signature(server, client, identity, what):
    before = tls(server)["identified"]
    client.start()
    first, verify = client.certify(pem(identity))
    client.send_message(first)
    body = verify[4:]
    verify = message(CERTIFICATE_VERIFY, {
        "bit": lambda: flipped(body, 8 * len(body) - 3), "scheme": lambda: (b"\4\3" if identity == "gina" else b"\x04\x01") + body[2:],
        "transcript": lambda: body, "short": lambda: body[:2] + vector(body[4:-1]), "empty": lambda: body[:2] + b"\0\0"}[what]())
    if what == "transcript":
        verify = Client.certify(type("Other", (), {"transcript": b"another"})(), pem(identity))[1]
    client.send_message(verify)
    found = client.alert()
    assert found == DECRYPT_ERROR or (what in ("short", "empty") and found == DECODE_ERROR), found
    assert tls(server)["identified"] == before


HIDDEN = {
    "in the clear": (lambda client: record(HANDSHAKE, NOTHING), UNEXPECTED_MESSAGE),
    "an empty alert": (lambda client: client.writes.seal(ALERT, b""), UNEXPECTED_MESSAGE),
    "an empty alert, padded": (lambda client: client.writes.seal(ALERT, b"", padding=30), UNEXPECTED_MESSAGE),
    "an empty message": (lambda client: client.writes.seal(HANDSHAKE, b""), UNEXPECTED_MESSAGE),
    "zeros alone": (lambda client: client.writes.seal(None, b"", padding=20), UNEXPECTED_MESSAGE),
    "nothing at all": (lambda client: client.writes.seal(None, b""), UNEXPECTED_MESSAGE),
    "an unknown type": (lambda client: client.writes.seal(99, b"x"), UNEXPECTED_MESSAGE),
    "too much": (lambda client: client.writes.seal(DATA, bytes(FULL + 1)), RECORD_OVERFLOW),
    "too much padding": (lambda client: client.writes.seal(DATA, b"x", padding=FULL + 200), RECORD_OVERFLOW),
    "longer than any record": (lambda client: b"\x17\3\3" + number(FULL + 257, 2) + bytes(FULL + 257), RECORD_OVERFLOW),
    "shorter than its tag": (lambda client: record(DATA, bytes(15)), BAD_RECORD_MAC),
    "a dummy of another value": (lambda client: record(DUMMY, b"\2"), UNEXPECTED_MESSAGE),
    "a dummy of two octets": (lambda client: record(DUMMY, b"\1\1"), UNEXPECTED_MESSAGE),
    "ten dummies": (lambda client: record(DUMMY, b"\1") * 10, UNEXPECTED_MESSAGE),
    "data": (lambda client: client.writes.seal(DATA, b"GET / HTTP/1.0\r\n\r\n"), UNEXPECTED_MESSAGE),
    "forged": (lambda client: record(DATA, bytes(40)), BAD_RECORD_MAC),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_records_in_the_handshake(client, case):
    make, expected = HIDDEN[case]
    client.start().send(make(client))
    assert client.alert() == expected


AFTERWARDS = HIDDEN | {
    "data": (lambda client: client.writes.seal(99, b"x"), UNEXPECTED_MESSAGE),
    "a dummy": (lambda client: record(DUMMY, b"\1"), UNEXPECTED_MESSAGE),
    "ten dummies": (lambda client: record(DUMMY, b"\1") * 10, UNEXPECTED_MESSAGE),
    "another hello": (lambda client: client.writes.seal(HANDSHAKE, client.hello()), UNEXPECTED_MESSAGE),
    "a hello in the clear": (lambda client: record(HANDSHAKE, client.hello()), UNEXPECTED_MESSAGE),
    "a ticket from a client": (lambda client: client.writes.seal(HANDSHAKE, message(TICKET, bytes(20))), UNEXPECTED_MESSAGE),
    "a certificate that nobody asked for": (lambda client: client.writes.seal(HANDSHAKE, NOTHING), UNEXPECTED_MESSAGE),
    "a key update": (lambda client: client.writes.seal(HANDSHAKE, message(KEY_UPDATE, b"\0")), UNEXPECTED_MESSAGE),
}


@pytest.mark.parametrize("case", AFTERWARDS)
def test_records_after_the_handshake(client, case):
    make, expected = AFTERWARDS[case]
    client.start().finish().send(make(client))
    assert client.alert() == expected


@pytest.mark.parametrize("suite", [AES, CHACHA])
@pytest.mark.parametrize("position", [5, -1, -8, -16])
@pytest.mark.parametrize("when", ["finished", "data"])
def test_one_wrong_bit_of_a_record(server, suite, position, when):
    with Client(server, [suite]) as client:
        client.start()
        if when == "data":
            client.finish()
        octets = bytearray(client.writes.seal(DATA if when == "data" else HANDSHAKE, b"GET / HTTP/1.1\r\n\r\n" if when == "data" else NOTHING))
        octets[position] ^= 0x10
        client.send(bytes(octets))
        assert client.alert() == BAD_RECORD_MAC


# Who leaves, and who never says anything


@pytest.mark.parametrize("stage", range(7))
def test_who_leaves_at_any_time(server, stage):
    with Client(server) as client:
        hello = record(HANDSHAKE, client.hello())
        if stage < 3:
            client.send(hello[:[0, 3, len(hello) - 1][stage]])
        elif stage == 3:
            client.send_message(client.hello())
            client.message(SERVER_HELLO)
        elif stage == 4:
            client.start()
        elif stage == 5:
            client.start().send_message(NOTHING)
        else:
            client.start().finish()
            client.send(client.writes.seal(DATA, b"GET / HT")[:-1])
        if stage % 2:
            client.socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: reset
    wait_until(lambda: tls(server)["underWay"] == 0, "the end of the handshake")
    assert is_served(server)


def test_a_warning_and_a_fatal_alert(server, client):
    client.start().finish().send(client.writes.seal(ALERT, b"\2\x28"))
    assert client.alert() in (None, 0) and is_served(server)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_empty_records_in_a_row(server, client, count):
    """Three are borne, as padding; more say nothing on purpose."""
    client.start().finish()
    client.send(b"".join(client.writes.seal(DATA, b"") for _ in range(count)))
    if count > 3:
        assert client.alert() == BAD_RECORD_MAC
    else:
        assert client.ask(server) == 200


@pytest.mark.parametrize("when", ["handshake", "data"])
def test_an_alert_in_the_clear_is_believed(server, client, when):
    """A client that could not go on has no keys to say so with: it gets no alert of ours."""
    client.start()
    if when == "data":
        client.finish()
    client.send(record(ALERT, b"\2\x28"))
    assert client.alert() is None and is_served(server)


def test_records_that_are_dropped_hold_nobody_up(server, client):
    """ChangeCipherSpec inside records, which Mbed TLS drops and reads on: others are served meanwhile."""
    client.start().finish()
    octets = b"".join(client.writes.seal(DUMMY, b"\1") for _ in range(500_000))
    sender = threading.Thread(target=client.send, args=[octets])
    sender.start()
    served = 0
    while sender.is_alive():
        assert is_served(server)
        served += 1
    assert served >= 3, "they waited until it had said everything"
    assert client.ask(server) == 200
