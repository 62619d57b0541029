"""A claimer written from docs/claim.md alone, on OpenSSL (Python's ssl): the other half of first contact."""
import hmac
import http.client
import re
import secrets
import ssl
import time

from cryptography import x509

from certificates import Identity, fingerprint_of
from harness import PATIENCE, REPOSITORY

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def canonical(text):
    """2.1: the 20 digits of a code, however it was written."""
    code = text.upper().replace("-", "").replace(" ", "").translate(str.maketrans("ILO", "110"))
    assert len(code) == 20 and set(code) <= set(DIGITS), text
    return code


def key_of(code):
    """3.3: HKDF-SHA-256 without salt, one block."""
    first = hmac.digest(bytes(32), canonical(code).encode(), "sha256")
    return hmac.digest(first, b"mau claim 1" + b"\x01", "sha256")


def proof(code, role, claimer, node, nonces):
    """3.3. Fingerprints in hexadecimal, role "C" or "N"."""
    return hmac.digest(key_of(code), role.encode() + bytes.fromhex(claimer) + bytes.fromhex(node) + nonces, "sha256")


class Claimer:
    """Somebody with a key of their own, which gpg made and a certificate of it proves."""

    def __init__(self, gnupg, directory, name="claimer"):
        self.gnupg, self.name = gnupg, name
        self.fingerprint = gnupg.new_key(name)
        self.key = gnupg.run("--export", self.fingerprint.upper()).stdout
        self.certificate = directory / f"{name}.pem"
        self.certificate.write_bytes(Identity(gnupg.run("--export-secret-keys", self.fingerprint.upper()).stdout).pem())

    def connect(self, port, address="127.0.0.1", certificate=True):
        """A connection; `node` of it is the fingerprint that the other end has proven."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(self.certificate)
        connection = http.client.HTTPSConnection(address, port, timeout=PATIENCE, context=context)
        connection.connect()
        connection.node = fingerprint_of(x509.load_der_x509_certificate(connection.sock.getpeercert(True)))
        return connection

    def ask(self, connection, method, path, body=None, node=None):
        """(status, body, headers) of one request; 3.6: a node that has just begun is asked again after a second."""
        for _ in range(PATIENCE):
            connection.request(method, f"/p2p/{node or connection.node}/{path}", body)
            response = connection.getresponse()
            answer = response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
            if response.status != 503:
                break
            time.sleep(int(answer[2]["retry-after"]))
        return answer

    def nonces(self, connection):
        """3.1, step 1, and the claimer's own."""
        status, nonce, _ = self.ask(connection, "GET", "challenge")
        assert status == 200 and len(nonce) == 16
        return nonce + secrets.token_bytes(16)

    def attempt(self, code, node, nonces, claimer=None):
        """3.2"""
        return "claim-" + (nonces + proof(code, "C", claimer or self.fingerprint, node, nonces)).hex()

    def prove(self, connection, code):
        """Steps 1 and 2: (status, the attempt, the node's key, which is proven)."""
        nonces = self.nonces(connection)
        attempt = self.attempt(code, connection.node, nonces)
        status, body, _ = self.ask(connection, "GET", attempt)
        if status != 200:
            return status, attempt, None
        assert hmac.compare_digest(body[:32], proof(code, "N", self.fingerprint, connection.node, nonces)), "3.4: no node with this code"
        return status, attempt, body[32:]

    def claim(self, port, code, key=None, **options):
        """The status with which it ended; the node's key is in the keyring when it is 201."""
        connection = self.connect(port, **options)
        try:
            status, attempt, node_key = self.prove(connection, code)
            if status == 200:
                self.gnupg.import_key(node_key)
                assert connection.node in self.gnupg.fingerprints(), "3.4: the key of somebody else"
                status, body, _ = self.ask(connection, "PUT", attempt, self.key if key is None else key)
                assert status != 201 or body == b""
            return status
        finally:
            connection.close()


def vectors():
    """docs/claim.md, 3.8: what the table says and what this computes."""
    table = dict(re.findall(r"^\| ([A-Za-z' ]+) \| `([0-9a-f]+)` \|$", (REPOSITORY / "docs/claim.md").read_text(), re.MULTILINE))
    code, nonces = "01234-56789-ABCDE-FGHJK", bytes.fromhex(table["node's nonce"] + table["claimer's nonce"])
    claimer, node = table["claimer's fingerprint"], table["node's fingerprint"]
    return table, {"K": key_of(code).hex(), "claimer's proof": proof(code, "C", claimer, node, nonces).hex(), "node's proof": proof(code, "N", claimer, node, nonces).hex()}
