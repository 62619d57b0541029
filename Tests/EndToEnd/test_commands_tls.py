"""Commands over TLS: who has proven to be a controller has the places to himself, and reads his answers (docs/commands.md, 6.3 and 8.1)."""
import json

import pytest

from certificates import Identity
from commands import Controller
from harness import wait_until


@pytest.fixture
def controller(node, gnupg, tmp_path):
    controller = Controller(node, gnupg)
    certificate = tmp_path / "controller.pem"
    certificate.write_bytes(Identity(gnupg.run("--export-secret-keys", controller.fingerprint.upper()).stdout).pem())
    controller.certificate = ["-k", "--cert", certificate]
    node.start()
    return controller


def put(controller, text, *arguments):
    url = controller.node.secure_url().replace(controller.node.fingerprint, controller.fingerprint) + f"/c-{json.loads(text)['identifier']}.json.pgp"
    return controller.node.get(url, "-H", "Prefer: return=representation", "-X", "PUT", "--data-binary", controller.temporary(controller.sign(text)), *arguments)


def test_a_proven_controller_is_no_stranger(node, controller):
    for number in range(20):
        text = controller.text(number % 2)
        status, headers, body = put(controller, text, *controller.certificate)
        assert status == 201 and controller.answer(headers, body)["actionStatus"] == "CompletedActionStatus", number
    # The limit of strangers is untouched: TLS without a certificate, and no TLS.
    assert put(controller, controller.text(1), "-k")[0] == 201
    assert controller.command(0)[0] == 201


def test_a_controller_reads_answers_and_log_over_tls(node, controller):
    text = controller.text(1)
    _, headers, body = put(controller, text, *controller.certificate)
    name = f"a-{json.loads(text)['identifier']}.json.pgp"
    wait_until(lambda: list(node.own.glob("log-*")), "the log")
    listed = {entry["path"].rsplit("/", 1)[1] for entry in json.loads(node.curl(*controller.certificate, node.secure_url()).stdout)}
    assert {name, "log-000000000001.json.pgp"} <= listed and "state-led.json.pgp" not in listed, "the state is for viewers"
    assert node.curl(*controller.certificate, node.secure_url("/" + name)).stdout == body
    assert node.get("/" + name)[0] == 404, "for everybody else it does not exist"
    challenge = node.curl(*controller.certificate, node.secure_url("/challenge")).stdout
    assert len(challenge) == 16
