"""The power goes at any moment (docs/content.md, 3.6; docs/commands.md, part 7): the emulator is killed, the card keeps what it was told to keep."""
import json
import random
import time

import pytest

from workload import Workload

pytestmark = pytest.mark.long

PATIENCE = 180  # seconds from power to service; 30 where nothing else runs


def test_power_cuts(boards, owned, tmp_path, request, capsys):
    cuts, chance = request.config.option.cuts, random.Random(request.config.option.seed)
    board = boards().start()
    work = Workload(board, owned.fingerprint, tmp_path)
    times = []
    try:
        work.wait_serving(PATIENCE)
        for number in range(cuts):
            moment = chance.uniform(0, 10)
            workers = work.run_for(moment)
            time.sleep(moment)
            board.cut()
            for worker in workers:
                worker.join()
            began = time.monotonic()
            board.start(wait=False)
            work.wait_serving(PATIENCE)
            times.append(time.monotonic() - began)
            board.wait_for_control()
            try:
                work.check()
            except AssertionError as error:
                raise AssertionError(f"after cut {number + 1}, {moment:.3f} s into it: {error}\n{board.journal()}") from None
    finally:
        work.close()
    oldest = min(name for _, name in work.listing(owned.fingerprint) if name.startswith("r-open-"))
    assert oldest > "r-open-000000000001.json.pgp", "nothing was pruned"
    with capsys.disabled():
        print(json.dumps({"measurement": "power cuts", "cuts": cuts, "commands": len(work.commands), "answered": len(work.answered), "files": len(work.verified),
                          "secondsToService": {"median": round(sorted(times)[len(times) // 2], 1), "most": round(max(times), 1)}}))
