"""Commands from gpg and curl to the simulated LED (docs/commands.md)."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time

import pytest

from commands import Controller, date
from harness import REPOSITORY, GnuPG, wait_until
from openpgp import tags
from test_time import WrongClock


@pytest.fixture
def controller(node, gnupg):
    controller = Controller(node, gnupg)
    node.start()
    return controller


def completed(response):
    status, answer, command = response
    assert status == 201, (status, answer)
    assert answer["actionStatus"] == "CompletedActionStatus" and answer["identifier"] == command["identifier"]
    return answer


def refused(response, reason):
    status, answer, command = response
    assert (status, answer["actionStatus"], answer["error"]) == (422, "FailedActionStatus", reason), (status, answer)
    assert answer["identifier"] == command["identifier"] and answer["description"].endswith(".")
    return answer


def test_a_command_made_with_plain_gpg_switches_the_led_and_is_answered(node, controller, gnupg):
    before = time.time()
    assert controller.led() == 0
    answer = completed(controller.command(1))
    assert controller.led() == 1
    assert answer["result"]["value"] == 1 and answer["object"]["propertyID"] == f"mau:{node.fingerprint}#led"
    assert answer["@id"] == f"mau:{node.fingerprint}/a-{answer['identifier']}.json.pgp"
    assert answer["controller"] == f"mau:{controller.fingerprint}"
    assert date(before - 1) < answer["endTime"] < date(time.time() + 1)
    assert controller.stored_answer(answer["identifier"]) == answer
    message = (node.own / f"a-{answer['identifier']}.json.pgp").read_bytes()
    assert tags(message)[:2] == [1, 1], "encrypted to the node and the controller"
    stored = list((node.root / f".{controller.fingerprint}").iterdir())
    assert len(stored) == 1 and not (node.root / controller.fingerprint).exists(), "stored without a follow"
    completed(controller.command(0))
    assert controller.led() == 0
    assert node.status()["commands"]["completed"] == 2


def test_without_prefer_the_answer_is_a_file_only(node, controller):
    text = controller.text()
    status, headers, body = controller.put(controller.sign(text), prefer=False)
    assert (status, body) == (201, b"") and "preference-applied" not in headers
    assert controller.stored_answer(json.loads(text)["identifier"])["actionStatus"] == "CompletedActionStatus"


def test_what_the_page_says_to_type(node, controller, gnupg, tmp_path):
    """docs/commands.md, part 1, as it stands there."""
    page = (REPOSITORY / "docs/commands.md").read_text()
    lines = page.split("## 1. In short")[1].split("## 2.")[0].splitlines()
    script = "\n".join(line[4:] for line in lines if line.startswith("    ")).replace("$host:8008", f"127.0.0.1:{node.port}")
    environment = {**os.environ, "GNUPGHOME": str(gnupg.home), "device": node.fingerprint, "me": controller.fingerprint}
    result = subprocess.run(["bash", "-ec", script], env=environment, cwd=tmp_path, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    assert json.loads(result.stdout)["actionStatus"] == "CompletedActionStatus" and controller.led() == 1


def test_curls_own_way_to_put_a_file(node, controller, tmp_path):
    path = tmp_path / "command.pgp"
    path.write_bytes(controller.sign(controller.text()))
    result = node.curl("-T", path, "-H", "Expect: 100-continue", "-w", "%{http_code}", controller.url())
    assert result.stdout == b"201" and controller.led() == 1


def test_a_replay_gets_the_stored_answer_and_executes_nothing(node, controller):
    file = controller.sign(controller.text(1))
    first = controller.put(file)
    completed(controller.command(0))
    marker = bytes([0xCA, 3]) + b"PGP"
    for copy, name in ((file, None), (marker + file, None), (file, "other.pgp")):
        status, headers, body = controller.put(copy, name)
        assert (status, body) == (200, first[2])
    assert controller.led() == 0
    node.stop()
    node.start()
    status, _, body = controller.put(file)
    assert (status, body) == (200, first[2])
    assert controller.led() == 0 and node.status()["commands"]["repeated"] == 1


def test_reordered(controller):
    now = time.time()
    completed(controller.command(1, start=now))
    refused(controller.command(0, start=now - 1), "reordered")
    refused(controller.command(0, start=now), "reordered")
    assert controller.led() == 1


def test_for_another_device(controller, gnupg):
    other = gnupg.new_key("device")
    refused(controller.command(1, device_fingerprint=other), "wrong-device")
    assert controller.led() == 0


def test_limits_time_and_target(node, controller):
    for value in (2, -1, 0.5):
        refused(controller.command(value), "out-of-limits")
    refused(controller.command(1, target="lamp"), "unknown-target")
    refused(controller.command(1, start=time.time() - 301), "outside-window")
    refused(controller.command(1, start=time.time() + 302), "outside-window")
    refused(controller.command(1, endTime=date(time.time() - 1)), "expired")
    assert controller.led() == 0
    assert list((node.root / f".{controller.fingerprint}").iterdir() if (node.root / f".{controller.fingerprint}").exists() else []) == []


def test_a_friend_who_may_not_command(node, gnupg):
    viewer = Controller(node, gnupg, "viewer", ("viewers",))
    node.start()
    refused(viewer.command(1), "not-controller")
    assert viewer.led() == 0


def test_a_stranger(node, controller, tmp_path):
    """Not a friend, and one who pretends to be the controller: the same answer, nothing stored."""
    home = GnuPG(tmp_path / "stranger")
    try:
        home.import_key(node.public_key())
        stranger = Controller(node, home, "stranger", ())
        file = stranger.sign(stranger.text())
        answers = {stranger.put(file)[0::2], stranger.put(file, sender=controller.fingerprint)[0::2], stranger.put(b"x" * 100)[0::2]}
        assert answers == {(403, b"403 Forbidden\n")}
    finally:
        home.close()
    assert controller.led() == 0
    assert node.status()["commands"]["unacceptable"] == 3 and node.log_text().count("event=command-unacceptable") == 2, "logged when the count doubles"
    assert not (node.root / f".{stranger.fingerprint}").exists() and not (node.root / f".{controller.fingerprint}").exists()
    assert node.names("^a-") == []


def test_a_removed_controller_commands_no_more(node, controller):
    completed(controller.command(1))
    node.command("friend remove", "--group", "controllers", controller.fingerprint)
    assert controller.command(0)[0] in (403, 422), "at once"
    node.command("friend add", "--group", "viewers", controller.key_file)
    wait_until(lambda: controller.command(0)[0] == 422, "the new group being noticed")
    assert controller.led() == 1


def test_only_messages_to_the_device_and_the_sender(node, controller, gnupg):
    text = controller.text()
    other = gnupg.new_key("third")
    own = node.fingerprint
    bad = {
        "another recipient": controller.sign(text, [own, other]),
        "a hidden recipient": controller.sign(text, [own], hidden=[other]),
        "hidden itself": controller.sign(text, [], hidden=[own]),
        "not to the device": controller.sign(text, [controller.fingerprint]),
        "signed only": gnupg.run("--local-user", controller.fingerprint.upper(), "--output", "-", "--sign", input=text).stdout,
        "armored": controller.sign(text, extra=["--armor"]),
        "with a passphrase too": gnupg.run("--local-user", controller.fingerprint.upper(), "--passphrase", "x", "--recipient", own.upper(), "--output", "-",
                                           "--sign", "--encrypt", "--symmetric", input=text).stdout,
        "twice": controller.sign(text) * 2,
        "cut off": controller.sign(text)[:-1],
    }
    before = node.status()["openPGPOperations"]
    for what, file in bad.items():
        assert controller.put(file)[0] == 403, what
    assert controller.led() == 0 and before == 0
    unsigned = gnupg.run("--recipient", own.upper(), "--output", "-", "--encrypt", input=text).stdout
    assert controller.put(unsigned)[0] == 403
    both = gnupg.run("--local-user", controller.fingerprint.upper(), "--local-user", other.upper(), "--recipient", own.upper(), "--output", "-", "--sign", "--encrypt", input=text).stdout
    assert controller.put(both)[0] == 403, "signed by two"
    status, headers, body = controller.put(controller.sign(text, [own, controller.fingerprint]))
    assert status == 201 and controller.answer(headers, body)


def test_what_is_no_command(node, controller):
    good = json.loads(controller.text())
    for text in (b"", b"{}", b"[]", b"not JSON", json.dumps({**good, "identifier": "x"}).encode(), json.dumps({**good, "@type": "Answer"}).encode(),
                 json.dumps({**good, "object": {**good["object"], "value": "1"}}).encode()):
        assert controller.put(controller.sign(text))[0] == 400, text
    assert controller.led() == 0 and node.names("^a-") == []


def test_http_bounds_of_a_put(node, controller):
    file = controller.sign(controller.text())
    assert controller.put(bytes(16 * 1024 + 1))[0] == 413
    assert controller.put(b"")[0] == 400
    assert controller.put(file, None, None, True, "-H", "Transfer-Encoding: chunked")[0] == 411
    assert controller.put(file, sender=node.fingerprint)[0] == 405
    assert controller.put(file, name="no-suffix")[0] == 405
    status, headers, _ = node.get(controller.url(), "-X", "DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD, PUT")
    assert controller.led() == 0


def test_a_file_is_never_replaced(node, controller):
    assert controller.put(controller.sign(controller.text(1)), "c.pgp")[0] == 201
    stored = (node.root / f".{controller.fingerprint}/c.pgp").read_bytes()
    assert controller.put(controller.sign(controller.text(0)), "c.pgp")[0] == 409
    assert (node.root / f".{controller.fingerprint}/c.pgp").read_bytes() == stored and controller.led() == 1


def test_strangers_come_twelve_times_a_minute(node, controller):
    statuses = [controller.command(1)[0] for _ in range(12)]
    assert statuses == [201] * 12
    status, headers, _ = controller.put(controller.sign(controller.text(0)))
    assert status == 429 and 1 <= int(headers["retry-after"]) <= 60
    assert controller.led() == 1 and node.status()["commands"]["turnedAway"] == 1


@pytest.fixture
def clock(tmp_path, shim):
    return WrongClock(tmp_path, shim)


def test_with_an_unset_clock_a_command_needs_a_challenge(node, gnupg, clock):
    controller = Controller(node, gnupg)
    clock.set(120 - time.time())
    node.start(environment=clock.environment)
    status, headers, body = node.get("/challenge")
    assert status == 200 and len(body) == 16 and headers["cache-control"] == "no-store"
    assert node.get("/challenge")[2] != body
    refused(controller.command(1), "clock-not-set")
    refused(controller.command(1, challenge="00" * 16), "clock-not-set")
    assert controller.led() == 0
    answer = completed(controller.command(1, challenge=body.hex()))
    assert controller.led() == 1
    assert answer["clockState"] == "clockUnset" and "endTime" not in answer
    refused(controller.command(0, challenge=body.hex()), "clock-not-set")
    node.stop()
    _ = node.start(environment=clock.environment)
    text = controller.text(1, challenge=node.get("/challenge")[2].hex())
    node.stop()
    node.start(environment=clock.environment)
    status, headers, body = controller.put(controller.sign(text))
    assert status == 422 and controller.answer(headers, body)["error"] == "clock-not-set", "a challenge of the process before"
    clock.set(0)
    wait_until(lambda: node.status()["clockState"] == "clockSet", "the clock being set")
    time.sleep(1)
    completed(controller.command(1))


def test_state_and_log_are_published(node, controller, gnupg):
    """The state to viewers, the log to controllers, both verified; maud log tells the same."""
    viewer = Controller(node, gnupg, "viewer", ("viewers",))
    time.sleep(1.5)  # until the node has read its friends again
    answer = completed(controller.command(1))
    refused(controller.command(7), "out-of-limits")
    state = node.own / "state-led.json.pgp"
    wait_until(lambda: len(list(node.own.glob("log-*"))) == 2, "the log")
    plain, signer = gnupg.open(state.read_bytes())
    document = json.loads(plain)
    assert signer == node.fingerprint and document["value"] == 1 and document["audience"] == {"@type": "Audience", "audienceType": "group", "name": "viewers"}
    first, second = [json.loads(gnupg.open(path.read_bytes())[0]) for path in sorted(node.own.glob("log-*"))]
    assert second["previous"] == hashlib.sha256(sorted(node.own.glob("log-*"))[0].read_bytes()).hexdigest() and "previous" not in first
    assert first["entries"][0]["identifier"] == answer["identifier"]
    lines = node.command("log").stdout.decode().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(rf"\S+Z {controller.fingerprint} {answer['identifier']} led=1 completed", lines[0])
    assert lines[1].endswith("led=7 failed: out-of-limits")
    assert node.names("state|log|^a-") == [], "private files are not listed to strangers"


def test_maud_log_finds_what_is_wrong(node, controller):
    for value in (1, 0, 1):
        completed(controller.command(value))
    wait_until(lambda: len(list(node.own.glob("log-*"))) == 3, "the log")
    node.stop()
    second = node.own / "log-000000000002.json.pgp"
    kept = second.read_bytes()
    second.unlink()
    result = node.command("log", check=False)
    assert result.returncode == 65 and b"2 to 2 are missing" in result.stderr
    second.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    result = node.command("log", check=False)
    assert result.returncode == 65 and b"log-000000000002" in result.stderr
    second.write_bytes((node.own / "log-000000000001.json.pgp").read_bytes())
    result = node.command("log", check=False)
    assert result.returncode == 65 and b"is another file of the log" in result.stderr
    second.write_bytes(kept)
    assert len(node.command("log").stdout.splitlines()) == 3


def test_a_command_that_comes_as_a_file(node, controller):
    """By sync, or put into the followed directory by another program: carried out all the same, answered, known."""
    node.command("friend follow", controller.fingerprint)
    directory = node.root / controller.fingerprint
    text = controller.text(1)
    (directory / ".c-1").write_bytes(controller.sign(text))
    (directory / ".c-1").rename(directory / "c-1.json.pgp")
    wait_until(lambda: controller.led() == 1, "the command in the followed directory")
    identifier = json.loads(text)["identifier"]
    wait_until((node.own / f"a-{identifier}.json.pgp").exists, "its answer")
    assert controller.stored_answer(identifier)["actionStatus"] == "CompletedActionStatus"
    # A PUT goes to the followed directory now, and is not judged once more there.
    assert controller.put(controller.sign(controller.text(0)), "c-put.json.pgp")[0] == 201
    assert (directory / "c-put.json.pgp").exists() and not (node.root / f".{controller.fingerprint}").exists()
    (directory / ".c-2").write_bytes(controller.sign(controller.text(1)))
    (directory / ".c-2").rename(directory / "c-2.json.pgp")
    wait_until(lambda: controller.led() == 1, "the next command in the followed directory")
    assert node.status()["commands"]["repeated"] == 0


def test_many_commands_that_come_as_files(node, controller, gnupg):
    """However many come at once, each is answered, the oldest first; one of a friend who may not command too."""
    viewer = Controller(node, gnupg, "viewer", ("viewers",))
    for friend in (controller, viewer):
        node.command("friend follow", friend.fingerprint)
    node.stop()
    now, texts = time.time(), []
    for number in reversed(range(40)):
        texts.append(controller.text(number % 2, start=now - 30 + number / 10))
        path = node.root / controller.fingerprint / f"c-{number * 7 % 40}.json.pgp"
        path.write_bytes(controller.sign(texts[-1]))
        os.utime(path, (now - 30 + number / 10,) * 2)
    texts.append(viewer.text(1))
    (node.root / viewer.fingerprint / "c-1.json.pgp").write_bytes(viewer.sign(texts[-1]))
    node.start()
    names = [json.loads(text)["identifier"] for text in texts]
    wait_until(lambda: all((node.own / f"a-{name}.json.pgp").exists() for name in names), "41 answers")
    assert node.status()["commands"]["completed"] == 40 and controller.led() == 1
    assert viewer.stored_answer(names[-1])["error"] == "not-controller"


# Restarts


def slow_board(node, tmp_path):
    """An actuator that is a program which takes its time; what it was told is in a file."""
    script = tmp_path / "set"
    script.write_text(f"#!/bin/sh\nread value\necho $value >> {tmp_path}/told\nif [ $value = 1 ]; then sleep 20; fi\n")
    script.chmod(0o755)
    node.write_board(sensors=[], actuators=[{"name": "led", "title": "LED", "type": "switch", "source": {"type": "command", "arguments": [str(script)], "timeout": 30}}])


def test_a_command_that_a_kill_interrupted_is_answered_failed_and_never_run_again(node, gnupg, tmp_path):
    slow_board(node, tmp_path)
    controller = Controller(node, gnupg)
    node.start()
    text = controller.text(1)
    file = controller.sign(text)
    identifier = json.loads(text)["identifier"]
    client = subprocess.Popen(["curl", "-s", "-X", "PUT", "--data-binary", controller.temporary(file), controller.url()], stdout=subprocess.DEVNULL)
    told = tmp_path / "told"
    wait_until(lambda: told.read_text().split() == ["0", "1"], "the actuator being told")
    node.stop(signal.SIGKILL)
    client.wait()
    assert not (node.own / f"a-{identifier}.json.pgp").exists()
    node.start()
    wait_until((node.own / f"a-{identifier}.json.pgp").exists, "the answer after the restart")
    answer = controller.stored_answer(identifier)
    assert (answer["actionStatus"], answer["error"]) == ("FailedActionStatus", "interrupted")
    status, headers, body = controller.put(file)
    assert status == 200 and controller.answer(headers, body) == answer
    assert told.read_text().split() == ["0", "1", "0"], "the safe state was taken, the command not run again"
    wait_until(lambda: "failed: interrupted" in node.command("log").stdout.decode(), "the log")


def test_at_the_end_the_safe_state_is_taken_whatever_runs(node, gnupg, tmp_path):
    slow_board(node, tmp_path)
    controller = Controller(node, gnupg)
    node.start()
    text = controller.text(1)
    client = subprocess.Popen(["curl", "-s", "-X", "PUT", "--data-binary", controller.temporary(controller.sign(text)), controller.url()], stdout=subprocess.DEVNULL)
    told = tmp_path / "told"
    wait_until(lambda: told.read_text().split() == ["0", "1"], "the actuator being told")
    node.stop()
    client.wait()
    assert told.read_text().split() == ["0", "1", "0"]
    assert controller.stored_answer(json.loads(text)["identifier"])["error"] == "actuator-failed"


@pytest.mark.parametrize("milliseconds", [5, 10, 15, 20, 30, 45, 60, 90])
def test_killed_at_any_moment_a_command_runs_at_most_once(node, gnupg, tmp_path, milliseconds):
    """A counter shows how often; the same file is sent until it is answered."""
    script = tmp_path / "set"
    script.write_text(f"#!/bin/sh\nread value\necho $value >> {tmp_path}/told\n")
    script.chmod(0o755)
    node.write_board(sensors=[], actuators=[{"name": "led", "title": "LED", "type": "level", "maximum": 1000, "source": {"type": "command", "arguments": [str(script)]}}])
    node.weaken_passphrase(gnupg)
    controller = Controller(node, gnupg)
    node.start()
    for value in (1, 2, 3):
        text = controller.text(value)
        file, name = controller.sign(text), f"c-{value}.json.pgp"
        client = subprocess.Popen(["curl", "-s", "-X", "PUT", "--data-binary", controller.temporary(file), controller.url(name)], stdout=subprocess.DEVNULL)
        time.sleep(milliseconds / 1000)
        node.stop(signal.SIGKILL)
        client.wait()
        node.start()
        status, headers, body = controller.put(file, name)
        # 409: it was carried out, and stored, but not yet answered when the node was killed; its answer comes by itself.
        assert status in (200, 201, 409, 503), status
        answer = node.own / f"a-{json.loads(text)['identifier']}.json.pgp"
        wait_until(answer.exists, "an answer in the end")
    told = (tmp_path / "told").read_text().split()
    for value in ("1", "2", "3"):
        assert told.count(value) <= 1, told


def test_a_lost_ledger_refuses_what_was_signed_before(node, controller):
    old = controller.sign(controller.text(1))
    completed(controller.command(0))
    node.stop()
    (node.state / "ledger").unlink()
    time.sleep(1)
    node.start()
    status, headers, body = controller.put(old)
    assert status == 422 and controller.answer(headers, body)["error"] == "ledger-lost"
    time.sleep(1)
    completed(controller.command(1))
    node.stop()
    (node.state / "ledger").write_bytes(b"damaged")
    time.sleep(1)
    node.start()
    assert "event=ledger-lost" in node.log_text() and controller.led() == 0


def test_safe_states(node, gnupg, tmp_path):
    """At start, at the end, after the hold time; a file actuator shows it."""
    path = tmp_path / "value"
    path.write_text("on\n")
    node.write_board(sensors=[], actuators=[{"name": "led", "title": "LED", "type": "switch", "holdTime": 2, "safe": 1,
                                             "source": {"type": "file", "path": str(path), "off": "off", "on": "on"}}])
    controller = Controller(node, gnupg)
    path.write_text("?")
    node.start()
    assert path.read_text() == "on\n", "at start"
    completed(controller.command(0))
    assert path.read_text() == "off\n"
    wait_until(lambda: path.read_text() == "on\n", "the safe state after the hold time", 10)
    assert node.status()["actuatorReleases"] == 1
    completed(controller.command(0))
    assert path.read_text() == "off\n"
    node.stop()
    assert path.read_text() == "on\n", "at the end"
    node.start()
    path.unlink()
    path.mkdir()
    refused(controller.command(0), "actuator-failed")
    assert node.status()["actuators"]["led"] is None
    path.rmdir()
    wait_until(lambda: path.exists() and path.read_text() == "on\n", "the safe state being tried again")
    assert node.status()["actuators"]["led"] == 1
