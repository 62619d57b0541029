"""Commands over TLS: who has proven to be a controller has the places to himself, and reads his answers (docs/commands.md, 6.3 and 8.1)."""
import json

import pytest

from certificates import Identity
from commands import Controller
from harness import wait_until
from http2_client import CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Connection, frame, head


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


# HTTP/2


def test_the_same_over_http2(node, controller, tmp_path):
    for value in (1, 0, 1):
        text = controller.text(value)
        status, headers, body = put(controller, text, *controller.certificate, "--http2")
        assert status == 201 and controller.answer(headers, body)["actionStatus"] == "CompletedActionStatus"
        assert controller.led() == value
    path = tmp_path / "command.pgp"
    path.write_bytes(controller.sign(controller.text(0)))
    url = node.secure_url().replace(node.fingerprint, controller.fingerprint) + "/c-again.json.pgp"
    seen = node.curl("--http2", *controller.certificate, "-T", path, "-H", "Expect: 100-continue", "-o", "/dev/null", "-w", "%{http_version} %{response_code}", url).stdout
    assert seen == b"2 201" and controller.led() == 0
    (tmp_path / "large").write_bytes(bytes(16_385))
    seen = node.curl("--http2", *controller.certificate, "-T", tmp_path / "large", "-o", "/dev/null", "-w", "%{response_code}", url).stdout
    assert seen == b"413"


def upload(connection, controller, length, content=b"", number=1, flags=0):
    """Begins a PUT in raw frames; its stream."""
    stream = connection.next
    connection.next += 2
    path = f"/p2p/{controller.fingerprint}/c-{number}.json.pgp"
    connection.send(frame(HEADERS, END_HEADERS, stream, head(path, "PUT", fields=[("content-length", str(length))])) + (frame(DATA, flags, stream, content) if content else b""))
    return stream


def test_the_fifth_at_once(node, controller):
    certificate = controller.certificate[2]
    with Connection(node, certificate) as connection:
        streams = [upload(connection, controller, 1000, b"x", number) for number in range(5)]
        assert connection.body(streams[4]) == b"503 Service Unavailable\n"
        for stream in streams[:4]:
            connection.send(frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big")))
        connection.body(connection.request("/device.json.pgp"))  # they have been seen
    text = controller.text(1)
    assert put(controller, text, *controller.certificate, "--http2")[0] == 201, "their places are free"


@pytest.mark.parametrize("how", ["reset", "closed", "more"])
def test_nobody_waits_for_the_answer(node, controller, how):
    """Taken back while gpg looks at it: the command was given, and is carried out once; the node goes on."""
    text = controller.text(1)
    file = controller.sign(text)
    with Connection(node, controller.certificate[2]) as connection:
        stream = upload(connection, controller, len(file), file, "1", 0 if how == "more" else END_STREAM)
        if how == "more":
            connection.send(frame(DATA, END_STREAM, stream, b"behind it"))
        elif how == "reset":
            connection.send(frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big")))
        # The node has seen all of it when it answers this; not even our end may be quicker than gpg.
        asked, got = connection.request("/device.json.pgp"), b""
        for kind, flags, of, payload in connection.frames():
            got += payload if (kind, of) == (DATA, asked) else b""
            if of == asked and flags & END_STREAM:
                break
        assert got
    wait_until(lambda: controller.led() == 1, "the command")
    wait_until(lambda: node.status()["commands"]["completed"] == 1, "its end")
    identifier = json.loads(text)["identifier"]
    wait_until((node.own / f"a-{identifier}.json.pgp").exists, "its answer")  # it is signed after it is counted
    assert controller.stored_answer(identifier)["actionStatus"] == "CompletedActionStatus"
    assert put(controller, controller.text(0), *controller.certificate, "--http2")[0] == 201
