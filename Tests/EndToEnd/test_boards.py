"""The cross-built binaries run under qemu-user against their board's own libraries: they start, make an identity, post a signed reading and serve it."""
import shutil
import subprocess

import pytest

from harness import FIXTURES, REPOSITORY, SIMULATOR

CROSS = [("raspberry-pi-zero-2-w", "aarch64", "arm64"), ("raspberry-pi-2", "arm", "armhf")]


def emulator(machine):
    found = shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
    assert found, f"qemu-{machine} is missing: make test installs it"
    return found


@pytest.mark.parametrize("board, machine, architecture", CROSS, ids=[board for board, _, _ in CROSS])
def test_a_cross_built_node_works(make_node, gnupg, board, machine, architecture):
    binary = REPOSITORY / "out" / board / "maud"
    assert binary.exists(), f"{binary} is missing: make BOARD={board} builds it"
    node = make_node(maud=[emulator(machine), "-L", REPOSITORY / ".sysroot" / architecture, binary], board=SIMULATOR)
    node.init()
    gnupg.import_key(node.public_key())
    node.start()
    for name in [*node.wait_for("^r-temperature", 2), "device.json.pgp", "vocabulary-1.json.pgp"]:
        assert node.verified(gnupg, name)
    # TLS with the board's own arithmetic: both ends prove their keys.
    certificate = FIXTURES / "tls/gina.pem"
    assert node.curl("-k", "--cert", certificate, node.secure_url("/device.json.pgp")).stdout == node.fetch("device.json.pgp")
    assert node.status()["tls"]["identified"] == 1
    opened = node.command("open", node.own / "device.json.pgp").stdout
    assert opened == node.verified(gnupg, "device.json.pgp")
    assert node.stop() == 0
    assert list(node.runtime.iterdir()) == []


@pytest.mark.parametrize("board", [board for board, _, _ in CROSS])
def test_a_boards_binary_has_its_symbols_apart(board):
    out = REPOSITORY / "out" / board
    sections = subprocess.run(["readelf", "-SW", out / "maud"], capture_output=True, text=True, check=True).stdout
    # Nor what depends on the symbols, and with them on the directory in which it was built.
    for name in [".symtab", ".debug_info", ".gnu_debuglink", ".note.gnu.build-id"]:
        assert name not in sections
    assert ".symtab" in subprocess.run(["readelf", "-SW", out / "maud.debug"], capture_output=True, text=True, check=True).stdout


def test_the_aarch64_binary_is_small_enough():
    assert (REPOSITORY / "out/raspberry-pi-zero-2-w/maud").stat().st_size <= 900 * 1024
