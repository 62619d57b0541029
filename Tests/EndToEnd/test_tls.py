"""TLS with OpenPGP identities (docs/tls.md): the handshake, who is who, what is refused; curl and OpenSSL are the other end."""
import re
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import certificates
from certificates import fingerprint_of
from harness import FIXTURES, PATIENCE, one_sentence, wait_until
from tls_client import CAROL, ask, client_context, client_hello, connect, pem, quiet, receive, tls  # noqa: F401


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
    seen = quiet.curl("-k", "--http1.1", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_version} %{num_connects} %{response_code};",
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
