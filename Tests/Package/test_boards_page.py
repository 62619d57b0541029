"""docs/boards.md, followed to the letter: every command on it, in the order of the page."""
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

PAGE = ROOT / "docs/boards.md"
FOLDERS = [ROOT / "boards/greenhouse", ROOT / "out/greenhouse"]


@pytest.fixture
def no_greenhouse():
    assert not FOLDERS[0].exists(), "somebody has that board"
    yield
    for folder in FOLDERS: shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
def test_the_page(no_greenhouse):
    if not (ROOT / ".build/embedded-aarch64").exists(): pytest.skip("nothing was built for aarch64 yet: make BOARD=raspberry-pi-4")
    text = PAGE.read_text()
    commands = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    printed = re.findall(r"^This prints:\n\n    (.*)$", text, re.MULTILINE)
    assert len(commands) >= 6 and len(printed) == 1
    said = ""
    for command in commands:
        result = subprocess.run(["bash", "-e", "-c", command], cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        if "maud devices" in command: assert result.stdout.splitlines() == printed
        said = result.stdout
    deb = re.fullmatch(r"(out/greenhouse/maud_.*_arm64\.deb): [0-9]+ octets", said.splitlines()[-1])[1]
    description = subprocess.run(["dpkg-deb", "-f", ROOT / deb, "Description"], capture_output=True, text=True, check=True).stdout
    assert "(greenhouse)" in description
    # It is a board as the others are.
    result = subprocess.run([ROOT / ".venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "-q", "Tests/Vocabulary/test_boards.py", "-k", "greenhouse"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0 and "passed" in result.stdout, result.stdout


def test_the_table_has_every_board():
    text = PAGE.read_text()
    for board in ROOT.glob("boards/*/board.mk"): assert f"`{board.parent.name}`" in text
