import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for directory in [HERE, HERE.parent / "EndToEnd"]: sys.path.insert(0, str(directory))

import machine  # noqa: E402
from harness import GnuPG  # noqa: E402

# A day on which the packages of these tests were made, and one for their successors.
EPOCH = 1790000000


def pytest_configure(config): config.addinivalue_line("markers", "long: not in `make test`, which must not take for ever, but in `make test-package`")


def make_deb(*words, epoch=EPOCH, environment=None):
    """Makes a package of what was built; the path of it."""
    result = subprocess.run([ROOT / "scripts/make-deb.sh", *words], cwd=ROOT, capture_output=True, text=True,
                            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), **(environment or {})})
    assert result.returncode == 0, result.stderr
    return ROOT / result.stdout.rsplit(":", 1)[0]


def built(board):
    """The program for a board; a test is skipped without it."""
    path = ROOT / "out" / board / "maud" if board != "mau" else ROOT / "out/mau"
    if not path.exists(): pytest.skip(f"{path.relative_to(ROOT)} was not built")
    return path


@pytest.fixture(scope="session")
def make_package(tmp_path_factory):
    """Packages of this machine's maud, of any board.json and time; the program is copied, so that its own directory stays as it is."""
    def make(board="linux-host", epoch=EPOCH, program=None):
        directory = tmp_path_factory.mktemp("package")
        target = directory / "maud"
        target.write_bytes((program or built("linux-host")).read_bytes())
        target.chmod(0o755)
        return make_deb("maud", board, "", target, epoch=epoch)
    return make


@pytest.fixture(scope="session")
def package(make_package):
    return make_package()


@pytest.fixture
def make_system(tmp_path):
    """Makes systems (machine.py); each goes at the end."""
    if machine.missing(): pytest.skip(machine.missing())
    systems = []

    def make(kind=machine.Machine, packages=machine.PACKAGES):
        (tmp_path / "system").mkdir()
        systems.append(kind(tmp_path / "system", machine.base(packages=packages)))
        return systems[-1]
    yield make
    for system in systems: system.close()


@pytest.fixture(scope="session")
def board(tmp_path_factory, package):
    """A machine on which the package was installed as a person does it; it is everybody's."""
    if machine.missing(): pytest.skip(machine.missing())
    booted = machine.Machine(tmp_path_factory.mktemp("board"))
    try:
        booted.installation = install(booted, package)
        yield booted
    finally: booted.close()


def install(system, package):
    """apt install ./PACKAGE; what that printed."""
    system.copy(package, f"/root/{package.name}")
    return system.run("apt-get", "install", "-y", "-o", "APT::Sandbox::User=root", "--no-install-recommends", f"/root/{package.name}").stdout


@pytest.fixture
def gnupg(tmp_path):
    home = GnuPG(tmp_path / "gnupg")
    yield home
    home.close()


LED = {"name": "led", "title": "LED", "type": "switch", "source": {"type": "led", "name": "ACT"}}
LOAD = {"name": "load", "title": "Load", "property": "loadAverage", "unitCode": "C62", "unitText": "processes", "minimum": 0, "maximum": 10000, "decimals": 2,
        "source": {"type": "load"}, "period": 1, "batch": 1, "audience": "public"}
BUTTON = {**LOAD, "name": "button", "source": {"type": "gpioLine", "line": 3}}


@pytest.fixture
def lit(board, tmp_path):
    """The machine with an LED as the kernel shows them, and a board.json that names it and a GPIO chip."""
    board.run("sh", "-c", """mountpoint -q /sys/class || mount -t tmpfs class /sys/class; mkdir -p /sys/class/leds/ACT /sys/class/leds/PWR; cd /sys/class/leds
        for name in ACT PWR; do echo 255 > $name/max_brightness; echo 0 > $name/brightness; echo mmc0 > $name/trigger; done""")
    board.write("/etc/maud/board.json", json.dumps({"name": "Lit", "sensors": [LOAD, BUTTON], "actuators": [LED]}).encode())
    board.run("systemctl", "daemon-reload")
    board.run("systemctl", "restart", "maud")
    return board
