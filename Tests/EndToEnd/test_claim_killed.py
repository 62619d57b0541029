"""A node that dies in the middle of its first contact: afterwards it is claimable with the same code, or has its owner and nothing is left of the code (docs/claim.md)."""
import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from claimer import Claimer
from harness import PATIENCE, wait_until
from test_claim import code_file, code_of, controllers

MOST = 20


def tracer(thread):
    return int(re.search(r"(?m)^TracerPid:\s+(\d+)", Path(f"/proc/{thread}/status").read_text())[1])


@contextlib.contextmanager
def dies_at(thread, call, number):
    """The thread's system call of that name and number (from 1) is not carried out, and nothing after it, as in a power cut."""
    line = ["strace", "-qq", "-o", "/dev/null", "-p", str(thread), "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as strace:
        try:
            wait_until(lambda: tracer(thread) or strace.poll() is not None, "the tracer")
            assert strace.poll() is None, "strace could not attach"
            yield
        finally:
            strace.terminate()


def put(claimer, connection, attempt):
    """The status; None when the node died of it."""
    try:
        return claimer.ask(connection, "PUT", attempt, claimer.key)[0]
    except (OSError, http.client.HTTPException):
        return None


def claim(node, ada, code, step):
    """Whether the node died of it: the claim in which its worker, the one thread that waits for the disk, dies at that step."""
    connection = ada.connect(node.secure_port)
    _, attempt, _ = ada.prove(connection, code)
    _, worker = sorted(int(path.name) for path in Path(f"/proc/{node.pid}/task").iterdir())
    with dies_at(worker, *step):
        status = put(ada, connection, attempt)
        assert status in (None, 201)
        if status is None:
            assert node.process.wait(PATIENCE) == -signal.SIGKILL
    if status == 201:
        assert node.stop() == 0
    else:
        node.process.stdout.close()
        node.log.close()
    return status is None


def has_owner(node, ada, code, boot):
    """After the next start everything is as it should be, the one way or the other. One that has no owner gets one."""
    now = controllers(node)
    if now:
        assert now == [ada.fingerprint] and not node.status()["claimable"]
        assert not code_file(node).exists() and not boot.exists()
        assert ada.claim(node.secure_port, code) == 404
    else:
        assert code_of(node) == code and boot.read_text().startswith(f"mau:{node.fingerprint}?claim={code}\n")
        assert ada.claim(node.secure_port, code) == 201
        assert controllers(node) == [ada.fingerprint] and not boot.exists()
    assert not list(node.root.glob(".maud-*"))
    return bool(now)


@pytest.mark.skipif(os.geteuid() != 0, reason="attaches strace to the node: needs root where others may not")
def test_killed_at_each_step_of_a_claim(node, gnupg, tmp_path):
    ada = Claimer(gnupg, tmp_path, "ada")
    node.weaken_passphrase(gnupg)
    node.write_board(sensors=[], actuators=[])  # the worker has nothing else to do
    fresh, boot = shutil.copytree(node.root, tmp_path / "fresh"), tmp_path / "boot.txt"
    outcomes = {}
    for step in ((call, number) for call in ("unlinkat", "fsync", "renameat") for number in range(1, MOST)):
        if step[1] > 1 and outcomes.get((step[0], step[1] - 1), "alive") == "alive":
            continue  # there are no more of these
        shutil.rmtree(node.root)
        shutil.copytree(fresh, node.root)
        node.start("--claim-file", boot)
        node.wait_for("^device")
        code = code_of(node)
        has_died = claim(node, ada, code, step)
        node.start("--claim-file", boot)
        owned = has_owner(node, ada, code, boot)
        outcomes[step] = "alive" if not has_died else "owned" if owned else "fresh"
        assert has_died or owned, "when nothing kills it, it is claimed"
        assert node.stop() == 0
    print(outcomes)
    for call in ("unlinkat", "fsync", "renameat"):
        assert outcomes[call, 1] == "fresh", "the first step is not the last"
    assert "owned" in outcomes.values(), "once the owner is on the disk it stays"
