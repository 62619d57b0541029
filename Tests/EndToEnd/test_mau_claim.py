"""Becoming the owner of a device, from the companion for a PC (docs/mau.md, 5.9; docs/claim.md)."""
import http.server
import os
import pty
import re
import secrets
import socket
import ssl
import threading
import time

import pytest

from claimer import Claimer
from harness import PATIENCE, wait_until
from test_claim import code_of, controllers
from test_discovery import discovery, network, port, start  # noqa: F401


def at(node):
    return f"{node.fingerprint}=127.0.0.1:{node.secure_port}"


def uri(node):
    return f"mau:{node.fingerprint}?claim={code_of(node)}"


@pytest.fixture
def board(make_node):
    return make_node("board").init(name="Greenhouse").start("--no-mdns")


@pytest.fixture
def ada(make_person):
    return make_person()


def test_from_nothing_to_a_led(ada, board):
    """No file is carried from one machine to the other, and no fingerprint is typed."""
    answer = ada.text("claim", uri(board), "--peer", at(board))
    assert answer == f"Greenhouse ({board.fingerprint}) is yours now\n"
    ada.peers = [at(board)]
    board.wait_for("^device")
    assert ada.json("show", "greenhouse")["device"] == board.fingerprint
    assert ada.json("set", "LED", "on")["actionStatus"] == "CompletedActionStatus" and board.status()["actuators"]["led"] == 1
    friend = ada.json("friend", "list")
    assert [(one["fingerprint"], one["isFollowed"], one["groups"]) for one in friend] == [(board.fingerprint, True, [])]
    assert ada.text("controllers", "greenhouse", "list").startswith(ada.fingerprint)


@pytest.mark.parametrize("words", [lambda code: [code], lambda code: [code.lower().replace("-", " ")]], ids=["code", "as typed"])
def test_the_code_alone(ada, board, words):
    answer = ada.json("claim", *words(code_of(board)), "--peer", at(board))
    assert answer == {"device": board.fingerprint, "deviceName": "Greenhouse", "wasOwn": False}


def test_it_asks_for_the_code(ada, board):
    from companion import MAU
    code, before = code_of(board), {**ada.environment, "MAU_PEERS": at(board)}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(MAU, [str(MAU), "claim"], before)
    text, end = "", time.monotonic() + PATIENCE
    while "Claim code: " not in text:
        assert time.monotonic() < end
        text += os.read(terminal, 4096).decode()
    os.write(terminal, code.encode() + b"\n")
    try:
        while data := os.read(terminal, 4096):
            text += data.decode()
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 and "is yours now" in text
    os.close(terminal)


def test_the_code_tells_which_device(ada, board, make_node):
    """Three wait for an owner, and one has one."""
    others = [make_node(f"other-{number}").init().start("--no-mdns") for number in range(3)]
    ada.run("claim", uri(others[2]), "--peer", at(others[2]))
    peers = [word for node in (*others, board) for word in ("--peer", at(node))]
    assert ada.json("claim", code_of(board), *peers)["device"] == board.fingerprint
    assert controllers(board) == [ada.fingerprint] and controllers(others[0]) == controllers(others[1]) == []


def test_what_cannot_be(ada, board, make_node, gnupg, tmp_path):
    code = code_of(board)
    wrong = ("1" if code[0] == "0" else "0") + code[1:]
    assert "claim code is wrong" in ada.sentence("noPermission", "claim", wrong, "--peer", at(board))
    assert "claim code is wrong" in ada.sentence("noPermission", "claim", uri(board).replace(code, wrong), "--peer", at(board))
    for text in ("", "x", code[:-1], code + "0", code.replace(code[0], "U"), "mau:" + code, uri(board)[:-1], f"mau:{ada.fingerprint}?claim={code}"):
        ada.sentence("usage", "claim", text, "--peer", at(board))
    assert "no device on this network" in ada.sentence("unavailable", "claim", code, "--no-mdns")
    assert board.fingerprint in ada.sentence("unavailable", "claim", uri(board), "--no-mdns")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"{board.fingerprint}=127.0.0.1:{closed.getsockname()[1]}"
    ada.sentence("unavailable", "claim", code, "--peer", nobody)
    # Another node at that address.
    other = make_node("other").init().start("--no-mdns")
    assert "another" in ada.sentence("unavailable", "claim", uri(board), "--peer", f"{board.fingerprint}=127.0.0.1:{other.secure_port}")
    assert controllers(board) == [] and ada.json("friend", "list") == [], "nothing was kept of any of them"
    somebody = Claimer(gnupg, tmp_path, "somebody")
    assert somebody.claim(board.secure_port, code) == 201
    assert "has an owner already" in ada.sentence("dataError", "claim", f"mau:{board.fingerprint}?claim={code}", "--peer", at(board))
    assert ada.json("friend", "list") == []


def test_without_an_account_or_an_answer(ada, board, tmp_path):
    ada.sentence("usage", "claim", wrapper=["setsid", "--wait", "sh", "-c", '"$@" < /dev/null', "sh"])
    assert "mau init" in ada.sentence("noInput", "claim", code_of(board), "--root", tmp_path / "nothing")


def cut_after_the_put(node):
    """A wire that breaks when the claimer's third request has got its answer, which gets lost."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", node.secure_port))

        def forward():
            try:
                while data := near.recv(65536):
                    far.sendall(data)
            except OSError:
                pass
        threading.Thread(target=forward, daemon=True).start()
        try:
            while data := far.recv(65536):
                if controllers(node):
                    break
                near.sendall(data)
        except OSError:
            pass
        for end in (near, far):
            end.shutdown(socket.SHUT_RDWR)  # the other thread reads one of them: closing alone would say nothing to anybody
            end.close()
    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_an_answer_that_gets_lost(ada, board):
    text = uri(board)
    with cut_after_the_put(board) as wire:
        sentence = ada.sentence("temporary", "claim", text, "--peer", f"{board.fingerprint}=127.0.0.1:{wire.getsockname()[1]}")
    assert "may or may not be yours" in sentence and controllers(board) == [ada.fingerprint]
    wait_until(lambda: any(path.name == "controllers.json.pgp" for path in board.own.iterdir()), "the list of controllers")
    assert ada.json("claim", text, "--peer", at(board)) == {"device": board.fingerprint, "deviceName": "Greenhouse", "wasOwn": True}
    ada.run("set", "LED", "on", "--peer", at(board))


class Liar(http.server.BaseHTTPRequestHandler):
    """Somebody who has a key, proves it, and answers claimers as a node does, without its code."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = secrets.token_bytes(16) if self.path.endswith("/challenge") else secrets.token_bytes(32) + self.server.key
        self.server.asked.append(self.path.rsplit("/", 1)[1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self.server.asked.append("PUT")

    def log_message(self, *_):
        pass


@pytest.fixture
def liar(gnupg, tmp_path):
    identity = Claimer(gnupg, tmp_path, "liar")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(identity.certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads, server.key, server.asked = True, identity.key, []
    server.peer = f"{identity.fingerprint}=127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_one_who_pretends_to_know_the_code(ada, board, liar):
    """It gets one proof that names it, and neither our key nor a place among our friends (docs/claim.md, 5.1, 5.2)."""
    assert "does not know the code" in ada.sentence("unavailable", "claim", code_of(board), "--peer", liar.peer)
    assert liar.asked[0] == "challenge" and re.fullmatch("claim-[0-9a-f]{128}", liar.asked[1]) and len(liar.asked) == 2
    assert ada.json("friend", "list") == []
    # Nor does it keep us from the right one.
    assert ada.json("claim", code_of(board), "--peer", liar.peer, "--peer", at(board))["device"] == board.fingerprint
    assert [one["fingerprint"] for one in ada.json("friend", "list")] == [board.fingerprint] and "PUT" not in liar.asked


def test_a_key_that_the_device_refuses(ada, board, gnupg, make_person, tmp_path):
    """A viewer has a subkey of hers already, as she would if it had been stolen from her key."""
    import certificates
    home = tmp_path / "own"
    home.mkdir(mode=0o700)
    export = certificates.open_account(ada.root / ".mau/account.pgp", "a person's own passphrase", home)
    from harness import FIXTURES
    thief = certificates.Identity((FIXTURES / "secret/alice.gpg").read_bytes())
    (tmp_path / "thief.pgp").write_bytes(certificates.carrying_foreign_subkey(thief, export))
    board.command("friend add", "--group", "viewers", tmp_path / "thief.pgp")
    wait_until(lambda: board.status()["friends"] == 1, "the viewer")
    assert "refuses your key" in ada.sentence("dataError", "claim", uri(board), "--peer", at(board))
    assert controllers(board) == [] and ada.json("friend", "list") == []


# On the local network

def test_devices_that_wait_are_found(network, make_node, make_person):  # noqa: F811
    one, two = network(), network()
    nodes = [make_node(name).init(name=name) for name in ("Greenhouse", "Cellar", "Attic")]
    for node in nodes:
        start(node, one)
    wait_until(lambda: {discovery(node)["state"] for node in nodes} == {"announced"}, "the announcements")
    ada, bob = make_person(), make_person("Bob")

    def mau(person, *words, **options):
        return person.json(*words, wrapper=two.inside, environment=two.environment, **options)

    def waiting():
        seen = mau(ada, "devices")
        return {entry["device"] for entry in seen if entry.get("isClaimable")} if len({entry["device"] for entry in seen}) == 3 else None
    assert wait_until(waiting, "all three being found") == {node.fingerprint for node in nodes}
    assert any("claim=1" in entry[3] and "txtvers=1" in entry[3] for entry in two.services())
    assert mau(ada, "claim", code_of(nodes[0]))["deviceName"] == "Greenhouse"
    wait_until(lambda: waiting() == {node.fingerprint for node in nodes[1:]}, "the first one waiting no more")
    assert mau(bob, "claim", uri(nodes[1]))["deviceName"] == "Cellar"
    assert mau(ada, "set", "Greenhouse/LED" if mau(ada, "sync")[0]["isComplete"] else "", "on")["actionStatus"] == "CompletedActionStatus"
    assert [entry[3] for entry in two.services() if entry[0] == nodes[0].fingerprint and "claim" in entry[3]] == []
    text = ada.text("devices", wrapper=two.inside, environment=two.environment)
    assert re.search(f"{nodes[2].fingerprint} .*proven, waits for an owner", text)
    assert "none of the" not in ada.run("claim", code_of(nodes[2]), wrapper=two.inside, environment=two.environment).stderr.decode()
    assert port(nodes[0])
