"""A node under test: the real binary with the real gpg, looked at through curl and a GnuPG of the test's own."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "Tests/Fixtures"
MAUD = Path(os.environ.get("MAUD", REPOSITORY / "out/linux-host/maud"))
SIMULATOR = REPOSITORY / "boards/simulator/board.json"
SYSEXITS = {"usage": 64, "dataError": 65, "noInput": 66, "unavailable": 69, "cannotCreate": 73, "inputOutput": 74, "temporary": 75,
            "noPermission": 77, "configuration": 78}
# One run's working directories: what it leaves is told from what another run leaves.
RUNTIME_PREFIX = f"/dev/shm/maud-test-{os.getpid()}-"
PATIENCE = 30  # seconds until a thing that should happen at once counts as not happening


def wait_until(condition, what, patience=PATIENCE):
    """Waits for condition() to be true and returns its value; an AssertionError names what did not happen."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {patience} s")


class GnuPG:
    """A stock gpg with a keyring of its own, at the real time."""

    def __init__(self, home):
        self.home = Path(home)
        self.home.mkdir(mode=0o700)

    def run(self, *arguments, input=None, check=True):
        return subprocess.run(["gpg", "--homedir", self.home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--trust-model", "always",
                               *map(str, arguments)], input=input, capture_output=True, check=check)

    def import_key(self, key):
        self.run("--import", input=key)

    def open(self, data):
        """(plaintext, fingerprint of the primary key that signed) of a message that must verify."""
        result = self.run("--status-fd", "2", "--decrypt", input=data, check=False)
        status = result.stderr.decode(errors="replace")
        valid = re.search(r"\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$", status, re.MULTILINE)
        assert result.returncode == 0 and valid and "GOODSIG" in status, f"gpg does not verify:\n{status}"
        return result.stdout, valid[1].lower()

    def new_key(self, name):
        """A new Ed25519 and cv25519 identity without passphrase; its fingerprint."""
        self.run("--passphrase", "", "--quick-generate-key", f"{name} <{name}@example.org>", "ed25519", "sign,cert", "0")
        fingerprint = self.fingerprints()[-1]
        self.run("--passphrase", "", "--quick-add-key", fingerprint.upper(), "cv25519", "encr", "0")
        return fingerprint

    def fingerprints(self):
        listing = self.run("--with-colons", "--list-keys").stdout.decode()
        return [line.split(":")[9].lower() for line in re.sub(r"\nsub:[^\n]*\nfpr:[^\n]*", "", listing).splitlines() if line.startswith("fpr:")]

    def decrypt_account(self, account, passphrase):
        """The transferable secret key inside an account file."""
        return self.run("--passphrase", passphrase, "--decrypt", account).stdout

    def weaken_passphrase(self, account, passphrase):
        """Writes an account with the least S2K count that gpg writes (it takes 1024, whose code is 0, for none), so that a test may open it hundreds of times."""
        plain = self.decrypt_account(account, passphrase)
        account.write_bytes(self.run("--passphrase", passphrase, "--s2k-count", "1088", "--compress-algo", "none", "--output", "-", "--symmetric", input=plain).stdout)

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], capture_output=True)


class Node:
    """One Mau directory and the daemon that serves it."""

    def __init__(self, directory, board=SIMULATOR, maud=(MAUD,), environment=None, runtime=None):
        self.directory = Path(directory)
        self.root, self.state = self.directory / "root", self.directory / "state"
        self.passphrase_file = self.directory / "passphrase"
        self.passphrase = "correct horse battery staple " + self.directory.name
        self.board = board
        self.maud = [str(part) for part in maud]
        self.environment = environment or {}
        # In memory, as the node demands, and known to the test, which looks into it.
        self.runtime = Path(runtime or tempfile.mkdtemp(prefix=RUNTIME_PREFIX.rsplit("/", 1)[1], dir="/dev/shm"))
        self.process = None
        self.fingerprint = self.port = None
        self.directory.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700)
        self.write_passphrase(self.passphrase)

    # Commands

    def write_passphrase(self, text):
        self.passphrase = text
        self.passphrase_file.write_text(text + "\n")
        self.passphrase_file.chmod(0o600)

    def write_board(self, **changes):
        """A board of its own: the simulator's with changes."""
        board = json.loads(SIMULATOR.read_text())
        board.update(changes)
        board.pop("$schema", None)
        self.board = self.directory / "board.json"
        self.board.write_text(json.dumps(board, indent=2))

    def command(self, verb, *arguments, check=True, input=None, wrapper=(), identity=True, environment=None, timeout=120):
        line = [*wrapper, *self.maud, *verb.split(), "--runtime", self.runtime]
        if identity:
            line += ["--root", self.root, "--passphrase-file", self.passphrase_file]
        result = subprocess.run([word if isinstance(word, bytes) else str(word) for word in line + list(arguments)], input=input, capture_output=True, timeout=timeout,
                                env={**os.environ, **self.environment, **(environment or {})})
        if check:
            assert result.returncode == 0, f"maud {verb} exited with {result.returncode}: {result.stderr.decode(errors='replace')}"
        return result

    def init(self, *arguments, name="Test board"):
        self.command("init", *([] if "--import" in arguments else ["--name", name]), *arguments)
        self.fingerprint = self.command("fingerprint").stdout.decode().strip()
        assert re.fullmatch(r"[0-9a-f]{40}", self.fingerprint)
        return self

    def public_key(self):
        return self.command("export").stdout

    @property
    def account(self):
        return self.root / ".mau/account.pgp"

    @property
    def own(self):
        return self.root / self.fingerprint

    def weaken_passphrase(self, gnupg):
        """So that a test may start the node hundreds of times."""
        gnupg.weaken_passphrase(self.account, self.passphrase)

    # The daemon

    def start(self, *arguments, wrapper=(), environment=None, http="127.0.0.1:0", https="127.0.0.1:0", wait=True):
        line = [*wrapper, *self.maud, "run", "--root", self.root, "--passphrase-file", self.passphrase_file, "--board", self.board,
                "--state", self.state, "--runtime", self.runtime, "--http", http, "--https", https, *arguments]
        self.log = open(self.directory / "log", "ab")
        self.process = subprocess.Popen([str(word) for word in line], stdout=subprocess.PIPE, stderr=self.log, cwd=self.directory,
                                        env={**os.environ, **self.environment, **(environment or {})})
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        line = self.process.stdout.readline().decode()
        match = re.match(r"ready fingerprint=([0-9a-f]{40}) http=(\S+):([0-9]+)(?: https=\S+:([0-9]+))?\n$", line)
        assert match, f"maud run said {line!r}; its log:\n{self.log_text()}"
        self.fingerprint, self.port = match[1], int(match[3])
        self.secure_port = match[4] and int(match[4])

    @property
    def pid(self):
        """The daemon's process, also when a wrapper (qemu, unshare) started it."""
        return self.process.pid

    def log_text(self):
        return (self.directory / "log").read_text(errors="replace")

    def stop(self, number=signal.SIGTERM):
        """Ends the daemon and returns its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return status

    def status(self):
        return json.loads(self.command("status", "--state", self.state, identity=False).stdout)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        subprocess.run(["find", self.runtime, "-name", "S.gpg-agent", "-execdir", "gpgconf", "--homedir", ".", "--kill", "all", ";"],
                       capture_output=True)
        shutil.rmtree(self.runtime, ignore_errors=True)

    # What it serves

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}/p2p/{self.fingerprint}{path}"

    def secure_url(self, path=""):
        return f"https://127.0.0.1:{self.secure_port}/p2p/{self.fingerprint}{path}"

    def curl(self, *arguments, check=True):
        result = subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE), *map(str, arguments)], capture_output=True)
        if check:
            assert result.returncode == 0, result.stderr.decode()
        return result

    def get(self, path="", *arguments):
        """(status, headers by lower-case name, body) of one request by curl."""
        output = self.curl("-i", *arguments, path if path.startswith("http") else self.url(path)).stdout
        head, _, body = output.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, body

    def listing(self, query="", *arguments):
        status, _, body = self.get(query, *arguments)
        assert status == 200, f"the listing answers {status}"
        return json.loads(body)

    def names(self, pattern=""):
        return [name for name in (entry["path"].rsplit("/", 1)[1] for entry in self.listing()) if re.search(pattern, name)]

    def fetch(self, name):
        status, _, body = self.get("/" + name)
        assert status == 200, f"{name} answers {status}"
        return body

    def wait_for(self, pattern, count=1):
        """The names that match, once there are so many."""
        def enough():
            found = self.names(pattern)
            return found if len(found) >= count else None
        return wait_until(enough, f"the publication of {count} files like {pattern}")

    def verified(self, gnupg, name):
        """The plaintext of a served file, which must be signed by this node."""
        plain, signer = gnupg.open(self.fetch(name))
        assert signer == self.fingerprint
        return plain


def snapshot(node):
    """Every file of a Mau directory and what it holds."""
    return {path.relative_to(node.root): path.read_bytes() for path in node.root.rglob("*") if path.is_file()}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def one_sentence(result, code):
    """Checks that a command failed the way bad input deserves: this exit code, one clear line on standard error, nothing on output."""
    text = result.stderr.decode(errors="replace")
    lines = [line for line in text.splitlines() if line]
    assert result.returncode == SYSEXITS[code], f"exit {result.returncode}, not {SYSEXITS[code]} ({code}): {text}"
    assert len(lines) == 1 and lines[0].startswith("maud"), f"not one sentence: {text!r}"
    assert "cannot print value" not in text, "a piece of the sentence that Embedded Swift cannot write"
    assert result.stdout == b""
    return lines[0]
