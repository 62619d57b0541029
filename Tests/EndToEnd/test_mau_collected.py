"""The companion on what it has collected: verifying, browsing, exporting, watching (docs/mau.md)."""
import csv
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from companion import MAU
from harness import PATIENCE, wait_until
from test_readings import sensor


@pytest.fixture
def collected(make_person, board):
    """A person who has fetched a few readings and a command's answer; the board is off now."""
    person = make_person().meets(board, "controllers", "viewers")
    board.start("--no-mdns")
    wait_until(lambda: len(list(board.own.glob("r-humidity-*"))) > 3, "some readings")
    person.reaches(board)
    person.run("set", "led", "on")
    board.stop()
    person.peers = []
    board.start("--no-mdns", https=f"127.0.0.1:{board.secure_port}")
    person.reaches(board).run("sync")
    board.stop()
    person.peers = []
    return person


def chains(person, code=0):
    return {one["chain"]: one for one in json.loads(person.run("verify", "greenhouse", "--offline", "--json", code=code).stdout)}


def test_a_whole_chain_and_a_gap(collected, board):
    found = chains(collected)
    assert set(found) == {"temperature", "humidity", "log"} and all(one["isWhole"] for one in found.values())
    files = sorted(collected.files(board).glob("r-humidity-*"))
    assert (found["humidity"]["files"], found["humidity"]["first"], found["humidity"]["last"]) == (len(files), 1, len(files))
    files[1].unlink()
    problem, = chains(collected, 65)["humidity"]["problems"]
    assert (problem["kind"], problem["first"], problem["last"]) == ("missing", 2, 2)
    assert "NOT WHOLE" in collected.text("verify", "--offline", code=65)


def test_who_came_later_misses_nothing_but_what_was_before(collected, board):
    sorted(collected.files(board).glob("r-humidity-*"))[0].unlink()
    found = chains(collected)["humidity"]
    assert found["isWhole"] and found["absentThrough"] == 1
    sorted(collected.files(board).glob("r-temperature-*"))[0].unlink()  # this one is public: everybody could always have it
    assert chains(collected, 65)["temperature"]["problems"][0]["kind"] == "missing"


def test_what_the_device_removed_is_no_gap(make_person, board):
    person = make_person().meets(board, "viewers")
    board.write_board(sensors=[sensor("short", retention={"count": 3}), sensor("clock", period=1)])
    board.start("--no-mdns")
    board.wait_for("^r-short-0*12")
    board.stop()  # nothing is removed while a visit lists
    board.write_board(sensors=[sensor("clock", period=1)], actuators=[])
    board.start("--no-mdns")
    person.reaches(board).run("sync")
    chain = {one["chain"]: one for one in person.json("verify", "--offline")}["short"]
    assert chain["isWhole"] and chain["removedThrough"] >= max(chain["first"] - 1, 5)
    (person.files(board) / "checkpoint-short.json.pgp").unlink()
    chain = {one["chain"]: one for one in json.loads(person.run("verify", "--offline", "--json", code=65).stdout)}["short"]
    assert chain["problems"][0]["kind"] == "missing" and chain["problems"][0]["first"] == 1


def test_changed_and_exchanged_files_are_named(collected, board):
    first, second, *_ = sorted(collected.files(board).glob("r-temperature-*"))
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    problem = chains(collected, 65)["temperature"]["problems"][0]
    assert (problem["kind"], problem["first"]) == ("bad", 2)
    assert "not believed" in collected.sentence("dataError", "verify", second)
    second.write_bytes(first.read_bytes())  # rightly signed, and not what its name says
    assert chains(collected, 65)["temperature"]["problems"][0]["kind"] == "bad"
    second.write_bytes(next(collected.files(board).glob("a-*")).read_bytes())
    assert chains(collected, 65)["temperature"]["problems"][0]["kind"] == "bad"


def test_somebody_elses_signature_is_none(collected, board, gnupg):
    other = gnupg.new_key("other")
    collected.run("key", "--output", collected.directory / "own.pgp")
    key = collected.directory / "other.pgp"
    key.write_bytes(gnupg.run("--export", other).stdout)
    collected.run("friend", "add", key)
    file = sorted(collected.files(board).glob("r-temperature-*"))[0]
    file.write_bytes(gnupg.run("--local-user", other, "--compress-algo", "none", "--output", "-", "--sign", input=b"{}").stdout)
    assert f"signed by {other}" in collected.sentence("dataError", "verify", file)
    elsewhere = collected.directory / "x.json.pgp"
    elsewhere.write_bytes(file.read_bytes())
    assert collected.json("verify", elsewhere)["signedBy"] == other
    assert "signed by other" in collected.text("verify", elsewhere)


def test_browse_is_in_time_order(collected, board):
    everything = collected.json("browse", "--offline")
    assert [one["date"] for one in everything] == sorted(one["date"] for one in everything)
    kinds = {one.get("type") for one in everything}
    assert {"Device", "ReadingBatch", "Answer", "CommandLog", "ActuatorState"} <= kinds
    assert len(everything) == len(list(collected.files(board).glob("*.pgp")))
    assert any(one["summary"] == "led = 1 completed" for one in everything)
    last = collected.json("browse", "greenhouse", "--last", "2", "--offline")
    assert len(last) == 2
    assert "a vocabulary" in collected.text("browse", "--offline")


def test_export_has_every_reading_with_its_unit(collected, board):
    batches = {path.name: json.loads(board.command("open", board.own / path.name).stdout) for path in collected.files(board).glob("r-*")}
    expected = sorted((batch["sensor"].split("#")[1], reading["observationDate"], reading["value"]) for batch in batches.values() for reading in batch["readings"])
    rows = list(csv.DictReader(io.StringIO(collected.run("export", "--csv", "--offline").stdout.decode(), newline="")))
    assert sorted((row["sensor"], row["date"], float(row["value"])) for row in rows) == expected
    assert {(row["sensor"], row["unitCode"], row["unitText"]) for row in rows} == {("temperature", "CEL", "°C"), ("humidity", "P1", "%")}
    lines = [json.loads(line) for line in collected.text("export", "--jsonl", "--offline", "greenhouse/humidity").splitlines()]
    assert sorted((one["date"], one["value"]) for one in lines) == [(date, value) for sensor, date, value in expected if sensor == "humidity"]
    dates = sorted(one["date"] for one in lines)
    some = collected.text("export", "--jsonl", "--offline", "humidity", "--since", dates[1], "--until", dates[-1]).splitlines()
    assert sorted(json.loads(line)["date"] for line in some) == dates[1:-1]
    assert collected.run("export", "--since", "yesterday", code=64).stderr


def test_export_leaves_out_what_is_not_believed_and_says_so(collected, board):
    file = sorted(collected.files(board).glob("r-temperature-*"))[0]
    file.write_bytes(b"\x00" * 100)
    result = collected.run("export", "temperature", "--offline", code=65)
    assert file.name not in result.stdout.decode() and file.name in result.stderr.decode()


def test_a_node_verifies_itself(make_person, board):
    """On the node's own directory: its public and its private chains, from their beginning."""
    person = make_person("Nobody")
    board.start("--no-mdns")
    wait_until(lambda: len(list(board.own.glob("r-humidity-*"))) > 3, "some readings")
    board.stop()
    own = ["verify", "--offline", "--root", board.root, "--passphrase-file", board.passphrase_file]
    found = {one["chain"]: one for one in person.json(*own)}
    assert set(found) == {"temperature", "humidity"} and all(one["isWhole"] and one["device"] == board.fingerprint for one in found.values())
    sorted(board.own.glob("r-temperature-*"))[0].unlink()
    assert not json.loads(person.run(*own, "--json", code=65).stdout)[1]["isWhole"]


def test_whoever_has_read_enough_is_told_nothing(collected):
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([MAU, "export", "--offline"], stdout=writer, stderr=subprocess.PIPE, env=collected.environment)
    os.close(writer)
    assert (result.returncode, result.stderr) == (74, b"")
    with open("/dev/full", "wb") as full:
        result = subprocess.run([MAU, "export", "--offline"], stdout=full, stderr=subprocess.PIPE, env=collected.environment)
    assert result.returncode == 74 and b"No space left" in result.stderr


@pytest.fixture
def watched(make_person, board):
    person = make_person().meets(board, "viewers")
    board.start("--no-mdns")
    board.wait_for("^r-temperature")
    return person.reaches(board)


def test_watch_prints_a_line_for_each_new_reading(watched):
    lines = watched.text("watch", "--every", "0.3", "--count", "3", "temperature").splitlines()
    assert len(lines) == 3 and all(re.fullmatch(r"20[-0-9]+T[:.0-9]+Z\tSimulator\ttemperature\t[0-9.]+ °C", line) for line in lines)
    assert len(set(lines)) == 3
    one, = watched.text("watch", "--every", "0.3", "--count", "1", "--json").splitlines()
    assert json.loads(one)["unitCode"] in ("CEL", "P1")


def test_watch_without_a_terminal_ends_in_order(watched):
    process = subprocess.Popen([MAU, "watch", "--every", "0.3"], stdout=subprocess.PIPE, env=watched.environment)
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    assert not list(watched.runtime.glob("maud-*"))


def test_watch_in_a_terminal_draws_a_table_and_gives_the_terminal_back(watched):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(MAU, ["mau", "watch", "--every", "0.3"], {**watched.environment, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})
    shown = b""
    end = time.monotonic() + PATIENCE
    while shown.count(b"DEVICE") < 3:
        assert time.monotonic() < end, shown.decode(errors="replace")
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:
        pass  # Linux says the end of a terminal so
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert re.search(r"Simulator +temperature +[0-9.]+ °C +[0-9]+ s .*[▁▂▃▄▅▆▇█]", text)
    assert text.count("\x1b[?25l") == 1 and text.rstrip().endswith("\x1b[?25h"), "the cursor stays hidden"
    assert not list(watched.runtime.glob("maud-*"))
