"""SIGHUP: board.json is read again while everything else goes on; one that is not right changes nothing."""
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from commands import Controller
from harness import wait_until


def sensor(name, **changes):
    return {"name": name, "title": name, "property": "count", "unitCode": "C62", "unitText": "times", "minimum": 0, "maximum": 100, "decimals": 0,
            "source": {"type": "simulator", "waveform": "sawtooth"}, "period": 1, "batch": 1, "audience": "public", **changes}


LAMP = {"name": "lamp", "title": "Lamp", "type": "switch", "source": {"type": "simulator"}}


def logged(node, event, count=1):
    wait_until(lambda: node.log_text().count(f"event={event}") >= count, f"{count} times {event} in\n{node.log_text()}")
    return [line for line in node.log_text().splitlines() if f"event={event}" in line][-1]


class Kept:
    """One connection with requests on it, before and after."""

    def __init__(self, node):
        self.node = node
        self.socket = socket.create_connection(("127.0.0.1", node.port), 20)
        self.file = self.socket.makefile("rb")

    def status(self, name="device.json.pgp"):
        self.socket.sendall(f"GET /p2p/{self.node.fingerprint}/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status = int(self.file.readline().split()[1])
        length = 0
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"): length = int(line.split(b":")[1])
        self.file.read(length)
        return status


def test_new_sensors_and_actuators_without_losing_a_connection(node, gnupg):
    node.write_board(sensors=[sensor("one")], actuators=[])
    controller = Controller(node, gnupg)
    node.start()
    kept = Kept(node)
    assert kept.status() == 200
    node.wait_for(r"^r-one-")
    before = node.status()
    node.write_board(name="Another name", sensors=[sensor("two"), sensor("three")], actuators=[LAMP])
    node.process.send_signal(signal.SIGHUP)
    assert logged(node, "board-reloaded").endswith("sensors=2 actuators=1")
    assert kept.status() == 200, "the same connection goes on"
    gnupg.import_key(node.public_key())
    document = json.loads(node.verified(gnupg, "device.json.pgp"))
    assert document["name"] == "Another name"
    node.wait_for(r"^r-two-")
    node.wait_for(r"^r-three-")
    status, answer, _ = controller.command(target="lamp")
    assert (status, answer["actionStatus"]) == (201, "CompletedActionStatus")
    after = node.status()
    assert after["actuators"] == {"lamp": 1}
    assert after["readings"]["taken"] >= before["readings"]["taken"] and after["server"]["connections"] >= before["server"]["connections"], "counters never go down"
    # What was read with the former board was published, and nothing after it.
    last = node.names(r"^r-one-")[-1]
    node.wait_for(r"^r-two-", 4)
    assert node.names(r"^r-one-")[-1] == last
    assert node.stop() == 0


def test_a_chain_goes_on_where_it_was(node, gnupg):
    node.write_board(sensors=[sensor("one", batch=3)], actuators=[])
    node.start()
    node.wait_for(r"^r-one-")
    for count in range(1, 4):
        node.process.send_signal(signal.SIGHUP)
        logged(node, "board-reloaded", count)
    node.wait_for(r"^r-one-", 4)
    gnupg.import_key(node.public_key())
    batches = [json.loads(node.verified(gnupg, name)) for name in node.names(r"^r-one-")]
    assert [batch["sequence"] for batch in batches] == list(range(1, len(batches) + 1))
    assert node.stop() == 0


@pytest.mark.parametrize("text, reason", [
    ('{"name": "x", "sensors": [', "near end of file"), ('{"name": "x", "colour": 1}', "colour"), (None, "No such file"),
], ids=["cut", "unknown", "missing"])
def test_a_bad_one_is_refused_and_the_old_one_stays(node, gnupg, text, reason):
    node.write_board(sensors=[sensor("one")], actuators=[LAMP])
    controller = Controller(node, gnupg)
    node.start()
    assert controller.command(target="lamp")[0] == 201
    if text is None: node.board.unlink()
    else: node.board.write_text(text)
    node.process.send_signal(signal.SIGHUP)
    assert reason in logged(node, "board-refused")
    assert node.status()["actuators"] == {"lamp": 1}, "not even the safe state was taken"
    node.wait_for(r"^r-one-", len(node.names(r"^r-one-")) + 2)
    assert node.stop() == 0


def test_many_at_once_end_with_the_last(node):
    node.write_board(sensors=[sensor("one")], actuators=[LAMP])
    node.start()
    for number in range(20):
        node.write_board(sensors=[sensor(f"s{number}")], actuators=[])
        node.process.send_signal(signal.SIGHUP)
    node.wait_for(r"^r-s19-")
    assert node.stop() == 0


def test_the_end_in_the_middle(node):
    node.write_board(sensors=[sensor("one")], actuators=[{**LAMP, "source": {"type": "command", "arguments": ["/usr/bin/sleep", "30"], "timeout": 30}}])
    node.start()
    node.process.send_signal(signal.SIGHUP)
    assert node.stop() == 0


def test_the_service_manager_is_told(node, tmp_path):
    """Type=notify: RELOADING and READY, each in a datagram of its own."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        node.start(environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(4096) == b"READY=1"
        node.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=[0-9]+", manager.recv(4096))
        assert manager.recv(4096) == b"READY=1"
        assert node.stop() == 0
        assert manager.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT], ids=["segv", "abrt"])
def test_a_crash_leaves_a_line(node, number):
    node.start()
    os.kill(node.pid, number)
    assert node.process.wait(20) == -number
    assert re.search(rf"^event=crashed signal={int(number)} offset=(0x[0-9a-f]+|library)", node.log_text(), re.MULTILINE)


def test_devices(node):
    node.write_board(sensors=[sensor("button", source={"type": "gpioLine", "chip": "gpiochip2", "line": 3})], actuators=[
        {**LAMP, "source": {"type": "gpioLine", "line": 27}}, {**LAMP, "name": "again", "source": {"type": "gpioLine", "line": 28}},
        {**LAMP, "name": "led", "source": {"type": "led", "name": "ACT"}}, {**LAMP, "name": "pwm", "source": {"type": "pulseWidth", "period": 1000}},
        {**LAMP, "name": "heater", "source": {"type": "attribute", "path": "/sys/devices/heater/state"}},
        {**LAMP, "name": "panel", "source": {"type": "backlight", "name": "10-0045"}},
        {**LAMP, "name": "file", "source": {"type": "file", "path": "/run/greenhouse/lamp"}}, {**LAMP, "name": "top", "source": {"type": "file", "path": "/lamp"}}])
    result = subprocess.run([*node.maud, "devices", "--board", node.board], capture_output=True, check=True)
    assert result.stdout.decode().splitlines() == [
        "/dev/gpiochip2", "/dev/gpiochip0", "/sys/class/leds/ACT", "/sys/class/pwm/pwmchip0", "/sys/devices/heater/state", "/sys/class/backlight/10-0045", "/run/greenhouse", "/"]
