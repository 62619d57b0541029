"""A newer package over the running node, an older one, none, and the same again: what is the node's stays the node's."""
import json
import re

import pytest

from commands import Controller
from conftest import EPOCH, LOAD, install
from harness import wait_until
from inside import Inside
from test_install import KEPT, node_of

pytestmark = pytest.mark.long
LAMP = {"name": "led", "title": "Lamp", "type": "switch", "source": {"type": "file", "path": "/var/lib/maud/state/lamp"}}


def kept(board):
    """Every file that must outlive all that: identity, friends, what was published and taken, the ledger; what is written anew at each start is not among them."""
    files = board.run("sh", "-c", """cd /var/lib/maud && find root state -type f ! -name '*.socket' ! -name 'index*' ! -name lamp ! -name 'device.json.pgp*' ! -name 'state-*' | sort | xargs sha256sum
        sha256sum /etc/credstore.encrypted/*""").stdout
    return {line.split()[1]: line.split()[0] for line in files.splitlines()}


def changed(board, before):
    """The files that went, or are others now."""
    now = kept(board)
    return [path for path in before if now.get(path) != before[path]]


@pytest.fixture
def used(make_system, make_package, gnupg, tmp_path):
    """A node with an owner, whose command it carried out, and readings."""
    board = make_system()
    board.said = install(board, make_package())
    board.write("/etc/maud/board.json", json.dumps({"name": "My own", "sensors": [LOAD], "actuators": [LAMP]}).encode())
    board.run("systemctl", "daemon-reload")
    board.run("systemctl", "restart", "maud")
    board.node = Inside(board, tmp_path)
    gnupg.import_key(board.node.export())
    board.controller = Controller(board.node, gnupg)
    wait_until(lambda: board.controller.command()[0] == 201, "the controller to be known")
    board.write("/root/notice", b"It was published by hand.")
    board.run("maudctl", "publish", "--public", "--name", "notice.txt.pgp", "/root/notice")
    wait_until(lambda: [name for name in board.node.listed() if name.startswith("r-load-")], "readings")
    # A year's are many: no more from here on, so that every file is there to be compared.
    board.write("/etc/maud/board.json", json.dumps({"name": "My own", "actuators": [LAMP]}).encode())
    board.run("systemctl", "restart", "maud")
    return board


def test_update_remove_and_purge(used, make_package):
    board, node = used, node_of(used.said)
    text = board.controller.sign(board.controller.text(0))
    wait_until(lambda: board.controller.put(text)[0] == 201, "the command")
    wait_until(lambda: "0" in board.run("cat", "/var/lib/maud/state/lamp").stdout, "the lamp")
    names = wait_until(lambda: len(board.node.listed()) >= 5 and board.node.listed(), "its files")
    before = kept(board)
    for part in ["/ledger", "account.pgp", f"{board.controller.fingerprint}.pgp", "notice.txt.pgp", "/r-load-", "/a-", "/log-", "maud.passphrase"]:
        assert any(part in path for path in before), (part, before)
    process = board.run("systemctl", "show", "-P", "MainPID", "maud").stdout
    # Over the running one: another process, the same node, and not one file is another.
    assert node_of(install(board, make_package(epoch=EPOCH + 60))) == node
    assert board.run("systemctl", "show", "-P", "MainPID", "maud").stdout != process
    assert changed(board, before) == []
    assert set(names) <= set(board.node.listed())
    assert "My own" in board.run("cat", "/etc/maud/board.json").stdout, "what the administrator changed stays"
    # What was carried out before is not carried out again; the controller is one still.
    assert board.controller.put(text)[0] == 200
    wait_until(lambda: board.controller.command(1)[0] == 201, "another command")
    before = kept(board)
    # Removed: it does not run, and everything is there still.
    board.run("apt-get", "remove", "-y", "maud")
    assert board.run("systemctl", "is-active", "maud", check=False).returncode != 0
    assert changed(board, before) == []
    assert "My own" in board.run("cat", "/etc/maud/board.json").stdout
    # Installed again: the same node goes on.
    assert node_of(install(board, make_package(epoch=EPOCH + 60))) == node
    # Purged: it says what it deletes, and deletes it.
    text = board.run("apt-get", "purge", "-y", "maud").stdout
    assert "deleted /var/lib/maud: this node's identity" in text and "deleted /etc/credstore.encrypted/maud.passphrase" in text
    for path in ["/var/lib/maud", "/etc/maud", "/etc/default/maud", *KEPT]: assert board.run("test", "-e", path, check=False).returncode == 1, path
    assert board.run("systemctl", "cat", "maud", check=False).returncode != 0
    # And another one begins.
    assert node_of(install(board, make_package())) != node


def test_a_downgrade_is_refused_unless_it_is_demanded(used, make_package):
    """apt says no, without which nothing happens; who insists has the same node with the older version."""
    board, node = used, node_of(used.said)
    older, newer = make_package(), make_package(epoch=EPOCH + 60)
    install(board, newer)
    version = board.run("dpkg-query", "-W", "-f", "${Version}", "maud").stdout
    before = kept(board)
    board.copy(older, f"/root/{older.name}")
    words = ["apt-get", "install", "-y", "-o", "APT::Sandbox::User=root", "--no-install-recommends", f"/root/{older.name}"]
    refused = board.run(*words, check=False)
    assert refused.returncode != 0 and re.search("downgraded", refused.stderr)
    assert board.run("dpkg-query", "-W", "-f", "${Version}", "maud").stdout == version
    assert node_of(board.run(*words, "--allow-downgrades").stdout) == node
    assert board.run("dpkg-query", "-W", "-f", "${Version}", "maud").stdout != version
    assert changed(board, before) == []
    wait_until(lambda: board.controller.command(1)[0] == 201, "a command")
