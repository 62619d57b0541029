"""TLS with OpenPGP identities (docs/tls.md): curl and OpenSSL, by Python's ssl, are the other end, with certificates made
in certificates.py."""
import json
import re
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import certificates
from certificates import Identity, fingerprint_of
from conftest import needs_root
from harness import FIXTURES, PATIENCE, one_sentence, wait_until

CAROL = Identity((FIXTURES / "secret/carol.gpg").read_bytes())  # RSA


def pem(name):
    return FIXTURES / f"tls/{name}.pem"


@pytest.fixture
def quiet(node, tmp_path):
    """A running node without sensors, with a small and a large public file."""
    node.write_board(sensors=[], actuators=[])
    for name, size in (("small", 1000), ("large", 3_000_000)):
        (tmp_path / name).write_bytes(bytes(number * 7 & 0xFF for number in range(size)))
        node.command("publish", "--public", "--name", f"{name}.bin.pgp", tmp_path / name)
    node.start().wait_for("vocabulary")
    return node


def connect(node, certificate=None, session=None, context=None, source="127.0.0.1", **options):
    """A TLS connection by Python's ssl; `certificate` names a file with certificate and key."""
    if context is None:
        context = client_context(certificate, **options)
    connection = socket.create_connection(("127.0.0.1", node.secure_port), PATIENCE, source_address=(source, 0))
    return context.wrap_socket(connection, session=session)


def client_context(certificate=None, protocols=("http/1.1",), **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    for name, value in options.items():
        setattr(context, name, value)
    if certificate:
        context.load_cert_chain(certificate)
    return context


def ask(connection, node, path=""):
    """The status of one GET on an open connection; the body is read."""
    connection.sendall(f"GET /p2p/{node.fingerprint}{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += receive(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    while len(body) < int(re.search(rb"Content-Length: (\d+)", head)[1]):
        body += receive(connection)
    return int(head.split()[1])


def receive(connection):
    part = connection.recv(65536)
    assert part, "the connection ended early"
    return part


def tls(node):
    return node.status()["tls"]


# Who the node is


def check_certificate(node):
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", node.secure_port)).encode())
    assert fingerprint_of(certificate) == node.fingerprint
    certificate.verify_directly_issued_by(certificate)
    assert certificate.version == x509.Version.v3 and not list(certificate.subject) and not list(certificate.issuer)
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical and names.value.get_values_for_type(x509.DNSName) == [node.fingerprint], "the Go peer looks for it there"
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert len(list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)) == 2


def test_the_certificate_stands_for_the_key(quiet):
    check_certificate(quiet)


def test_an_rsa_identity(make_node, tmp_path):
    export = FIXTURES / "secret/carol.gpg"
    node = make_node().init("--import", export).start()
    assert node.fingerprint == CAROL.fingerprint
    check_certificate(node)
    with connect(node, pem("gina")) as connection:
        assert ask(connection, node) == 200
    assert tls(node)["identified"] == 1


def test_a_key_that_tls_cannot_use(make_node, gnupg, tmp_path):
    gnupg.run("--passphrase", "", "--quick-generate-key", "nist", "nistp256", "sign,cert", "0")
    export = tmp_path / "nist.gpg"
    export.write_bytes(gnupg.run("--export-secret-keys").stdout)
    node = make_node().init("--import", export)
    result = node.command("run", "--board", node.board, "--state", node.state, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", check=False, timeout=30)
    assert "Ed25519" in one_sentence(result, "dataError")


# What is served


def test_curl_gets_over_tls_what_it_gets_without(quiet):
    for name in ("small", "large"):
        over_tls = quiet.curl("-k", "--tlsv1.3", "--cert", pem("gina"), quiet.secure_url(f"/{name}.bin.pgp")).stdout
        assert over_tls == quiet.fetch(f"{name}.bin.pgp")
    part = quiet.curl("-k", "-r", "1000000-2000000", quiet.secure_url("/large.bin.pgp")).stdout
    assert part == quiet.fetch("large.bin.pgp")[1_000_000:2_000_001]
    seen = quiet.curl("-k", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_version} %{num_connects} %{response_code};",
                      quiet.secure_url(), quiet.secure_url("/nothing.pgp")).stdout
    assert seen == b"1.1 1 200;1.1 0 404;", "two requests on one connection"


def test_requests_in_pieces_and_in_one(quiet):
    with connect(quiet) as connection:
        request = f"GET /p2p/{quiet.fingerprint}/small.bin.pgp HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        for octet in request[:40]:
            connection.sendall(bytes([octet]))
        connection.sendall(request[40:] + request + request)
        answer = b""
        while answer.count(b"HTTP/1.1 200") < 3 or not answer.endswith(quiet.fetch("small.bin.pgp")):
            answer += receive(connection)


def test_a_slow_reader_gets_every_octet(quiet):
    with connect(quiet) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET /p2p/{quiet.fingerprint}/large.bin.pgp HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        time.sleep(0.5)  # until the node has to wait
        answer = b""
        while part := connection.recv(3000):
            answer += part
    assert answer.partition(b"\r\n\r\n")[2] == quiet.fetch("large.bin.pgp")


# Who the peer is


@pytest.mark.parametrize("identity", ["gina", "carol"])
def test_a_certificate_identifies(quiet, identity):
    with connect(quiet, pem(identity)) as connection:
        assert ask(connection, quiet) == 200
    with connect(quiet) as connection:
        assert ask(connection, quiet) == 200
    assert (tls(quiet)["handshakes"], tls(quiet)["identified"]) == (2, 1)


def test_names_in_certificates_say_nothing(quiet):
    """A key of one's own under a friend's name is that key; for a kind of key that was not asked for OpenSSL shows nothing at all, so the
    friend's certificate behind it helps nobody."""
    with connect(quiet, pem("forged-name")) as connection:
        assert ask(connection, quiet) == 200
    assert tls(quiet)["identified"] == 1
    with connect(quiet, pem("forged-chain")) as connection:
        assert ask(connection, quiet) == 200
    assert tls(quiet)["identified"] == 1


def test_a_certificate_without_its_key(quiet, tmp_path):
    """The public half of the victim's key with another secret half: OpenSSL compares the public ones only."""
    real = CAROL.key.private_numbers()
    key = rsa.RSAPrivateNumbers(real.p, real.q, real.d - 2, real.dmp1 - 2, real.dmq1 - 2, real.iqmp, real.public_numbers).private_key(
        unsafe_skip_rsa_key_validation=True)
    stolen = tmp_path / "stolen.pem"
    stolen.write_bytes(CAROL.certificate().public_bytes(serialization.Encoding.PEM) + certificates.private_pem(key))
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)), connect(quiet, stolen) as connection:
        ask(connection, quiet)  # in TLS 1.3 a client hears of the refusal with its first answer
    wait_until(lambda: tls(quiet)["failed"] == 1, "the refusal")
    assert tls(quiet)["identified"] == 0


# What friends see


@pytest.fixture
def with_friends(quiet, tmp_path):
    """A node with gina and carol as friends, a file for each, and two versions of a third: the first for both, the second for gina."""
    for name in ("gina", "carol"):
        key = "gnupg24-gina" if name == "gina" else "ref-carol"
        quiet.command("friend add", "--group", "viewers", FIXTURES / f"keys/{key}.asc")
        (tmp_path / "private").write_bytes(b"for " + name.encode())
        quiet.command("publish", "--to", IDENTITIES[name], "--name", f"for-{name}.json.pgp", tmp_path / "private")
    for number, to in ((1, ["gina", "carol"]), (2, ["gina"])):
        (tmp_path / "private").write_bytes(b"version %d" % number)
        quiet.command("publish", *(word for name in to for word in ("--to", IDENTITIES[name])), "--name", "both.json.pgp", tmp_path / "private")
    wait_until(lambda: {"for-gina.json.pgp", "for-carol.json.pgp", "both.json.pgp"} <= set(seen_by(quiet, "gina") + seen_by(quiet, "carol")), "publishing")
    wait_until(lambda: quiet.status()["content"]["versions"] == 1, "the version")
    return quiet


IDENTITIES = {"gina": "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c", "carol": CAROL.fingerprint}


def curl(node, path, identity=None, *arguments):
    certificate = ["--cert", pem(identity)] if identity else []
    return node.curl("-k", "-i", *certificate, *arguments, node.secure_url(path)).stdout


def seen_by(node, identity):
    body = curl(node, "", identity).partition(b"\r\n\r\n")[2]
    return [entry["path"].rsplit("/", 1)[1] for entry in json.loads(body)]


def without_date(response):
    return re.sub(rb"Date: [^\r]*\r\n", b"", response)


def test_each_sees_what_is_theirs(with_friends):
    node = with_friends
    public = {"device.json.pgp", "vocabulary-1.json.pgp", "small.bin.pgp", "large.bin.pgp"}
    assert set(seen_by(node, "gina")) == public | {"for-gina.json.pgp", "both.json.pgp"}
    assert set(seen_by(node, "carol")) == public | {"for-carol.json.pgp"}
    assert set(seen_by(node, None)) == set(seen_by(node, "forged-name")) == set(node.names()) == public
    private = (node.own / "for-gina.json.pgp").read_bytes()
    assert curl(node, "/for-gina.json.pgp", "gina").endswith(private)


def test_what_is_another_s_does_not_exist(with_friends):
    node = with_friends
    version = next((node.own / "both.json.pgp.versions").iterdir()).name.removesuffix(".pgp")
    assert curl(node, f"/both.json.pgp.version/{version}", "carol").startswith(b"HTTP/1.1 200"), "it was for carol too"
    asked = [("/for-gina.json.pgp", "carol"), ("/for-gina.json.pgp", None), ("/for-gina.json.pgp", "forged-name"), ("/both.json.pgp", "carol"),
             (f"/both.json.pgp.version/{version}", None)]
    answers = [without_date(curl(node, *each)) for each in asked]
    plain = without_date(node.curl("-i", node.url("/for-gina.json.pgp")).stdout)
    for path in (node.own / "for-gina.json.pgp", node.own / "both.json.pgp", *(node.own / "both.json.pgp.versions").iterdir()):
        path.unlink()
    wait_until(lambda: "both.json.pgp" not in seen_by(node, "gina"), "the removal")
    assert answers == [without_date(curl(node, *each)) for each in asked]
    assert plain == without_date(node.curl("-i", node.url("/for-gina.json.pgp")).stdout)
    assert all(answer.startswith(b"HTTP/1.1 404") for answer in answers)


def test_a_removed_friend_loses_its_rights_on_an_open_connection(with_friends):
    with connect(with_friends, pem("gina")) as connection:
        assert ask(connection, with_friends, "/for-gina.json.pgp") == 200
        with_friends.command("friend remove", IDENTITIES["gina"])
        wait_until(lambda: with_friends.status()["friends"] == 1, "the removal")
        assert ask(connection, with_friends, "/for-gina.json.pgp") == 404
        assert ask(connection, with_friends, "/small.bin.pgp") == 200


def test_a_key_with_another_s_subkey_is_refused(with_friends, tmp_path, gnupg):
    node = with_friends
    thief = Identity((FIXTURES / "secret/alice.gpg").read_bytes())
    for victim in (FIXTURES / "secret/gina.gpg").read_bytes(), gnupg.decrypt_account(node.account, node.passphrase):
        key = tmp_path / "thief.gpg"
        key.write_bytes(certificates.carrying_foreign_subkey(thief, victim))
        listing = gnupg.run("--with-colons", "--show-keys", key).stdout.decode()
        assert listing.count("\nsub:") == 1 and "\nsub:i" not in listing, "gpg does not believe the binding signature"
        assert Identity(victim).fingerprint in one_sentence(node.command("friend add", key, check=False), "dataError")
    assert node.status()["friends"] == 2


def test_resumption_brings_the_peer_back(quiet):
    context = client_context(pem("gina"))
    with connect(quiet, context=context) as first:
        assert ask(first, quiet) == 200
        session = first.session
    with connect(quiet, context=context, session=session) as second:
        assert ask(second, quiet) == 200 and second.session_reused
    counts = tls(quiet)
    assert (counts["handshakes"], counts["resumed"], counts["identified"]) == (2, 1, 2)
    quiet.stop()
    quiet.start()
    with connect(quiet, context=context, session=session) as third:
        assert ask(third, quiet) == 200 and not third.session_reused, "the key of tickets outlived the process"


# What is refused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2])
def test_older_versions_are_refused_with_the_right_alert(quiet, version):
    context = client_context(maximum_version=version, minimum_version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="protocol.version"):
        connect(quiet, context=context)


def test_only_protocols_that_are_spoken(quiet):
    with pytest.raises(ssl.SSLError, match="(?i)application.protocol"):
        connect(quiet, protocols=["smtp"])


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client_context().wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@pytest.mark.parametrize("octets", [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x80\x2e\x01\x00\x02", bytes(1000), b"\x16\x03\x01\x45\x00" + bytes(100), b"\x16\x03\x01\x00\x00",
    b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(0x3FFC) + b"\x16\x03\x01\x40\x00" + bytes(0x4000),
    client_hello()[:-1] + b"\xff", client_hello() + client_hello(), b"\x15\x03\x01\x00\x02\x02\x28", b"\x17\x03\x03\x00\x05hello",
], ids=["http", "ssl2", "zeros", "long-record", "empty-record", "long-message", "last-octet", "two-hellos", "alert", "data"])
def test_what_is_no_handshake(quiet, octets):
    with socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE) as connection:
        connection.sendall(octets)
        answer = b""
        try:
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except OSError:  # the node was quicker
            pass
    # Nothing, an alert (type 21), or our side of a handshake that goes nowhere: never an HTTP response.
    assert b"HTTP" not in answer and answer[:1] in (b"", b"\x15", b"\x16")
    wait_until(lambda: tls(quiet)["failed"] == 1 and tls(quiet)["underWay"] == 0, "the failure")
    with connect(quiet) as connection:
        assert ask(connection, quiet) == 200


def test_a_hello_that_stops_anywhere(quiet):
    hello = client_hello()
    lengths = range(1, len(hello), 23)
    for start in range(0, len(lengths), 4):  # no more at once than one network may have
        for length in lengths[start:start + 4]:
            with socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE) as connection:
                connection.sendall(hello[:length])
        wait_until(lambda: tls(quiet)["underWay"] == 0, "the end of the handshakes")
    assert tls(quiet)["failed"] == len(lengths)


# Bounds


def test_who_says_nothing_is_left(quiet):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE) as silent, \
            socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE) as slow:
        slow.sendall(client_hello()[:100])
        assert silent.recv(1) == b"" and slow.recv(1) == b""
    assert 9 < time.monotonic() - began < 13
    assert tls(quiet)["timeouts"] == 2


def test_half_open_connections_keep_nobody_out(quiet):
    memory = quiet.status()["memory"]["privateDirtyKiB"]
    hello = client_hello()
    half = []
    try:
        for number in range(300):
            connection = socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE, source_address=(f"127.0.1.{1 + number // 6}", 0))
            connection.sendall(hello)  # what costs the node most: a ticket-less hello that it answers in full
            half.append(connection)
        with connect(quiet, pem("gina")) as connection:
            assert ask(connection, quiet) == 200
        counts = tls(quiet)
        assert counts["underWay"] <= 32 and counts["evicted"] >= 260
        assert quiet.status()["memory"]["privateDirtyKiB"] - memory < 1024
    finally:
        for connection in half:
            connection.close()


def test_one_network_takes_only_its_share_of_handshakes(quiet):
    half = [socket.create_connection(("127.0.0.1", quiet.secure_port), PATIENCE, source_address=("127.0.2.1", 0)) for _ in range(12)]
    wait_until(lambda: tls(quiet)["refused"] == 4, "the refusal of four")
    assert tls(quiet)["underWay"] == 8
    with connect(quiet) as connection:
        assert ask(connection, quiet) == 200
    for connection in half:
        connection.close()


def test_thirty_two_connections_take_at_most_a_mebibyte(quiet):
    before = quiet.status()["memory"]["privateDirtyKiB"]
    context = client_context(pem("gina"))
    connections = [connect(quiet, context=context, source=f"127.0.0.{10 + number // 7}") for number in range(32)]
    for connection in connections:
        assert ask(connection, quiet, "/small.bin.pgp") == 200
    assert quiet.status()["memory"]["privateDirtyKiB"] - before <= 1024
    for connection in connections:
        connection.close()


# The secret


@needs_root
def test_the_signing_seed_is_in_memory_once_locked_and_undumped(quiet, gnupg):
    with connect(quiet, pem("gina")) as connection:
        assert ask(connection, quiet) == 200
    export = gnupg.decrypt_account(quiet.account, quiet.passphrase)
    seed = Identity(export).key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    found, flags = [], {}
    with open(f"/proc/{quiet.pid}/smaps") as maps:
        region = None
        for line in maps:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+) ", line):
                region = int(match[1], 16), int(match[2], 16)
            elif re.match(r"[0-9a-f]+-", line):
                region = None
            elif line.startswith("VmFlags:") and region:
                flags[region] = line.split()[1:]
    with open(f"/proc/{quiet.pid}/mem", "rb") as memory:
        for start, end in flags:
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:  # [vvar]
                continue
            found += [(start, end)] * (content.count(seed) + content.count(seed[::-1]))
    assert len(found) == 1, f"the seed is in memory {len(found)} times"
    assert "lo" in flags[found[0]] and "dd" in flags[found[0]], "not locked, or in core dumps"
