"""The unit: how exposed it is, what it is allowed for a board, and that it does its work inside all that."""
import json
import re
import subprocess

import pytest

import machine
from commands import Controller
from conftest import LED, LOAD, ROOT
from harness import wait_until
from inside import Connection, Inside

# docs/unit.md
MOST_EXPOSED = 1.5


def drop_in(system, board, tmp_path):
    """What the generator makes of a board.json, in the system with the package's files."""
    (system.root / "etc/maud").mkdir(exist_ok=True)
    (system.root / "etc/maud/board.json").write_text(json.dumps(board))
    (system.root / "generated").mkdir(exist_ok=True)
    result = system.chroot("/usr/lib/systemd/system-generators/maud-generator", "/generated", "/generated", "/generated")
    assert result.returncode == 0, result.stderr
    file = system.root / "generated/maud.service.d/board.conf"
    return file.read_text() if file.exists() else ""


@pytest.fixture
def unpacked(make_system, package):
    """The package's files in a system that does not run."""
    system = make_system(machine.System)
    subprocess.run(["dpkg-deb", "--extract", package, system.root / "tmp/package"], check=True)
    subprocess.run(["cp", "-a", f"{system.root}/tmp/package/.", system.root], check=True)
    return system


def board_of(name):
    board = json.loads((ROOT / "boards" / name / "board.json").read_text())
    board.pop("$schema")
    return board


@pytest.mark.parametrize("name", ["raspberry-pi-4", "linux-host"])
def test_exposure(unpacked, name, tmp_path):
    text = drop_in(unpacked, board_of(name), tmp_path)
    assert ('ReadWritePaths="-/sys/class/leds/ACT"' in text) == (name == "raspberry-pi-4")
    directory = unpacked.root / "etc/systemd/system/maud.service.d"
    directory.mkdir()
    (directory / "board.conf").write_text(text)
    result = unpacked.chroot("systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={round(MOST_EXPOSED * 10)}", "maud.service")
    score = float(re.search(r"Overall exposure level for maud.service: ([0-9.]+)", result.stdout)[1])
    print(f"{name}: {score}")
    assert result.returncode == 0 and score <= MOST_EXPOSED, result.stdout


def test_units_are_right(unpacked):
    assert unpacked.chroot("systemd-sysusers").returncode == 0
    result = unpacked.chroot("systemd-analyze", "verify", "--man=no", "maud.service", "maud-setup.service", "run-maud.mount")
    assert (result.returncode, [line for line in result.stderr.splitlines() if "maud" in line]) == (0, [])
    assert unpacked.chroot("udevadm", "verify", "/usr/lib/udev/rules.d/99-maud.rules").returncode == 0


def test_only_what_board_json_names(unpacked, tmp_path):
    actuator = {"name": "a", "title": "A", "type": "switch"}
    sources = [{"type": "gpioLine", "chip": "gpiochip3", "line": 1}, {"type": "attribute", "path": "/sys/devices/a%b \"c\\d"}, {"type": "file", "path": "/run/x/y"}, {"type": "simulator"}]
    text = drop_in(unpacked, {"name": "x", "actuators": [{**actuator, "name": f"a{n}", "source": source} for n, source in enumerate(sources)]}, tmp_path)
    service = text.split("[Service]\n")[1].split("[Unit]\n")[0]
    assert service.splitlines() == ['DeviceAllow="/dev/gpiochip3" rw', 'BindPaths="-/dev/gpiochip3"', 'ReadWritePaths="-/sys/devices/a%%b \\"c\\\\d"', 'ReadWritePaths="-/run/x"']
    assert text.split("[Unit]\n")[1].splitlines() == ["Wants=dev-gpiochip3.device", "After=dev-gpiochip3.device"]


def test_a_board_json_that_is_not_right_allows_nothing(unpacked, tmp_path):
    assert drop_in(unpacked, {"name": "x", "colour": 1}, tmp_path) == ""


def test_a_led_is_switched_and_readings_are_signed(lit, gnupg, tmp_path):
    node = Inside(lit, tmp_path)
    controller = Controller(node, gnupg)
    gnupg.import_key(node.export())
    brightness = lambda: lit.run("cat", "/sys/class/leds/ACT/brightness").stdout.strip()  # noqa: E731
    assert brightness() == "0"
    wait_until(lambda: controller.command()[0] == 201, "the controller to be known")
    assert brightness() == "255" and lit.run("cat", "/sys/class/leds/ACT/trigger").stdout.strip() == "none"
    readings = wait_until(lambda: [name for name in node.listed() if name.startswith("r-load-")], "a signed reading")
    plain, signer = gnupg.open(node.file(readings[-1]))
    assert signer == node.fingerprint and json.loads(plain)["readings"][0]["value"] >= 0


def test_what_the_unit_is_not_allowed(lit):
    """In its own namespaces, as its user."""
    process = lit.run("systemctl", "show", "-P", "MainPID", "maud").stdout.strip()

    def may(command):
        return lit.run("nsenter", "-t", process, "-m", "setpriv", "--reuid=maud", "--regid=maud", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "sh", "-c", command,
                       check=False).returncode == 0
    assert may("echo 1 > /sys/class/leds/ACT/brightness")
    assert may("echo x > /var/lib/maud/state/probe && rm /var/lib/maud/state/probe")
    assert may("test -c /dev/gpiochip0") and not may("test -e /dev/console") and not may("test -e /dev/kmsg")
    for command in ["echo 1 > /sys/class/leds/PWR/brightness", "echo x > /etc/maud/board.json", "echo x > /var/tmp/../lib/probe", "ls /root", "ls /home/*", "cat /etc/shadow",
                    "cat /etc/credstore.encrypted/maud.passphrase", "echo x > /proc/sys/kernel/hostname"]:
        assert not may(command), command
    status = lit.run("cat", f"/proc/{process}/status").stdout
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE) and re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE) and re.search(r"^Seccomp:\t2$", status, re.MULTILINE)


def test_devices_that_board_json_does_not_name(lit):
    """Whoever gets at another device node, by whatever name, is refused by the kernel: in the unit's control group, with all rights of root."""
    group = lit.run("systemctl", "show", "-P", "ControlGroup", "maud").stdout.strip()

    def opens(device, group): return lit.run("sh", "-c", f"echo $$ > /sys/fs/cgroup{group}/cgroup.procs && exec 3<> {device}", check=False).returncode == 0
    assert opens("/dev/gpiochip0", group) and opens("/dev/null", group)
    assert not opens("/dev/gpiochip1", group)
    lit.run("sh", "-c", "mkdir -p /sys/fs/cgroup/elsewhere")
    assert opens("/dev/gpiochip1", "/elsewhere"), "it can be opened, just not there"
    # The right to what is named is the user's own, by an access control list that takes nobody else's away.
    assert "user:maud:rw-" in lit.run("getfacl", "-p", "/dev/gpiochip0").stdout.splitlines()
    assert "user:maud:rw-" not in lit.run("getfacl", "-p", "/dev/gpiochip1").stdout
    assert lit.run("stat", "-c", "%G %a", "/sys/class/leds/ACT/brightness").stdout.strip() == "maud 664"
    assert lit.run("stat", "-c", "%G %a", "/sys/class/leds/PWR/brightness").stdout.strip() == "root 644"


def test_reload(lit, tmp_path):
    """Another board.json is taken over, one that is not right is not; a connection from before outlives both."""
    node = Inside(lit, tmp_path)
    process = lit.run("systemctl", "show", "-P", "MainPID", "maud").stdout
    held = Connection(lit)
    assert held.status(f"/p2p/{node.fingerprint}") == 200
    document = node.file("device.json.pgp")
    lit.write("/etc/maud/board.json", json.dumps({"name": "Other", "sensors": [LOAD], "actuators": [LED]}).encode())
    lit.run("systemctl", "reload", "maud")
    wait_until(lambda: lit.journal().count("event=board-reloaded sensors=1 actuators=1") == 1, "the reload")
    document = wait_until(lambda: node.file("device.json.pgp") != document and node.file("device.json.pgp"), "what the device says of itself now")
    assert held.status(f"/p2p/{node.fingerprint}") == 200
    # One that is not right: the unit says so, and the node was not even asked.
    lit.write("/etc/maud/board.json", b'{"name": "x", "colour": 1}')
    assert lit.run("systemctl", "reload", "maud", check=False).returncode != 0
    assert "colour" in lit.journal() and "event=board-refused" not in lit.journal()
    # One that names what this start was not allowed.
    lit.write("/etc/maud/board.json", json.dumps({"name": "Other", "actuators": [{**LED, "source": {"type": "led", "name": "PWR"}}]}).encode())
    assert lit.run("systemctl", "reload", "maud", check=False).returncode != 0
    assert "/sys/class/leds/PWR, which the unit does not allow yet" in lit.journal()
    assert json.loads(lit.run("maudctl", "status").stdout)["actuators"].keys() == {"led"} and node.file("device.json.pgp") == document
    assert held.status(f"/p2p/{node.fingerprint}") == 200 and lit.run("systemctl", "show", "-P", "MainPID", "maud").stdout == process
    lit.run("systemctl", "daemon-reload")
    lit.run("systemctl", "restart", "maud")
    assert lit.run("systemctl", "show", "-P", "MainPID", "maud").stdout != process
    assert json.loads(lit.run("maudctl", "status").stdout)["actuators"].keys() == {"led"}
