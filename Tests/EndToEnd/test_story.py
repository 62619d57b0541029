"""Two nodes that know each other's keys, from nothing to a switched LED, a signed answer and a log; nothing but maud in between."""
import json
import secrets
import time

from commands import date
from harness import wait_until


def befriend(one, other, *groups):
    """`one` has `other` as a friend, in groups, and follows it."""
    key = one.directory / f"{other.fingerprint}.pgp"
    key.write_bytes(other.public_key())
    for group in groups or [None]:
        one.command("friend add", *(["--group", group] if group else []), key)
    one.command("friend follow", other.fingerprint)


def test_a_command_and_its_answer_travel_by_following(make_node, tmp_path):
    board, laptop = make_node("board").init(), make_node("laptop").init()
    befriend(board, laptop, "controllers", "viewers")
    befriend(laptop, board)
    laptop.write_board(sensors=[], actuators=[])
    laptop.start("--no-mdns")
    board.start("--no-mdns", "--peer", f"{laptop.fingerprint}={laptop.status()['listeners']['https']}")
    port = board.status()["listeners"]["https"]
    laptop.stop()
    laptop.start("--no-mdns", "--peer", f"{board.fingerprint}={port}", https=f"127.0.0.1:{laptop.secure_port}")
    identifier = secrets.token_hex(16)
    command = tmp_path / "command.json"
    command.write_text(json.dumps({
        "@context": "https://w3id.org/maud/1", "@type": "Command", "device": f"mau:{board.fingerprint}", "identifier": identifier,
        "object": {"@type": "PropertyValue", "propertyID": f"mau:{board.fingerprint}#led", "value": 1}, "startTime": date(time.time())}))
    laptop.command("publish", "--to", board.fingerprint, "--name", f"c-{identifier}.json.pgp", command)
    # A board that connects is visited, and the other way round: each hears of the other's news by its own visit.
    wait_until(lambda: board.status()["actuators"]["led"] == 1, "the LED being switched", 120)
    answer = laptop.root / board.fingerprint / f"a-{identifier}.json.pgp"
    wait_until(answer.exists, "the answer at the controller", 120)
    opened = laptop.command("open", answer)
    assert json.loads(opened.stdout)["actionStatus"].endswith("CompletedActionStatus")
    assert board.fingerprint in opened.stderr.decode()
    log = board.command("log").stdout.decode()
    assert laptop.fingerprint in log and len(log.splitlines()) == 1
