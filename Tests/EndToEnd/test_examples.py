"""What a newcomer does: `make run`, the commands it prints, examples/watch.sh."""
import http.server
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from harness import MAUD, PATIENCE, REPOSITORY, SIMULATOR, sha256, wait_until


@pytest.fixture
def start(tmp_path):
    """scripts/run.sh in a directory that looks like the repository; its output so far, and the process."""
    for name in ("boards", "examples"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "out/linux-host").mkdir(parents=True)
    (tmp_path / "out/linux-host/maud").symlink_to(MAUD)
    started = []

    def run():
        process = subprocess.Popen([REPOSITORY / "scripts/run.sh", SIMULATOR], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        started.append(process)
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline().decode()
            assert line, f"run.sh ended: {process.stderr.read().decode()}"
            text += line
        return process, text
    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    # The printed commands verify with a gpg of their own.
    for home in tmp_path.glob("*/gnupg"):
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True)


def interrupt(process):
    os.killpg(process.pid, signal.SIGINT)
    return process.wait(PATIENCE)


def test_make_run_and_the_commands_it_prints(start, tmp_path):
    process, text = start()
    fingerprint = re.search(r"fingerprint +([0-9a-f]{40})", text)[1]
    assert (tmp_path / "run/passphrase").stat().st_mode & 0o777 == 0o600
    commands = [line.strip() for line in text.splitlines() if re.match(r" +(curl|\(umask|\S+/maud )", line)]
    assert len(commands) == 4

    def shell(command):
        return subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    wait_until(lambda: "/r-temperature-" in shell(commands[0]).stdout, "a reading in the listing")
    shell(commands[1])
    fetched = shell(commands[2])
    assert fetched.returncode == 0 and '"ReadingBatch"' in fetched.stdout and "Good signature" in fetched.stderr, fetched.stderr
    watch = subprocess.Popen(["bash", "-c", commands[3]], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True,
                             env={**os.environ, "SECONDS_BETWEEN": "1"})
    lines = [watch.stdout.readline() for _ in range(5)]
    assert interrupt(watch) in (0, -signal.SIGINT, 130)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z\ttemperature\t[\d.]+ °C\n", line) for line in lines), lines
    assert len(set(lines)) == 5, "watch.sh printed a reading twice"
    assert interrupt(process) == 0
    # A second time: the same identity, another port when the first is taken.
    process, text = start()
    other, again = start_beside(tmp_path, start)
    assert fingerprint in text and again != re.search(r"localhost:(\d+)", text)[1]
    assert interrupt(process) == 0 and interrupt(other) == 0


def start_beside(tmp_path, start):
    """A second node, of another directory, while the first runs."""
    (tmp_path / "run").rename(tmp_path / "first")
    process, text = start()
    return process, re.search(r"localhost:(\d+)", text)[1]


class Impostor(http.server.BaseHTTPRequestHandler):
    """Serves one file as someone's reading, whoever signed it."""
    fingerprint = forged = None

    def do_GET(self):
        path = f"/p2p/{self.fingerprint}/r-temperature-000000000001.json.pgp"
        body = self.forged if self.path == path else json.dumps([{"path": path, "size": len(self.forged), "sum": sha256(self.forged)}]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_watch_prints_nothing_that_its_key_did_not_sign(node, tmp_path, gnupg):
    """A server that lies is found out: the file is named on standard error and not printed."""
    gnupg.new_key("someone")
    Impostor.forged = gnupg.run("--compress-algo", "none", "--output", "-", "--sign",
                                input=b'{"chain":"forged","readings":[{"observationDate":"x","value":1}],"unitText":""}').stdout
    Impostor.fingerprint = node.fingerprint
    (tmp_path / "key").write_bytes(node.public_key())
    server = http.server.HTTPServer(("127.0.0.1", 0), Impostor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    watch = subprocess.Popen([REPOSITORY / "examples/watch.sh", f"http://127.0.0.1:{server.server_port}/p2p/{node.fingerprint}", tmp_path / "key"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    line = watch.stderr.readline().decode()
    while "is not signed by" not in line:
        assert line, "watch.sh said nothing of the forged file"
        line = watch.stderr.readline().decode()
    interrupt(watch)
    server.shutdown()
    assert b"forged" not in watch.stdout.read()
