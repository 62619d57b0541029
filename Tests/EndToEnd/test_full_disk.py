"""A disk without room: nothing half-written, nothing lost, and the node goes on when there is room again."""
import contextlib
import json
import os
import subprocess

from conftest import needs_mount
from harness import SIMULATOR, one_sentence, snapshot, wait_until


@contextlib.contextmanager
def small_disk(tmp_path, size):
    """The directory `disk`: a file system of that size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk])


@needs_mount
def test_a_full_disk_leaves_no_empty_directories(make_node, gnupg, tmp_path):
    with small_disk(tmp_path, "64k") as disk:
        node = make_node("disk/node")
        filler = disk / "filler"
        fill = lambda: filler.write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        fill()
        one_sentence(node.command("init", "--name", "x", check=False), "inputOutput")
        assert list(node.root.iterdir()) == []
        filler.unlink()
        node.init()
        friend = gnupg.new_key("friend")
        key = tmp_path / "friend.pgp"
        key.write_bytes(gnupg.run("--export", friend).stdout)
        fill()
        before = snapshot(node)
        one_sentence(node.command("friend add", "--group", "viewers", key, check=False), "inputOutput")
        assert snapshot(node) == before and not (node.root / ".mau/viewers").exists()


@needs_mount
def test_a_full_disk(make_node, gnupg, tmp_path):
    """Half-written files are removed, what was there stays, readings give way, and the node lives on."""
    with small_disk(tmp_path, "512k") as disk:
        node = make_node("disk/node")
        node.init()
        gnupg.import_key(node.public_key())
        big = tmp_path / "big"
        big.write_bytes(os.urandom(600_000))
        before = snapshot(node)
        one_sentence(node.command("publish", "--public", "--name", "big.pgp", big, check=False), "inputOutput")
        assert snapshot(node) == before
        board = json.loads(SIMULATOR.read_text())
        board["sensors"] = [{**board["sensors"][0], "period": 0.1}]
        node.board = tmp_path / "board.json"
        node.board.write_text(json.dumps(board))
        # Leaves room for about twenty more files of a page each.
        node.start()
        node.wait_for("^r-", 2)
        free = os.statvfs(disk)
        filler = disk / "filler"
        filler.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 80_000)))
        wait_until(lambda: node.names("^r-temperature") and "r-temperature-000000000001.json.pgp" not in node.names(), "removal on a full disk", 60)
        count = len(node.names("^r-temperature"))
        assert count >= 1
        newest = max(node.names("^r-temperature"))
        node.verified(gnupg, newest)
        wait_until(lambda: max(node.names("^r-temperature")) > newest, "further readings")
        assert node.stop() == 0
        for path in node.own.glob("*.pgp"):
            gnupg.open(path.read_bytes())
