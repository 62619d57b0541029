import inspect
import os
import signal
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from guest import IMAGES  # noqa: E402
from companion import MAU  # noqa: E402
from harness import MAUD  # noqa: E402
from radio import Loop  # noqa: E402
from world import World, make_content  # noqa: E402

LIMIT = 120  # seconds for a test; the slowest takes a fifth of it on two cores


def pytest_configure(config):
    config.addinivalue_line("markers", "measurement: prints its numbers as Tests/Bench does")
    config.addinivalue_line("markers", "seconds(number): the time limit of a test")
    for number in (signal.SIGINT, signal.SIGQUIT):  # Ctrl-C is for whoever runs in the background too
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for needed in (MAUD, MAU, IMAGES / "kernel/vmlinuz", IMAGES / "trixie.cpio"):
        if not needed.exists():
            raise pytest.UsageError(f"{needed} is missing: make test-bluetooth builds it")


@pytest.fixture(scope="session")
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Tests that are coroutines run in the loop, each within its time limit."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    mark = pyfuncitem.get_closest_marker("seconds")
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    pyfuncitem.funcargs["loop"].run(pyfuncitem.obj(**arguments), mark.args[0] if mark else LIMIT)
    return True


@pytest.fixture(scope="session")
def content(tmp_path_factory):
    content = make_content(tmp_path_factory.mktemp("content"))
    yield content
    content.close()


def make_world(loop, tmp_path_factory, suite, content):
    world = World(loop, tmp_path_factory.mktemp(suite), suite, content)
    try:
        loop.run(world.prepare(), 10)
        world.guest.start()
        loop.run(world.boot(), 180)
        yield world
    finally:
        world.close()
        if os.environ.get("BLUETOOTH_LOGS"):
            print(world.guest.console_end())


@pytest.fixture(scope="session")
def trixie(loop, tmp_path_factory, content):
    """Debian 13: BlueZ 5.82, which gives each client a descriptor of its own."""
    yield from make_world(loop, tmp_path_factory, "trixie", content)


@pytest.fixture(scope="session")
def bookworm(loop, tmp_path_factory, content):
    """Debian 12: BlueZ 5.66, which shares one descriptor among all clients."""
    yield from make_world(loop, tmp_path_factory, "bookworm", content)


def lend(world, loop):
    """For one test: what it broke is mended, and it must not have been asked to pair."""
    world.radio.air.pairing.clear()
    yield world
    asked = list(world.radio.air.pairing)
    loop.run(world.restore(), 120)
    assert not asked or world.pairing_expected, f"somebody wanted to pair: {asked}"
    world.pairing_expected = False


@pytest.fixture
def world(trixie, loop):
    yield from lend(trixie, loop)


@pytest.fixture
def old_world(bookworm, loop):
    yield from lend(bookworm, loop)


@pytest.fixture
def node(world):
    return world.node


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with what the guest has to say."""
    report = (yield).get_result()
    world = next((item.funcargs[name] for name in ("world", "old_world") if name in getattr(item, "funcargs", {})), None)
    if report.failed and call.when == "call" and world:
        for name, commands in (("node", "tail -n 30 /tmp/maud.log"), ("bluetoothd", "tail -n 20 /tmp/bluetoothd.log"), ("kernel", "dmesg | tail -n 10")):
            try:
                report.sections.append((f"guest: {name}", item.funcargs["loop"].run(world.guest.run(commands, 20, check=False), 60)))
            except Exception as error:
                report.sections.append((f"guest: {name}", f"not to be had: {error!r}"))
