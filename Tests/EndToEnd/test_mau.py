"""The companion for a PC with real nodes (docs/mau.md): what it shows, what it commands."""
import json
import re
import shutil
import time

from harness import FIXTURES, wait_until
from test_time import WrongClock


def test_show_says_what_the_device_says_of_itself(ada, board):
    shown = ada.json("show", "simulator")  # it was never visited: only it knows that it is called so
    assert shown["device"] == board.fingerprint and shown["name"] == "Simulator"
    assert [(one["name"], one["property"], one["unitCode"], one["minValue"], one["maxValue"]) for one in shown["sensors"]] == [
        ("temperature", "temperature", "CEL", -40, 85), ("humidity", "relativeHumidity", "P1", 0, 100)]
    led, = shown["actuators"]
    assert (led["name"], led["type"], led["minValue"], led["maxValue"], led["safeValue"]) == ("led", "Switch", 0, 1, 0)
    text = ada.text("show", board.fingerprint[:8], "--offline")
    assert "Simulated temperature" in text and "-40...85" in text and "on, off" in text


def test_get_gives_the_latest_reading_of_each_sensor(ada, board, gnupg):
    board.wait_for("^r-temperature")
    wait_until(lambda: list(board.own.glob("r-humidity-*")), "a private batch")
    gnupg.import_key(board.public_key())
    readings = {one["sensor"]: one for one in ada.json("get")}
    temperature = readings["temperature"]
    said = json.loads(board.verified(gnupg, temperature["file"]))
    assert said["readings"][-1]["value"] == temperature["value"] and said["readings"][-1]["observationDate"] == temperature["date"]
    assert temperature["unitText"] == "°C" and temperature["marginOfError"] == 0.5
    # Humidity is for viewers: not even the name of such a file is public.
    assert 35 <= readings["humidity"]["value"] <= 65 and not board.names("^r-humidity")
    newest = max(path.name for path in ada.files(board).glob("r-temperature-*"))
    assert ada.json("get", "Greenhouse/temperature", "--offline")[0]["file"] == newest
    assert re.search(r"Simulator +temperature +[0-9.]+ °C +20", ada.text("get", "temperature", "--offline"))


def test_what_cannot_be_reached_is_shown_from_what_was_fetched(ada, board):
    board.wait_for("^r-temperature")
    before = ada.json("get", "temperature")
    board.stop()
    result = ada.run("get", "temperature", "--json")
    assert json.loads(result.stdout)[0]["file"] >= before[0]["file"]
    assert "could not be visited" in result.stderr.decode() and "event=" not in result.stderr.decode()


def test_set_switches_the_led_and_shows_the_signed_answer(ada, board, gnupg):
    text = ada.text("set", "LED", "on")
    assert board.status()["actuators"]["led"] == 1
    assert text.startswith("led = on at 20") and board.fingerprint in text
    answer = ada.json("set", f"mau:{board.fingerprint}#led", "0")
    assert board.status()["actuators"]["led"] == 0
    assert (answer["actionStatus"], answer["result"], answer["carrier"]) == ("CompletedActionStatus", 0, "put")
    # The answer is kept as any of the device's files, and stock gpg believes it.
    file = ada.files(board) / f"a-{answer['identifier']}.json.pgp"
    assert ada.json("verify", file)["signedBy"] == board.fingerprint
    log = board.command("log").stdout.decode().splitlines()
    assert len(log) == 2 and all(ada.fingerprint in line and line.endswith("completed") for line in log)
    assert ada.json("show", "greenhouse")["actuators"][0]["value"] == 0


def test_what_the_device_refuses_ends_with_the_reason(ada, board):
    assert "out-of-limits" in ada.sentence("dataError", "set", "led", "7")
    answer = json.loads(ada.run("set", "led", "7", "--json", code=65).stdout)
    assert (answer["actionStatus"], answer["error"]) == ("FailedActionStatus", "out-of-limits")
    # From this moment on, first without a word about why.
    board.command("friend remove", ada.fingerprint)
    ada.sentence("noPermission", "set", "led", "0")
    wait_until(lambda: "takes no commands from this account" in ada.sentence("noPermission", "set", "led", "0"), "the friend being gone")
    assert board.status()["actuators"]["led"] == 0


def test_who_is_no_controller_is_told_so(make_person, board):
    person = make_person().meets(board, "viewers")
    board.start("--no-mdns")
    assert "not-controller" in person.reaches(board).sentence("noPermission", "set", "led", "on")
    assert board.status()["actuators"]["led"] == 0


def test_names_that_mean_nothing_or_too_much(ada, board):
    assert "known are Simulator/led" in ada.sentence("dataError", "set", "heater", "on")
    assert "on, off, 1 or 0" in ada.sentence("usage", "set", "led", "bright")
    assert "known are Simulator" in ada.sentence("dataError", "show", "attic")
    assert "Simulator/humidity" in ada.sentence("dataError", "get", "attic", "--offline")
    assert ada.run("set", "led", code=64).stderr


def test_a_device_without_a_clock_is_given_a_challenge(make_person, board, tmp_path, shim):
    clock = WrongClock(tmp_path, shim)
    clock.set(120 - time.time())
    person = make_person().meets(board, "controllers")
    board.start("--no-mdns", environment=clock.environment)
    answer = person.reaches(board).json("set", "led", "on")
    assert answer["actionStatus"] == "CompletedActionStatus" and "endTime" not in answer
    assert board.status()["actuators"]["led"] == 1
    log = board.command("log", environment=clock.environment).stdout.decode().splitlines()
    assert [line.rsplit(" led=1 ", 1)[1] for line in log] == ["failed: clock-not-set", "completed"]


def test_what_cannot_be_reached_gets_the_command_as_a_file(ada, board):
    ada.run("sync")
    board.stop()
    result = ada.run("set", "led", "on", "--wait", "0", "--json", code=75)
    said = json.loads(result.stdout)
    assert (said["actionStatus"], said["carrier"]) == ("PotentialActionStatus", "file")
    file = ada.root / ada.fingerprint / f"c-{said['identifier']}.json.pgp"
    # Whoever brings it to the board: it is the same command.
    other = board.root / f".{ada.fingerprint}"
    board.start("--no-mdns", https=f"127.0.0.1:{board.secure_port}")
    status, _, _ = board.get(f"http://127.0.0.1:{board.port}/p2p/{ada.fingerprint}/{file.name}", "-X", "PUT", "--data-binary", f"@{file}")
    assert status == 201 and (other / file.name).exists() and board.status()["actuators"]["led"] == 1
    ada.run("sync")
    assert "led = 1 completed" in ada.text("verify", ada.files(board) / f"a-{said['identifier']}.json.pgp")


def test_devices_tells_who_is_proven(ada, board, make_node):
    impostor = make_node("impostor").init(name="Impostor").start("--no-mdns")
    ada.peers.append(f"{board.fingerprint}=127.0.0.1:{impostor.secure_port}")
    ada.peers.append(f"{impostor.fingerprint}=127.0.0.1:{impostor.secure_port}")
    seen = {(one["device"], int(one["address"].rsplit(":", 1)[1])): one for one in ada.json("devices", "--wait", "0")}
    assert seen[board.fingerprint, board.secure_port]["state"] == "proven"
    false = seen[board.fingerprint, impostor.secure_port]
    assert false["state"] == "silent" and false["problem"]
    stranger = seen[impostor.fingerprint, impostor.secure_port]
    assert stranger["state"] == "proven" and not stranger["isFriend"] and "name" not in stranger
    assert "(not a friend)" in ada.text("devices", "--wait", "0")


def test_an_ordinary_mau_directory(ada, board):
    """What `mau` leaves behind is the convention's and nothing else, so any client can go on with it."""
    board.wait_for("^r-temperature")
    ada.run("get")
    ada.run("set", "led", "on")
    ada.run("set", "led", "on", "--wait", "0", code=75, environment={"MAU_PEERS": f"{board.fingerprint}=127.0.0.1:1"})
    assert {path.name for path in ada.root.iterdir()} == {".mau", ada.fingerprint, board.fingerprint}
    assert {path.name for path in (ada.root / ".mau").iterdir()} == {"account.pgp", f"{board.fingerprint}.pgp"}
    for directory in (ada.fingerprint, board.fingerprint):
        assert all(re.search(r"^[^.].*\.pgp(\.versions)?$", path.name) for path in (ada.root / directory).iterdir())
    assert not any(path.name.startswith("maud-") for path in ada.runtime.iterdir())


def test_a_directory_that_the_go_implementation_made(make_person, tmp_path):
    """Its account, its friends, its files with their versions; and it finds everything as it was."""
    person = make_person()
    shutil.rmtree(person.root)
    shutil.copytree(FIXTURES / "ref/alice", person.root)
    person.passphrase_file.write_text("fixture-alice\n")
    before = {path: path.read_bytes() for path in person.root.rglob("*") if path.is_file()}
    alice, = (path.name for path in person.root.iterdir() if len(path.name) == 40)
    assert {len(one["fingerprint"]) for one in person.json("friend")} == {40} and any("coworkers" in one["groups"] for one in person.json("friend"))
    files = {one["file"]: one for one in person.json("browse", "--offline")}
    assert set(files) == {path.name for path in (person.root / alice).glob("*.pgp")}
    assert all(one["from"] == alice for one in files.values())
    for plain, name in [("blob.bin", "blob.bin"), ("crlf.txt", "crlf.txt"), ("note.v3.json", "note.json")]:
        assert person.run("open", person.root / alice / f"{name}.pgp").stdout == (FIXTURES / "plain" / plain).read_bytes()
    assert {path: path.read_bytes() for path in person.root.rglob("*") if path.is_file()} == before


def test_a_pc_keeps_what_a_device_removed_long_ago(ada, board):
    """More files of one device than a node keeps of a friend."""
    ada.run("sync")
    old = (board.own / "vocabulary-1.json.pgp").read_bytes()
    for number in range(10_000):
        (ada.files(board) / f"old-{number}.pgp").write_bytes(old)
    have = len(list(ada.files(board).glob("r-temperature-*")))
    board.wait_for("^r-temperature", have + 1)
    visit, = ada.json("sync")
    assert visit["isComplete"] and visit["files"] > 0
    assert len(list(ada.files(board).glob("r-temperature-*"))) > have


def test_friends(make_person, board):
    person = make_person().meets(board, "viewers", follows=False)
    friend, = person.json("friend")
    assert friend["fingerprint"] == board.fingerprint and not friend["isFollowed"] and friend["key"] == "valid"
    assert "is not followed" in person.sentence("dataError", "sync", "greenhouse")
    person.run("friend", "follow", "greenhouse")
    assert person.json("friend", "list")[0]["isFollowed"]
    person.run("friend", "unfollow", board.fingerprint[:10])
    assert (person.root / f".{board.fingerprint}").is_dir()
    person.run("friend", "remove", "greenhouse")
    assert person.json("friend") == []


def test_errors_are_one_sentence(make_person, tmp_path):
    person = make_person()
    assert "mau init" in person.sentence("noInput", "get", "--root", tmp_path / "nothing")
    assert "already" in person.sentence("cannotCreate", "init", "--name", "Again")
    person.passphrase_file.write_text("wrong\n")
    assert "passphrase" in person.sentence("noPermission", "devices")
    assert "--passphrase-file" in person.sentence("usage", "devices", wrapper=["setsid", "--wait"], environment={"MAU_PASSPHRASE_FILE": ""})
    assert "HOST:PORT" in person.sentence("usage", "devices", "--peer", "x")
    assert b"Usage: mau" in person.run("get", "--no-such-option", code=64).stderr
    assert person.run("frobnicate", code=64).stderr
    assert person.run("watch", "--every", "0", code=64).stderr


def test_help_has_examples_and_completion_knows_the_verbs(make_person):
    person = make_person()
    overview = person.text("--help")
    for verb in ["devices", "show", "get", "set", "watch", "browse", "verify", "export", "sync"]:
        assert re.search(rf"^  {verb} ", overview, re.MULTILINE), verb
        assert f"mau {verb}" in person.text(verb, "--help")
    for shell in ["bash", "zsh", "fish"]:
        assert "verify" in person.text("--generate-completion-script", shell)
