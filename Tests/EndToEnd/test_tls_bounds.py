"""The bounds of TLS, and where its secret lies (docs/tls.md, sections 6 and 7)."""
import re
import socket
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from certificates import Identity
from conftest import needs_root
from harness import FIXTURES, PATIENCE, wait_until
from tls_client import ask, client_context, client_hello, connect, pem, quiet, tls  # noqa: F401



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
    wait_until(lambda: tls(quiet)["evicted"] == 4, "the end of four")
    assert tls(quiet)["underWay"] == 8
    for source in ("127.0.0.1", "127.0.2.1"):  # who sits beside them is not kept out either
        with connect(quiet, source=source) as connection:
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


def secrets(identity):
    """The numbers that nobody else may know, as octets."""
    if isinstance(identity.key, rsa.RSAPrivateKey):
        key = identity.key.private_numbers()
        return [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (key.d, key.p, key.q, key.dmp1, key.dmq1, key.iqmp)]
    return [identity.key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())]


@needs_root
@pytest.mark.parametrize("imported", [[], ["--import", FIXTURES / "secret/carol.gpg"]], ids=["ed25519", "rsa"])
def test_the_signing_key_is_in_memory_once_locked_and_undumped(make_node, gnupg, imported):
    node = make_node().init(*imported).start()
    with connect(node, pem("gina")) as connection:
        assert ask(connection, node) == 200
    flags = {}
    with open(f"/proc/{node.pid}/smaps") as maps:
        region = None
        for line in maps:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+) ", line):
                region = int(match[1], 16), int(match[2], 16)
            elif re.match(r"[0-9a-f]+-", line):
                region = None
            elif line.startswith("VmFlags:") and region:
                flags[region] = line.split()[1:]
    for secret in secrets(Identity(gnupg.decrypt_account(node.account, node.passphrase))):
        found = []
        with open(f"/proc/{node.pid}/mem", "rb") as memory:
            for start, end in flags:
                try:
                    memory.seek(start)
                    content = memory.read(end - start)
                except OSError:  # [vvar]
                    continue
                found += [(start, end)] * (content.count(secret) + content.count(secret[::-1]))
        assert len(found) == 1, f"a secret is in memory {len(found)} times"
        assert "lo" in flags[found[0]] and "dd" in flags[found[0]], "not locked, or in core dumps"
