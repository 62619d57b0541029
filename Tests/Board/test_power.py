"""The power goes at any moment (docs/content.md, 3.6; docs/commands.md, part 7): the emulator is killed, the card keeps what it was told to keep.

Most boots go on from where one was stopped, by a job of systemd's own that the card waits for: the kernel runs, the card was not touched yet. What matters is done
each time: systemd checks and mounts the card (ext4, default options), starts the package's unit, and the node serves. Every tenth boot is one from the first instruction."""
import json
import random
import time

import pytest

from emulator import make_disk
from owned import move_to_card
from workload import Workload

pytestmark = pytest.mark.long

PATIENCE = 300  # seconds from power to service; a tenth of it where nothing else runs
WHOLE = 10      # of so many boots one is whole
EARLY = 0.15    # of the cuts come before the node serves again
HOLD = """[Unit]
DefaultDependencies=no
ConditionKernelCommandLine=hold
Before=systemd-fsck@dev-vdb.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=sh -c 'until [ -e /run/go ]; do sleep 0.1; done'
"""


class Supply:
    """The power of a board whose node's files are on the card."""

    def __init__(self, board):
        self.board = board
        board.write("/etc/systemd/system/hold.service", HOLD)
        board.run("sed -i 's|^\\(/dev/vdb .* ext4 defaults\\) |\\1,nofail,x-systemd.requires=hold.service |' /etc/fstab; sync")
        board.cut()
        board.start(append="hold")
        board.wait_for("[ $(systemctl list-jobs --no-legend | grep -c running) = 1 ] && ! grep -q vdb /proc/mounts", "all but the node", 300)
        board.run("sync; echo 3 > /proc/sys/vm/drop_caches")
        self.frozen, self.system = board.directory / "frozen", board.disks[0]
        board.freeze(self.frozen)

    def on(self, is_whole):
        """The card is the one that lost its power; the system's disk is as it was."""
        self.board.disks[0] = make_disk(self.board.directory / "cut.qcow2", self.system)
        if is_whole:
            self.board.start(wait=False)
        else:
            self.board.start(self.frozen).run("touch /run/go")


def say(capsys, values):
    with capsys.disabled():
        print(json.dumps(values), flush=True)


def test_power_cuts(boards, owned, tmp_path, request, capsys):
    cuts, seed = request.config.option.cuts, request.config.option.seed
    chance = random.Random(seed)
    board = boards()
    move_to_card(board)
    board.run("systemctl start maud", 300)
    work = Workload(board, owned.fingerprint, tmp_path)
    times = {True: [], False: []}
    try:
        supply = Supply(board)
        supply.on(True)
        work.wait_serving(PATIENCE)
        board.wait_for_control()
        for number in range(1, cuts + 1):
            moment, is_whole = chance.uniform(0, 10), number % WHOLE == 0
            is_early = chance.random() < EARLY and not is_whole and number < cuts
            workers = work.run_for(moment)
            time.sleep(moment)
            board.cut()
            for worker in workers:
                worker.join()
            began = time.monotonic()
            supply.on(is_whole)
            if is_early:
                time.sleep(moment)
                continue
            work.wait_serving(PATIENCE)
            times[is_whole].append(time.monotonic() - began)
            if is_whole:
                board.wait_for_control()
            try:
                work.check()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, after cut {number}, {moment:.3f} s into it: {error}\n{board.journal()}") from None
            if number % WHOLE == 0:
                say(capsys, {"progress": number, "of": cuts, "seed": seed})
        oldest = min(name for _, name in work.listing(owned.fingerprint) if name.startswith("r-open-"))
        assert cuts < 50 or oldest > "r-open-000000000001.json.pgp", "nothing was pruned"
    finally:
        work.close()
    say(capsys, {"measurement": "power cuts", "cuts": cuts, "seed": seed, "commands": len(work.commands), "answered": len(work.answered), "files": len(work.verified),
                 "secondsToService": {name: {"boots": len(those), "median": round(sorted(those)[len(those) // 2], 1), "most": round(max(those), 1)}
                                      for name, those in (("wholeBoots", times[True]), ("fromTheCard", times[False])) if those}})
