import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for directory in (HERE, HERE.parent / "EndToEnd", HERE.parent / "Vocabulary", HERE.parent / "Bench"):
    sys.path.insert(0, str(directory))

import network  # noqa: E402
from companion import MAU  # noqa: E402
from emulator import IMAGE, REPOSITORY, Emulator, make_disk  # noqa: E402
from harness import GnuPG  # noqa: E402
from owned import Owned, install  # noqa: E402

BOARD = "raspberry-pi-zero-2-w"


def pytest_addoption(parser):
    parser.addoption("--cuts", type=int, default=10, help="how often the power goes; all of `make test-board` takes 200")
    parser.addoption("--seed", type=int, default=1, help="of everything that is random")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: not part of `make test`")
    if config.option.collectonly:
        return
    if shutil.which("qemu-system-aarch64") is None or not (IMAGE / ".complete").exists() or not MAU.exists():
        raise pytest.UsageError("the emulator, its image or out/mau is missing: make test-board")
    reason = network.enter()
    if reason:
        raise pytest.UsageError(reason)


@pytest.fixture(scope="session")
def pc(tmp_path_factory):
    """The bus and the Avahi daemon of the PC, on the network of this process."""
    services = network.PCServices(tmp_path_factory.mktemp("pc"))
    yield services
    services.close()


@pytest.fixture(scope="session")
def package():
    """The newest package for the board."""
    packages = sorted((REPOSITORY / "out" / BOARD).glob("maud_*_arm64.deb"), key=lambda file: file.stat().st_mtime)
    if not packages:
        pytest.fail(f"make deb BOARD={BOARD}")
    return packages[-1]


@pytest.fixture(scope="session")
def owned(pc, package, tmp_path_factory):
    """A board on which the package was installed and that a person has claimed, kept as a disk and as what is in its memory."""
    made = Owned(tmp_path_factory.mktemp("owned"))
    try:
        made.make(package)
        yield made
    finally:
        made.close()


@pytest.fixture
def fresh(pc, tmp_path):
    """Debian on a board, before anything of ours is on it; booted."""
    (tmp_path / "fresh").mkdir()
    board = Emulator(tmp_path / "fresh", [make_disk(tmp_path / "fresh/system.qcow2", IMAGE / "system.raw")]).start()
    yield board
    board.close()


@pytest.fixture
def boards(owned, tmp_path):
    """Makes boards that are owned: copies of one, from the same moment on (is_on=False: which lost its power then)."""
    made = []

    def make(**options):
        directory = tmp_path / f"board-{len(made)}"
        directory.mkdir()
        made.append(owned.copy(directory, **options))
        return made[-1]
    yield make
    for board in made:
        board.close()


@pytest.fixture
def gnupg(tmp_path):
    home = GnuPG(tmp_path / "gnupg")
    yield home
    home.close()


__all__ = ["install"]
