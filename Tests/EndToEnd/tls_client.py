"""A TLS client for tests: Python's ssl, that is OpenSSL, with certificates made in certificates.py."""
import re
import socket
import ssl

import pytest

from certificates import Identity
from harness import FIXTURES, PATIENCE

CAROL = Identity((FIXTURES / "secret/carol.gpg").read_bytes())  # RSA


def pem(name):
    return FIXTURES / f"tls/{name}.pem"


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


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client_context().wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@pytest.fixture
def quiet(node, tmp_path):
    """A running node without sensors, with a small and a large public file."""
    node.write_board(sensors=[], actuators=[])
    for name, size in (("small", 1000), ("large", 3_000_000)):
        (tmp_path / name).write_bytes(bytes(number * 7 & 0xFF for number in range(size)))
        node.command("publish", "--public", "--name", f"{name}.bin.pgp", tmp_path / name)
    node.start().wait_for("vocabulary")
    return node
