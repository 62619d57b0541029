"""A controller with nothing but gpg and curl: what docs/commands.md tells a client to do."""
import base64
import json
import secrets
import subprocess
import time
from datetime import datetime, timezone


def date(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Controller:
    """A friend of a node, in the group controllers unless said otherwise."""

    def __init__(self, node, gnupg, name="controller", groups=("controllers",)):
        self.node, self.gnupg = node, gnupg
        self.fingerprint = gnupg.new_key(name)
        key = gnupg.run("--export", self.fingerprint.upper()).stdout
        self.key_file = node.directory / f"{name}.pgp"
        self.key_file.write_bytes(key)
        for group in groups:
            node.command("friend add", *(["--group", group] if group else []), self.key_file)
        self.names = 0

    @classmethod
    def known(cls, node, gnupg, fingerprint):
        """Somebody with a key that the node comes to know without the test's help."""
        self = cls.__new__(cls)
        self.node, self.gnupg, self.fingerprint, self.names = node, gnupg, fingerprint, 0
        return self

    def text(self, value=1, target="led", start=None, **changes):
        """The JSON of a command of now."""
        device = changes.pop("device_fingerprint", self.node.fingerprint)
        document = {
            "@context": "https://w3id.org/maud/1", "@type": "Command", "device": f"mau:{device}", "identifier": secrets.token_hex(16),
            "object": {"@type": "PropertyValue", "propertyID": f"mau:{device}#{target}", "value": value}, "startTime": date(start or time.time()), **changes}
        return json.dumps(document).encode()

    def sign(self, text, recipients=None, hidden=(), extra=()):
        """Signed and encrypted by stock gpg, to the device alone unless said otherwise."""
        arguments = []
        for recipient in recipients if recipients is not None else [self.node.fingerprint]:
            arguments += ["--recipient", recipient.upper()]
        for recipient in hidden:
            arguments += ["--hidden-recipient", recipient.upper()]
        return self.gnupg.run("--local-user", self.fingerprint.upper(), *arguments, *extra, "--output", "-", "--sign", "--encrypt", input=text).stdout

    def url(self, name=None, sender=None):
        self.names += 1
        return f"http://127.0.0.1:{self.node.port}/p2p/{sender or self.fingerprint}/{name or f'c-{self.names}.json.pgp'}"

    def put(self, file, name=None, sender=None, prefer=True, *arguments):
        """(status, headers, body) of a PUT."""
        return self.node.get(self.url(name, sender), "-H", "Expect:", *(["-H", "Prefer: return=representation"] if prefer else []), "-X", "PUT", "-H",
                             "Content-Type: application/octet-stream", "--data-binary", self.temporary(file), *arguments)

    def temporary(self, file):
        path = self.node.directory / f"put-{secrets.token_hex(4)}"
        path.write_bytes(file)
        return f"@{path}"

    def command(self, value=1, target="led", **changes):
        """Sends a command; (status, answer as JSON, the command's JSON)."""
        text = self.text(value, target, **changes)
        status, headers, body = self.put(self.sign(text))
        return status, self.answer(headers, body), json.loads(text)

    def change(self, kind, fingerprint, key=None, **changes):
        """Sends a command about controllers or a key; (status, answer as JSON, the command's JSON)."""
        text = self.change_text(kind, fingerprint, key, **changes)
        status, headers, body = self.put(self.sign(text))
        return status, self.answer(headers, body), json.loads(text)

    def change_text(self, kind, fingerprint, key=None, **changes):
        subject = {"@type": "PublicKey", "identifier": fingerprint, **({"text": base64.b64encode(key).decode()} if key is not None else {})}
        return self.text(**{"@type": kind, "object": subject, **changes})

    def answer(self, headers, body):
        """The verified answer in a response; None without one."""
        if headers.get("preference-applied") != "return=representation":
            return None
        plain, signer = self.gnupg.open(body)
        assert signer == self.node.fingerprint
        return json.loads(plain)

    def stored_answer(self, identifier):
        plain, signer = self.gnupg.open((self.node.own / f"a-{identifier}.json.pgp").read_bytes())
        assert signer == self.node.fingerprint
        return json.loads(plain)

    def led(self):
        return self.node.status()["actuators"]["led"]
