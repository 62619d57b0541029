"""tlsfuzzer's own TLS 1.3 scripts against a node, from the checkout that TLSFUZZER names (docs/tls.md, section 9); without one, test_tls_records.py stands for them.

Most of its scripts do not expect that a client is asked for a certificate. The runner below answers that with none, wherever a script has nothing to say to it.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import FIXTURES, Node

TLSFUZZER = os.environ.get("TLSFUZZER")
pytestmark = pytest.mark.skipif(not TLSFUZZER, reason="TLSFUZZER names no checkout of tlsfuzzer")

RUNNER = """
import runpy, sys
from tlsfuzzer import expect, messages, runner
asked = {}
def answering(generator):
    plain = generator.generate
    def generate(self, state):
        if asked.pop(id(state), None) and not isinstance(self, messages.CertificateGenerator):
            certificate = messages.CertificateGenerator()
            state.msg_sock.sendMessageBlocking(certificate.generate(state))
            certificate.post_send(state)
        return plain(self, state)
    generator.generate = generate
answering(messages.FinishedGenerator)
answering(messages.CertificateGenerator)
process = expect.ExpectEncryptedExtensions.process
def after_extensions(self, state, message):
    process(self, state, message)
    child, request = self.child, expect.ExpectCertificateRequest()
    if isinstance(child, expect.ExpectCertificate):
        request.child, self.child, child.next_sibling = child, request, None
        seen = request.process
        request.process = lambda state, message: (seen(state, message), asked.__setitem__(id(state), True))
expect.ExpectEncryptedExtensions.process = after_extensions
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

# Script: conversations that are left out of it. A pattern says why in a word: a suite, group or feature that is not built in.
SCRIPTS = {
    "ccs": [], "conversation": [], "count-tickets": [], "empty-alert": [], "finished-plaintext": [], "hrr": [], "invalid-ciphers": [],
    "keyshare-omitted": [], "legacy-version": [], "no-unknown-groups": [], "nociphers": [], "record-padding": [], "unencrypted-alert": [], "zero-content-type": [],
    "zero-length-data": ["interleaved"],  # it goes on sending pieces when it has been refused
    "finished": ["AES_256"],
    "record-layer-limits": ["AES_256", "too big plaintext, size: 2\\*\\*14 - 8, with an additional 9"],  # lengths of padding: docs/tls.md, 9.2
    "session-resumption": ["TLS 1.2", "PSK_ONLY"],
    "symetric-ciphers": ["AES_256", "CCM"],
    "unrecognised-groups": ["key_share of size (64|128|256)", "ffdhe"],  # a hello larger than 16 KiB: docs/tls.md, 6.6
}
# What does not apply: TLS 1.2 (non-support, version-negotiation), ECDSA and RSA-PSS keys (ecdsa-*, eddsa-in-*, mldsa-*, rsapss-*), curves and groups that are not
# built in (brainpool-*, ffdhe-*, mlkem, x448 in crfg-curves and ecdhe-curves), external and PSK-only keys (psk_*), early data (0rtt-garbage), KeyUpdate (keyupdate*),
# certificates that are compressed (*-compression) or asked for later (post-handshake-auth), timing (minerva), heads of more than 16 KiB (large-number-of-extensions,
# shuffled-extentions), an echo server (lengths), a search that ends by chance (dhe-shared-secret-padding).


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("server") / "node").init("--import", FIXTURES / "secret/carol.gpg")  # RSA, as the scripts want it
    node.write_board(sensors=[], actuators=[])
    node.start("--no-mdns")
    yield node
    assert node.process.poll() is None and node.stop() == 0
    node.close()


def run(server, script, *arguments):
    path = Path(TLSFUZZER) / "scripts" / f"test-tls13-{script}.py"
    return subprocess.run([sys.executable, "-c", RUNNER, path, "-p", str(server.secure_port), *arguments], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONPATH": TLSFUZZER}).stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_tlsfuzzer(server, script):
    output = run(server, script, *(["-n", "10"] if script == "symetric-ciphers" else []))
    passed = re.search(r"^PASS: (\d+)", output, re.MULTILINE)
    assert passed and int(passed[1]) > 0, output[-3000:]
    failed = set(re.findall(r"^\t'(.*)'$", output.partition("FAILED:")[2], re.MULTILINE))
    surprising = [name for name in failed if not any(re.search(pattern, name) for pattern in SCRIPTS[script])]
    assert not surprising, output[-6000:]
