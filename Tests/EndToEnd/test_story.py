"""Two nodes that know each other's keys, from nothing to a switched LED, a signed answer and a log; and the same with a person who has `mau`."""
import json
import secrets
import subprocess
import sys
import time

from commands import date
from harness import REPOSITORY, wait_until


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


def test_two_nodes_and_a_person_with_mau(make_node, make_person, tmp_path):
    """From nothing: a board, a PC whose node serves a person's Mau directory, and the person, who has nothing but `mau`."""
    board, person = make_node("board").init(), make_person()
    person.meets(board, "controllers", "viewers")
    board.command("friend follow", person.fingerprint)
    # The person's directory is an ordinary one: a node serves it as it is.
    desktop = make_node("desktop")
    desktop.root.rmdir()
    desktop.root, desktop.passphrase_file, desktop.fingerprint = person.root, person.passphrase_file, person.fingerprint
    desktop.write_board(sensors=[], actuators=[])
    desktop.start("--no-mdns")
    board.start("--no-mdns", "--peer", f"{person.fingerprint}=127.0.0.1:{desktop.secure_port}")
    person.reaches(board)

    # What can it do, what does it measure?
    wait_until(lambda: list(board.own.glob("r-temperature-*")) and list(board.own.glob("r-humidity-*")), "the first readings")
    person.run("sync")
    assert [one["name"] for one in person.json("show", "simulator")["actuators"]] == ["led"]
    assert {one["sensor"] for one in person.json("get")} == {"temperature", "humidity"}

    # By PUT: the LED is switched, and the answer is signed.
    answer = person.json("set", "LED", "on")
    assert (answer["actionStatus"], answer["carrier"]) == ("CompletedActionStatus", "put")
    assert board.status()["actuators"]["led"] == 1
    stored = person.files(board) / f"a-{answer['identifier']}.json.pgp"
    opened = person.json("open", stored)
    assert opened["signedBy"] == board.fingerprint and json.loads(opened["content"])["controller"] == f"mau:{person.fingerprint}"

    # By a file: no address of the board is known here, but the board follows the person and is known to the person's node.
    person.peers = []
    desktop.stop()
    desktop.start("--no-mdns", "--peer", f"{board.fingerprint}=127.0.0.1:{board.secure_port}", https=f"127.0.0.1:{desktop.secure_port}")
    answer = person.json("set", "LED", "off", "--wait", "200", timeout=260)
    assert (answer["actionStatus"], answer["carrier"]) == ("CompletedActionStatus", "file")
    assert board.status()["actuators"]["led"] == 0
    command = person.root / person.fingerprint / f"c-{answer['identifier']}.json.pgp"
    text = tmp_path / "command.json"
    text.write_text(person.json("open", command)["content"])
    assert subprocess.run([sys.executable, REPOSITORY / "Tests/Vocabulary/check_document.py", text]).returncode == 0, "no command as the vocabulary has it"

    # The log says both, and it is whole.
    person.reaches(board).run("sync")
    found = {one["chain"]: one for one in person.json("verify", "simulator")}
    assert all(one["isWhole"] for one in found.values()) and found["log"]["files"] == 2
    entries = [entry for file in sorted(person.files(board).glob("log-0*")) for entry in json.loads(person.json("open", file)["content"])["entries"]]
    assert [(entry["controller"], entry["object"]["value"], entry["actionStatus"]) for entry in entries] == [
        (f"mau:{person.fingerprint}", value, "CompletedActionStatus") for value in (1, 0)]
