"""What the unit has of a kernel that namespaces (Tests/Package) have not: the memory control group, all of /sys, and drivers that come and go."""
import pytest

pytestmark = pytest.mark.long
GROUP = "/sys/fs/cgroup/system.slice/maud.service"
LED = "/sys/class/leds/ACT/brightness"


@pytest.fixture
def board(boards):
    return boards()


def swapped(board):
    """Octets of the node and its helpers that are swapped, after the kernel was told to take from them what it can."""
    board.run(f"echo 256M > {GROUP}/memory.reclaim", check=False) # fails as soon as there is nothing left to take
    return int(board.run(f"cat {GROUP}/memory.swap.current"))


def test_nothing_of_the_node_is_swapped(board):
    board.run("fallocate -l 64M /swap && chmod 600 /swap && mkswap -q /swap && swapon /swap")
    assert board.run(f"cat {GROUP}/memory.swap.max").strip() == "0"
    assert swapped(board) == 0
    board.run("maudctl status > /dev/null")
    # It is the unit's doing: without that line the same kernel swaps the same processes.
    board.run("systemctl set-property --runtime maud.service MemorySwapMax=infinity")
    assert swapped(board) > 0


def inside(board, command):
    """What root may do in the unit's mounts: its exit status."""
    return int(board.run(f"nsenter -t $(systemctl show -P MainPID maud) -m sh -c '{command}' > /dev/null 2>&1; echo $?"))


def test_a_driver_that_is_loaded_again(board, owned):
    """Nothing in /sys can be written but what board.json names. The LED goes and comes, and with it the rights to it: a command switches it as before."""
    assert inside(board, f"echo 0 > {LED}") == 0
    for path in ["/sys/kernel/mm/ksm/sleep_millisecs", "/sys/block/vda/queue/nomerges", "/sys/module/printk/parameters/time"]:
        assert board.run(f"echo $(cat {path}) > {path} && echo written").strip() == "written"
        assert inside(board, f"echo $(cat {path}) > {path}") == 2
    process = board.run("systemctl show -P MainPID maud")
    board.run("cd /sys/bus/platform/drivers/leds-gpio && echo leds > unbind && test ! -e /sys/class/leds/ACT && echo leds > bind")
    board.wait_for(f'[ "$(stat -c "%G %a" {LED})" = "maud 664" ] && [ $(systemctl show -P MainPID maud) != {process.strip()} ] && maud status --state /var/lib/maud/state',
                   "another start, which may use the LED that has come", 600)
    owned.person.run("set", "lamp", "on", "--peer", owned.address)
    assert board.run(f"cat {LED}").strip() == "1"
