"""make deploy: over ssh to a machine with a real sshd, and back when the new package is none that works."""
import os
import re
import subprocess

import pytest

import machine
from conftest import EPOCH, ROOT, built, install
from harness import wait_until
from test_install import node_of

pytestmark = pytest.mark.long


@pytest.fixture
def deploy(make_system, tmp_path):
    """Deploys a package; ssh's way to the machine is its sshd on a pipe."""
    board = make_system(packages=machine.MORE)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    board.run("useradd", "--create-home", "--shell", "/bin/bash", "pi")
    board.run("mkdir", "-p", "/home/pi/.ssh", "/run/sshd")
    board.write("/home/pi/.ssh/authorized_keys", key.with_suffix(".pub").read_bytes())
    board.run("chown", "-R", "pi:pi", "/home/pi/.ssh")
    board.write("/etc/sudoers.d/pi", b"pi ALL=(ALL) NOPASSWD: ALL\n")
    config = tmp_path / "config"
    config.write_text(f"""Host *
        ProxyCommand nsenter -t {board.init} -a --wdns=/ /usr/sbin/sshd -i
        IdentityFile {key}
        BatchMode yes
        LogLevel ERROR
        StrictHostKeyChecking no
        UserKnownHostsFile {tmp_path}/known
        """)

    def run(package):
        return subprocess.run([ROOT / "scripts/deploy.sh", "pi@greenhouse", package], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=run.environment)
    run.board = board
    run.environment = {**os.environ, "SSH": f"ssh -F {config}", "PATIENCE": "20", "PROOF": "3"}
    return run


def version(board):
    return board.run("dpkg-query", "--show", "--showformat", "${Version}", "maud").stdout


BROKEN = '#!/bin/sh\necho "event=broken" >&2\nexit 70\n'
# It serves, and ends before it has proven (PROOF=3) that it goes on.
SHORT_LIVED = '#!/bin/sh\nif [ "$1" = run ]; then (sleep 1.5; kill -KILL $$) & fi\nexec /usr/bin/maud.real "$@"\n'


def break_package(package, directory, text=BROKEN):
    """The same with another program."""
    directory.mkdir()
    subprocess.run(["dpkg-deb", "--raw-extract", package, directory / "broken"], check=True)
    program = directory / "broken/usr/bin/maud"
    program.rename(program.with_name("maud.real"))
    program.write_text(text)
    program.chmod(0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", directory / "broken", directory / "broken.deb"], check=True, capture_output=True)
    return directory / "broken.deb"


def line(result, name):
    return [text.partition(" ")[2] for text in result.stdout.splitlines() if text.startswith(name + " ")]


def test_make_deploy(deploy):
    """The command of README: builds, installs, and says who the node is and how it is claimed."""
    built("linux-host"), built("mau")
    result = subprocess.run(["make", "deploy", "BOARD=linux-host", "HOST=pi@greenhouse"], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=deploy.environment)
    assert result.returncode == 0, result.stdout + result.stderr
    node = deploy.board.run("maudctl", "fingerprint").stdout.strip()
    assert line(result, "fingerprint") == [node]
    assert line(result, "claim-code") == [deploy.board.run("maudctl", "claim-code").stdout.strip()]
    assert re.fullmatch(rf"mau:{node}\?claim=([0-9A-Z]{{5}}-){{3}}[0-9A-Z]{{5}}", line(result, "claim-code")[0])


def test_deploy_update_and_rollback(deploy, make_package, gnupg, tmp_path):
    board = deploy.board
    first, second = make_package(), make_package(epoch=EPOCH + 60)
    result = deploy(first)
    assert result.returncode == 0, result.stdout + result.stderr
    node = board.run("maudctl", "fingerprint").stdout.strip()
    assert f"fingerprint {node}" in result.stdout.splitlines()
    assert "is installed, and healthy" in result.stdout
    assert line(result, "claim-code") == [board.run("maudctl", "claim-code").stdout.strip()]
    # With an owner there is no code any more.
    board.write("/root/ada.pgp", gnupg.run("--export", gnupg.new_key("Ada").upper()).stdout)
    board.run("maudctl", "friend", "add", "--group", "controllers", "/root/ada.pgp")
    result = deploy(second)
    assert result.returncode == 0, result.stdout + result.stderr
    assert line(result, "fingerprint") == [node] and line(result, "claim-code") == []
    good = version(board)
    # One that ends at once: the former one comes back, and is the same node.
    bad = break_package(make_package(epoch=EPOCH + 120), tmp_path / "ends at once")
    result = deploy(bad)
    assert result.returncode == 75, result.stdout + result.stderr
    assert "does not become healthy" in result.stderr and f"going back to {good}" in result.stderr
    assert version(board) == good
    assert f"fingerprint {node}" in result.stdout.splitlines()
    wait_until(lambda: board.run("systemctl", "is-active", "maud", check=False).stdout.strip() == "active", "the former node")
    # An older one is refused, and nothing is touched.
    result = deploy(first)
    assert result.returncode == 65 and "is older than" in result.stderr
    assert version(board) == good
    assert "tmp." not in board.run("ls", "/tmp").stdout, "nothing is left there"


def files(board):
    """What dpkg says that the package has; whether a configuration file that was changed is among them does not matter."""
    return set(board.run("dpkg-query", "-L", "maud").stdout.splitlines()) - {"/etc/maud/board.json"}


def test_back_to_what_was_installed_by_hand(deploy, make_package, tmp_path):
    """The way back is made of the installed files; what the administrator has changed is known as such still."""
    board, package = deploy.board, make_package()
    node = node_of(install(board, package))
    board.run("sed", "-i", "s/Linux host/My own/", "/etc/maud/board.json")
    listed = files(board)
    result = deploy(break_package(make_package(epoch=EPOCH + 120), tmp_path / "short-lived", SHORT_LIVED))
    assert result.returncode == 75, result.stdout + result.stderr
    assert line(result, "fingerprint") == [node] and version(board) == subprocess.run(["dpkg-deb", "-f", package, "Version"], capture_output=True, text=True).stdout.strip()
    assert files(board) == listed
    assert not (board.root / "usr/bin/maud.real").exists()
    assert (board.root / "usr/bin/maud").read_bytes() == built("linux-host").read_bytes()
    assert board.run("dpkg", "--verify", "maud", check=False).stdout.splitlines() in ([], ["??5?????? c /etc/maud/board.json"])
    # The next one keeps the change, as always.
    result = deploy(make_package(epoch=EPOCH + 180))
    assert result.returncode == 0, result.stdout + result.stderr
    assert line(result, "fingerprint") == [node] and "My own" in board.run("cat", "/etc/maud/board.json").stdout


def test_what_cannot_be_deployed(deploy, package, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["dpkg-deb", "--raw-extract", package, other], check=True)
    control = other / "DEBIAN/control"
    control.write_text(control.read_text().replace("Architecture: amd64", "Architecture: armhf"))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", other, tmp_path / "other.deb"], check=True, capture_output=True)
    result = deploy(tmp_path / "other.deb")
    assert result.returncode == 65 and "another BOARD?" in result.stderr
    assert deploy(tmp_path / "missing.deb").returncode == 66
