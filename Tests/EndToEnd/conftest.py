import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "Vocabulary"))

from companion import MAU, Person  # noqa: E402
from harness import MAUD, RUNTIME_PREFIX, GnuPG, Node, wait_until  # noqa: E402


def pytest_configure(config):
    # Whoever runs the tests in the background, or by nohup, may ignore these; what they start must not.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if not MAUD.exists():
        raise pytest.UsageError(f"{MAUD} is missing: make builds it")


@pytest.fixture(scope="session", autouse=True)
def no_agent_is_left(tmp_path_factory):
    """After all tests no GnuPG process works in a directory of theirs."""
    yield
    base = str(tmp_path_factory.getbasetemp())

    def left():
        listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout
        return [line for line in listing.splitlines() if "gpg" in line and (base in line or RUNTIME_PREFIX in line)]
    wait_until(lambda: not left(), f"the end of {left()}", 5)


@pytest.fixture
def gnupg(tmp_path):
    home = GnuPG(tmp_path / "gnupg")
    yield home
    home.close()


@pytest.fixture
def make_node(tmp_path):
    """Makes nodes; each is ended and its working directories removed."""
    nodes = []

    def make(name="node", **options):
        nodes.append(Node(tmp_path / name, **options))
        return nodes[-1]
    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def make_person(tmp_path):
    """Makes people with a PC and `mau`."""
    if not MAU.exists():
        pytest.fail(f"{MAU} is missing: make mau builds it")
    people = []

    def make(name="Ada"):
        people.append(Person(tmp_path / name, name))
        return people[-1].init()
    yield make
    for person in people:
        person.close()


@pytest.fixture
def board(make_node):
    """The simulator, called Greenhouse, not running."""
    return make_node("board").init(name="Greenhouse")


@pytest.fixture
def ada(make_person, board):
    """The owner of the running board, who sees what it publishes."""
    person = make_person().meets(board, "controllers", "viewers")
    board.start("--no-mdns")
    return person.reaches(board)


@pytest.fixture
def node(make_node, gnupg):
    """A node with an identity, not running; the test's gpg has its public key."""
    node = make_node().init()
    gnupg.import_key(node.public_key())
    return node


@pytest.fixture
def running(node):
    return node.start()


@pytest.fixture
def quiet(node, tmp_path):
    """A running node without sensors, with five public files; nothing changes behind the test's back."""
    node.write_board(sensors=[], actuators=[])
    source = tmp_path / "content"
    for number in range(5):
        source.write_bytes(b"content %d " % number * 200)
        node.command("publish", "--public", "--name", f"file-{number}.json.pgp", source)
    node.start()
    node.wait_for("vocabulary")
    return node


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """The library that changes a program's clock and its disk's speed (shims/shim.c)."""
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "shims/shim.c", "-ldl"], check=True)
    return library


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to read another process's memory")
needs_mount = pytest.mark.skipif(not can_mount(), reason="needs root and the right to mount")
