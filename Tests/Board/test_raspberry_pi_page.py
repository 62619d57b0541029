"""docs/raspberry-pi.md, followed to the letter on an emulated board: every command on it in its order, and what it prints. `make deploy` goes by a real ssh."""
import os
import re
import subprocess
import time

import page
import pytest
from emulator import REPOSITORY
from network import BOARD
from test_story import line

pytestmark = pytest.mark.long

PAGE = REPOSITORY / "docs/raspberry-pi.md"
LOOKING = ("mau devices", "mau get", "mau verify")
PATIENCE = 900  # seconds a command; the emulator takes ten times as long as a board
# What the imager makes of the card (part 1), what the scripts of Debian's packages do that were not run (scripts/make-board-image.sh), and what a Raspberry Pi has and
# the emulator has not: a thermal zone, a boot partition.
PREPARE = """set -e
systemd-sysusers --inline 'u sshd - "" /run/sshd' 'u pi 1000 "" /home/pi /bin/bash'
sed -i 's/^pi:[^:]*:/pi:*:/' /etc/shadow
install -d -o pi -g pi -m 0700 /home/pi /home/pi/.ssh
echo '{key}' > /home/pi/.ssh/authorized_keys
echo 'pi ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/pi
chmod 440 /etc/sudoers.d/pi
for name in auth account password session session-noninteractive; do [ -e /etc/pam.d/common-$name ] || echo "${{name%%-*}} required pam_permit.so" > /etc/pam.d/common-$name; done
mount -t tmpfs tmpfs /sys/class/thermal
mkdir /sys/class/thermal/thermal_zone0
echo 48312 > /sys/class/thermal/thermal_zone0/temp
mkdir -p /boot/firmware
mount -t tmpfs tmpfs /boot/firmware
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /run/sshd/key
printf 'HostKey /run/sshd/key\nUsePAM no\nSubsystem sftp internal-sftp\n' > /run/sshd/config
/usr/sbin/sshd -f /run/sshd/config
"""
CLIENT = """Host greenhouse.local
HostName {address}
IdentityFile {directory}/key
IdentitiesOnly yes
BatchMode yes
StrictHostKeyChecking no
UserKnownHostsFile {directory}/known
LogLevel ERROR
"""


@pytest.fixture
def person(fresh, tmp_path):
    """Somebody at a PC with an empty home and a new board; ssh knows the way, as a person's does. The file that says so is this process's own (network.enter)."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    fresh.run(PREPARE.format(key=(tmp_path / "key.pub").read_text().strip()))
    (tmp_path / "ssh_config").write_text(CLIENT.format(address=BOARD, directory=tmp_path))
    subprocess.run(["mount", "--bind", tmp_path / "ssh_config", "/etc/ssh/ssh_config"], check=True)
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAU", "MAKE", "SSH"))}
    shell = page.Shell(tmp_path, REPOSITORY, {**environment, "HOME": str(home), "LC_ALL": "C.UTF-8", "PATIENCE": "600"})
    yield shell
    shell.close()
    subprocess.run(["umount", "/etc/ssh/ssh_config"], check=True)


def purge(board):
    """Another card, as far as the node is concerned."""
    board.run("apt-get purge -qq -y maud > /dev/null 2>&1; rm -rf /var/lib/maud-deploy", 600)


BEFORE = {
    ("4", "mau claim"): lambda board: board.run("grep -q '^mau:' /boot/firmware/maud-claim.txt"),
    ("11", "make deploy"): purge,
}
AFTER = {
    ("4", "mau claim"): lambda board: board.wait_for("! test -e /boot/firmware/maud-claim.txt", "the removal of the claim code"),
    ("6", "mau set led on"): lambda board: check(board.run("cat /sys/class/leds/ACT/brightness").strip() == "1"),
    ("6", "mau set led off"): lambda board: check(board.run("cat /sys/class/leds/ACT/brightness").strip() == "0"),
    ("7", "mau set lamp on"): lambda board: check(line(board) == "hi"),
    ("7", "mau set lamp 7"): lambda board: check(line(board) == "hi"),
    ("11", "mau set lamp on"): lambda board: check(line(board) == "hi"),
}


def check(condition):
    assert condition, "the board is not in the state that the page promises"


def hook(hooks, step, board, used):
    for (section, beginning), function in hooks.items():
        if section == step.section and step.command.startswith(beginning):
            function(board)
            used.add((section, beginning))


def follow(step, shell, known):
    """Announcements take a moment to arrive: what only looks is tried again."""
    end = time.monotonic() + 120
    while True:
        status, said = shell.run(step.command, [known.value(answer) for answer in step.answers], PATIENCE)
        if known.matches(step.printed, said):
            return status
        assert step.command in LOOKING and time.monotonic() < end, f"{step}\nprints\n{said}\nand the page says\n" + "\n".join(step.expected)


def test_the_page(fresh, person):
    steps = page.read(PAGE)
    assert len(steps) >= 30
    known, used = page.Known(), set()
    for step in steps:
        hook(BEFORE, step, fresh, used)
        status = follow(step, person, known)
        assert status == 0 or any(text.startswith("mau: ") for text in step.printed), f"{step} exits with {status}"
        hook(AFTER, step, fresh, used)
    assert used == {*BEFORE, *AFTER}, "the page does not say that any more"


def test_the_page_names_what_there_is():
    """Files and pages that it points to."""
    for target in re.findall(r"\]\((?!https:)([^)#]+)", PAGE.read_text()):
        assert (PAGE.parent / target).exists(), target
