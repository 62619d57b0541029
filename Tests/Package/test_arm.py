"""The packages for arm64 and armhf, installed by their own dpkg and run there, under qemu-user."""
import re

import pytest

import emulation
import machine
from conftest import built, make_deb

pytestmark = pytest.mark.long
BOARDS = {"arm64": ("raspberry-pi-4", "raspberry-pi-zero-2-w"), "armhf": ("raspberry-pi-2", "raspberry-pi-2")}


@pytest.fixture(params=BOARDS)
def system(request, tmp_path):
    """A system of that architecture with the package installed."""
    architecture = request.param
    if emulation.missing(architecture): pytest.skip(emulation.missing(architecture))
    board, program = BOARDS[architecture]
    copy = tmp_path / "maud"
    copy.write_bytes(built(program).read_bytes())
    package = make_deb("maud", board, architecture, copy)
    (tmp_path / "system").mkdir()
    with emulation.Emulation(architecture):
        system = machine.System(tmp_path / "system", machine.base(architecture, emulation.PACKAGES))
        try:
            system.architecture = architecture
            system.copy(package, f"/root/{package.name}")
            # dpkg refuses what lacks something: all that the package depends on is there, under the names and in the versions that it says.
            result = system.chroot("dpkg", "--install", f"/root/{package.name}")
            assert result.returncode == 0, result.stdout + result.stderr
            yield system
        finally: system.close()


SCRIPT = """set -e
    mount -t proc proc /proc
    mount -t tmpfs -o mode=0755 tmpfs /run
    mount -t tmpfs tmpfs /dev; for node in null:3 zero:5 random:8 urandom:9; do mknod -m 0666 /dev/${node%:*} c 1 ${node#*:}; done
    mkdir /run/maud; mount -t ramfs ramfs /run/maud
    as() { setpriv --reuid=maud --regid=maud --clear-groups "$@"; }
    install -d -o maud -g maud -m 0700 /run/maud /var/lib/maud /var/lib/maud/root /var/lib/maud/state
    install -o maud -m 0400 /dev/null /run/passphrase; head -c 24 /dev/random | base64 > /run/passphrase
    as maud init --root /var/lib/maud/root --name board --passphrase-file /run/passphrase --runtime /run/maud
    as maud run --root /var/lib/maud/root --state /var/lib/maud/state --runtime /run/maud --board /etc/maud/board.json --passphrase-file /run/passphrase \
      --http 127.0.0.1:0 --https 127.0.0.1:0 --no-mdns --no-bluetooth > /tmp/output 2> /tmp/log & pid=$!
    for attempt in $(seq 600); do if grep -q ^ready /tmp/output; then break; fi; sleep 0.1; done
    grep -qs ^ready /tmp/output
    mkdir -p /etc/credstore; cp /run/passphrase /etc/credstore/maud.passphrase
    maudctl fingerprint
    maudctl claim-code
    kill -TERM $(cat /proc/$pid/task/$pid/children)
    wait $pid
    grep -c event=ended /tmp/log"""


def test_installed_and_run(system):
    assert (system.root / "usr/bin/maud").read_bytes()[18] == {"arm64": 0xB7, "armhf": 0x28}[system.architecture]
    assert system.chroot("dpkg", "--print-architecture").stdout.strip() == system.architecture
    assert system.chroot("dpkg-query", "-W", "-f", "${db:Status-Status}", "maud").stdout == "installed"
    assert system.chroot("apt-get", "check").returncode == 0
    assert re.search("^maud:", (system.root / "etc/passwd").read_text(), re.MULTILINE)
    assert (system.root / "etc/systemd/system/multi-user.target.wants/maud.service").is_symlink()
    result = system.chroot("bash", "-c", SCRIPT, timeout=300)
    log = (system.root / "tmp/log").read_text() if (system.root / "tmp/log").exists() else ""
    assert result.returncode == 0, result.stdout + result.stderr + log
    made, fingerprint, claim, ended = [line for line in result.stdout.splitlines() if line][-4:]
    assert re.fullmatch("[0-9a-f]{40}", fingerprint) and claim.startswith(f"mau:{fingerprint}?claim=") and ended == "1"


def test_its_own_systemd_takes_the_units(system):
    """What the generator makes of the board's own board.json, and how exposed the unit is by the systemd of that architecture."""
    (system.root / "generated").mkdir()
    result = system.chroot("/usr/lib/systemd/system-generators/maud-generator", "/generated", "/generated", "/generated")
    assert result.returncode == 0, result.stderr
    text = (system.root / "generated/maud.service.d/board.conf").read_text()
    assert 'ReadWritePaths="-/sys/class/leds/ACT"' in text
    directory = system.root / "etc/systemd/system/maud.service.d"
    directory.mkdir()
    (directory / "board.conf").write_text(text)
    result = system.chroot("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", "maud.service")
    assert result.returncode == 0, result.stdout + result.stderr
    result = system.chroot("systemd-analyze", "verify", "--man=no", "maud.service", "maud-setup.service", "maud-claim.service", "maud-claim.path", "run-maud.mount")
    assert (result.returncode, [line for line in result.stderr.splitlines() if "maud" in line]) == (0, [])
