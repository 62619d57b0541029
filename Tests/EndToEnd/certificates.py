"""TLS certificates of OpenPGP identities, made without the code under test (docs/tls.md).

As a program it makes Tests/Fixtures/tls and Tests/Fixtures/secret from the accounts in Tests/Fixtures: see main().
"""
import datetime
import hashlib
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from openpgp import packets

ED25519_CURVE = bytes.fromhex("092b06010401da470f01")


class Identity:
    """The primary key of a secret key export: creation time, fingerprint, private key."""

    def __init__(self, export):
        tag, body = next(iter(packets(export)))
        assert tag == 5 and body[0] == 4, "no secret key packet of version 4"
        self.export = export
        self.created = int.from_bytes(body[1:5], "big")
        if body[5] == 22:
            assert body[6:16] == ED25519_CURVE
            (_, secret), public = numbers(body, 16, 1, 1)
            self.key = ed25519.Ed25519PrivateKey.from_private_bytes(secret.to_bytes(32, "big"))
        else:
            (n, e, d, p, q, _), public = numbers(body, 6, 2, 4)
            self.key = rsa.RSAPrivateNumbers(p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
                                             rsa.RSAPublicNumbers(e, n)).private_key()
        self.fingerprint = hashlib.sha1(b"\x99" + public.to_bytes(2, "big") + body[:public]).hexdigest()

    def certificate(self, **changes):
        return make_certificate(self.key, self.created, name=self.fingerprint, **changes)

    def pem(self, **changes):
        return self.certificate(**changes).public_bytes(serialization.Encoding.PEM) + private_pem(self.key)


def numbers(body, position, public, secret):
    """The multiprecision integers of a secret key packet, and where its public part ends."""
    values = []
    end = None
    for index in range(public + secret):
        if index == public:
            end = position
            assert body[position] == 0, "the secret key is protected"
            position += 1
        octets = (int.from_bytes(body[position:position + 2], "big") + 7) // 8
        values.append(int.from_bytes(body[position + 2:position + 2 + octets], "big"))
        position += 2 + octets
    return values, end


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make_certificate(key, created, name=None, public_key=None, years=100):
    """Self-signed, as an identity's is; `created` is NotBefore in seconds since 1970."""
    start = datetime.datetime.fromtimestamp(created, datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(1)
               .public_key(public_key or key.public_key()).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=365 * years))
               .add_extension(x509.KeyUsage(True, False, True, False, False, False, False, False, False), critical=True)
               .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
               .add_extension(x509.BasicConstraints(False, None), critical=True))
    if name:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def fingerprint_of(certificate):
    """The version 4 fingerprint that a certificate stands for: its key, created at NotBefore."""
    def mpi(value):
        return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")
    key = certificate.public_key()
    created = int(certificate.not_valid_before_utc.timestamp()).to_bytes(4, "big")
    if isinstance(key, ed25519.Ed25519PublicKey):
        octets = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        body = b"\x04" + created + b"\x16" + ED25519_CURVE + mpi(int.from_bytes(b"\x40" + octets, "big"))
    else:
        numbers = key.public_numbers()
        body = b"\x04" + created + b"\x01" + mpi(numbers.n) + mpi(numbers.e)
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest()


def forged(victim):
    """A throw-away key that claims somebody's fingerprint, and the victim's creation time too."""
    key = ed25519.Ed25519PrivateKey.generate()
    return make_certificate(key, victim.created, name=victim.fingerprint).public_bytes(serialization.Encoding.PEM) + private_pem(key)


def forged_chain(victim):
    """An ECDSA key of one's own, with the victim's certificate as the second of the chain."""
    key = ec.generate_private_key(ec.SECP256R1())
    chain = [make_certificate(key, victim.created, name=victim.fingerprint), victim.certificate()]
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain) + private_pem(key)


def synthetic_export(seed, created):
    """A secret key export of Ed25519 made here: for seeds that GnuPG would make once in 256 times."""
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def mpi(octets):
        value = int.from_bytes(octets, "big")
        return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")
    secret = mpi(seed)
    body = b"\x04" + created.to_bytes(4, "big") + b"\x16" + ED25519_CURVE + mpi(b"\x40" + public) + b"\x00" + secret + (sum(secret) & 0xFFFF).to_bytes(2, "big")
    return b"\xc5" + bytes([len(body)]) + body


def packet(tag, body):
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def carrying_foreign_subkey(thief, victim_export):
    """The public key of `thief` (Ed25519) with the victim's encryption subkey, bound by a good signature of the thief's primary key, as
    anybody can make one."""
    own = [(tag, body) for tag, body in packets(thief.export)]
    primary = public_body(own[0][1], 16, 1)
    foreign = next(body for tag, body in packets(victim_export) if tag == 7 and body[5] == 18)
    subkey = public_body(foreign, 6 + 1 + foreign[6], 1)
    subkey += foreign[len(subkey):len(subkey) + 4]  # the parameters of its key derivation
    # What binds the thief's own subkey comes after it in the export: user id and self-signature are the first two.
    out = packet(6, primary) + b"".join(packet(tag, body) for tag, body in own[1:3])
    hashed = bytes([5, 2]) + (thief.created + 1).to_bytes(4, "big") + bytes([2, 27, 0x0C, 22, 33, 4]) + bytes.fromhex(thief.fingerprint)
    start = bytes([4, 0x18, 22, 8]) + len(hashed).to_bytes(2, "big") + hashed
    digest = hashlib.sha256(b"\x99" + len(primary).to_bytes(2, "big") + primary + b"\x99" + len(subkey).to_bytes(2, "big") + subkey
                            + start + b"\x04\xff" + len(start).to_bytes(4, "big")).digest()
    signature = thief.key.sign(digest)
    unhashed = bytes([9, 16]) + bytes.fromhex(thief.fingerprint)[12:]
    body = start + len(unhashed).to_bytes(2, "big") + unhashed + digest[:2]
    for half in (signature[:32], signature[32:]):
        value = int.from_bytes(half, "big")
        body += value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")
    return out + packet(14, subkey) + packet(2, body)


def public_body(body, position, integers):
    """The public part of a secret key packet whose numbers begin at `position`."""
    for _ in range(integers):
        position += 2 + (int.from_bytes(body[position:position + 2], "big") + 7) // 8
    return body[:position]


def open_account(account, passphrase, home):
    """The secret key export in an account file, exactly, by gpg."""
    line = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase]
    raw = subprocess.run([*line, "--unwrap", "--decrypt", str(account)], capture_output=True, check=True).stdout
    first, body = next(iter(packets(raw))) if raw[0] != 0xA3 else (8, None)
    if first == 8:  # compressed by gpg, and binary inside
        return subprocess.run([*line, "--decrypt", str(account)], capture_output=True, check=True).stdout
    return body[6 + body[1]:]


def main():
    """Writes secret/<user>.gpg, the secret key export of an account of the fixtures, and tls/<user>.pem, its certificate and key, and the forgeries."""
    import tempfile
    fixtures = Path(__file__).resolve().parents[1] / "Fixtures"
    secret, tls = fixtures / "secret", fixtures / "tls"
    secret.mkdir(exist_ok=True)
    tls.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for directory in ("ref/alice", "ref/carol", "gnupg24/gina", "gnupg24/prot"):
            user = Path(directory).name
            export = open_account(fixtures / directory / ".mau/account.pgp", f"fixture-{user}", home)
            (secret / f"{user}.gpg").write_bytes(export)
            if user != "prot":
                (tls / f"{user}.pem").write_bytes(Identity(export).pem())
    (secret / "leading-zero.gpg").write_bytes(synthetic_export(bytes(2) + bytes(range(1, 31)), 1_700_000_000))
    alice = Identity((secret / "alice.gpg").read_bytes())
    (tls / "forged-name.pem").write_bytes(forged(alice))
    (tls / "forged-chain.pem").write_bytes(forged_chain(alice))


if __name__ == "__main__":
    sys.exit(main())
