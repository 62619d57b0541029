"""docs/embedding.md: a system on which no systemd runs, started as the page says."""
import re
import subprocess

import pytest

import machine
from conftest import ROOT

PAGE = (ROOT / "docs/embedding.md").read_text()


@pytest.mark.long
def test_another_init(make_system, package):
    system = make_system(machine.System)
    subprocess.run(["dpkg-deb", "--extract", package, system.root / "tmp/package"], check=True)
    for name in ["usr/bin/maud", "etc/maud/board.json"]:
        (system.root / name).parent.mkdir(parents=True, exist_ok=True)
        system.copy(system.root / "tmp/package" / name, name)
    first, inittab = re.findall(r"^```\n(.*?)^```$", PAGE.split("## 5. Another init")[1], re.MULTILINE | re.DOTALL)[:2]
    command = re.search(r"^::respawn:(/bin/su .*) 2>&1 \| logger -t maud'$", inittab, re.MULTILINE)[1] + "'"
    script = f"""set -e
        mount -t proc proc /proc
        mount -t tmpfs tmpfs /run
        mknod -m 0666 /dev/null c 1 3 || true; mknod -m 0444 /dev/random c 1 8 || true
        useradd --system --home-dir /var/lib/maud maud
        {first}
        {command} > /tmp/output 2> /tmp/log & pid=$!
        for attempt in $(seq 200); do if grep -q ^ready /tmp/output; then break; fi; sleep 0.1; done
        node=$(cat /proc/$pid/task/$pid/children)
        kill -HUP $node
        for attempt in $(seq 200); do if grep -q event=board-reloaded /tmp/log; then break; fi; sleep 0.1; done
        kill -TERM $node
        wait $pid
        ls -A /run/maud"""
    result = system.chroot("bash", "-c", script, timeout=120)
    log = (system.root / "tmp/log").read_text()
    assert result.returncode == 0, result.stdout + result.stderr + log
    assert (system.root / "tmp/output").read_text().startswith("ready ")
    assert "event=board-reloaded" in log and "event=ended" in log
    assert re.fullmatch(r"[0-9a-f]{40}\n", result.stdout), "the fingerprint, and nothing is left in memory"


def test_what_the_page_says_of_libraries():
    """The table of shared libraries is the list that check-binary.sh allows."""
    allowed = re.search(r"\^\(([a-z|.*-]+)\)\\\.so", (ROOT / "scripts/check-binary.sh").read_text())[1].split("|")
    for library in allowed:
        if library in ("libc", "libm", "libpthread", "ld-linux.*"): continue
        assert re.search(rf"^\| {library} ", PAGE, re.MULTILINE), library
