"""A person at a PC: a Mau directory of their own and the real `mau`."""
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import REPOSITORY, RUNTIME_PREFIX, SYSEXITS

MAU = Path(os.environ.get("MAU", REPOSITORY / "out/mau"))


class Person:
    """Nothing but `mau` touches the directory."""

    def __init__(self, directory, name="Ada"):
        self.directory = Path(directory)
        self.directory.mkdir()
        self.root = self.directory / "Mau"
        self.name = name
        self.passphrase_file = self.directory / "passphrase"
        self.passphrase = "a person's own passphrase"
        self.passphrase_file.write_text(self.passphrase + "\n")
        self.runtime = Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX.rsplit("/", 1)[1], dir="/dev/shm"))
        self.peers = []
        self.fingerprint = None

    @property
    def environment(self):
        return {**os.environ, "MAU_ROOT": str(self.root), "MAU_PASSPHRASE_FILE": str(self.passphrase_file), "MAU_PEERS": " ".join(self.peers),
                "XDG_RUNTIME_DIR": str(self.runtime), "RUNTIME_DIRECTORY": str(self.runtime)}

    def run(self, *words, code=0, environment=None, wrapper=(), timeout=120):
        """The output of a command that must end with this exit code."""
        result = subprocess.run([*wrapper, MAU, *map(str, words)], capture_output=True, timeout=timeout, env={**self.environment, **(environment or {})})
        assert result.returncode == code, f"mau {words} exited with {result.returncode}: {result.stdout.decode()}{result.stderr.decode()}"
        return result

    def text(self, *words, **options):
        return self.run(*words, **options).stdout.decode()

    def json(self, *words, **options):
        return json.loads(self.run(*words, "--json", **options).stdout)

    def sentence(self, code, *words, **options):
        """The one sentence with which a command fails."""
        result = self.run(*words, code=SYSEXITS[code], **options)
        lines = result.stderr.decode().splitlines()
        assert lines and lines[-1].startswith("mau: "), lines
        return lines[-1]

    def init(self):
        self.fingerprint = self.text("init", "--name", self.name).strip()
        assert re.fullmatch("[0-9a-f]{40}", self.fingerprint)
        return self

    def weaken_passphrase(self, gnupg):
        gnupg.weaken_passphrase(self.root / ".mau/account.pgp", self.passphrase)
        return self

    def meets(self, node, *groups, follows=True):
        """They get each other's public keys; the node has this person in its groups."""
        key, own = self.directory / f"{node.fingerprint}.pgp", node.directory / f"{self.fingerprint}.pgp"
        key.write_bytes(node.public_key())
        self.run("friend", "add", *(["--follow"] if follows else []), key)
        self.run("key", "--output", own)
        for group in groups or [None]:
            node.command("friend add", *(["--group", group] if group else []), own)
        return self

    def reaches(self, node):
        """From now on the address of the node is known, which says what it can do."""
        node.wait_for("^device")
        self.peers = [f"{node.fingerprint}=127.0.0.1:{node.secure_port}"]
        return self

    def files(self, node):
        return self.root / node.fingerprint

    def close(self):
        subprocess.run(["find", self.runtime, "-name", "S.gpg-agent", "-execdir", "gpgconf", "--homedir", ".", "--kill", "all", ";"], capture_output=True)
        shutil.rmtree(self.runtime, ignore_errors=True)
