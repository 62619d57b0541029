"""Where the memory of an idle node lies, what wakes it up, and what each event costs: the numbers of docs/footprint.md."""
import collections
import os
import re
import time
from pathlib import Path

from measuring import KIB, Place, report, sensor, wait_until
from commands import Controller  # beside the harness, which measuring has made importable

STRACE = ["strace", "-D", "-f", "-y", "-qq", "-s", "64"]


def by_part(smaps, program):
    """Private_Dirty and Pss by part, in octets, of the text of /proc/PID/smaps."""
    dirty, proportional = collections.Counter(), collections.Counter()
    for text in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)[1:]:
        head, _, rest = text.partition("\n")
        words = head.split(None, 5)
        name = part(words[5].strip() if len(words) > 5 else "[anonymous]", words[1], program)
        fields = {key: int(size) * KIB for key, size in re.findall(r"(?m)^(Private_Dirty|Pss): +(\d+) kB", rest)}
        dirty[name] += fields["Private_Dirty"]
        proportional[name] += fields["Pss"]
    return {"private dirty": dirty, "pss": proportional}


def part(name, rights, program):
    """Heap: what malloc has, in [heap] and beside it. Stacks of threads are anonymous too, and small."""
    if name.startswith("["):
        return {"[heap]": "heap", "[anonymous]": "heap", "[stack]": "stack"}.get(name, "kernel's own")
    base = os.path.basename(name)
    if base == program:
        return "program" if "w" not in rights else "program's variables"
    return base.partition(".so")[0] if ".so" in base else "other files"


def report_parts(pid, how):
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    for what, parts in by_part(smaps, os.path.basename(os.readlink(f"/proc/{pid}/exe"))).items():
        report(f"{what} by part", sum(parts.values()), "octets", None, "smaps; " + how, parts={name: size for name, size in parts.most_common() if size})


def bench_bare():
    with Place() as place:
        node = place.node("bare", []).start()
        time.sleep(5)
        report_parts(node.pid, "nothing attached, no friend, the device document and the vocabulary published")


def kinds(trace):
    """What each epoll_wait returned for: the kind of the first descriptor that was ready, or "timer" when none was."""
    descriptors, found = {}, []
    for line in trace.splitlines():
        added = re.search(r"EPOLL_CTL_ADD, (\d+)<(.*?)>, \{", line)
        if added:
            descriptors[added[1]] = kind(added[2])
        returned = re.search(r"epoll_p?wait2?\(.*?, (\[.*\]|0x\w+), 16, .*= (\d+)", line) or re.search(r"epoll_p?wait2? resumed>(.*), 16, .*= (\d+)", line)
        if returned and returned[2] == "0":
            found.append("timer")
        elif returned:
            found.append(descriptors.get(re.search(r"data=\{?(?:u32=|fd=)?(\d+)", returned[1])[1], "?"))
    return found


def kind(path):
    anonymous = re.match(r"anon_inode:\[?(\w+)\]?", path)
    return anonymous[1] if anonymous else "socket" if re.match(r"(TCP|UDP|UNIX|socket|NETLINK)", path) else "pipe" if path.startswith("pipe") else path


def by_cause(place, name, sensors, work, *arguments, friend=None):
    """Wake-ups by kind of descriptor while the node is left alone, or has this work; and how many batches came meanwhile."""
    node, trace = place.node(name, sensors), place.directory / f"{name}.trace"
    if friend:
        (node.directory / "friend.pgp").write_bytes(friend.public_key())
        node.command("friend add", node.directory / "friend.pgp")
        node.command("friend follow", friend.fingerprint)
    node.start("--no-mdns", "--no-bluetooth", *arguments, wrapper=[*STRACE, "-o", trace, "-e", "trace=epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2"])
    time.sleep(5)
    before, batches = len(kinds(trace.read_text())), count(node)
    work(node)
    found = collections.Counter(kinds(trace.read_text())[before:])
    batches = count(node) - batches
    node.stop()
    return {"value": sum(found.values()), "causes": dict(found.most_common()), **({"batches": batches} if batches else {})}


def bench_causes():
    how = "strace: returns of epoll_wait by what was ready; no bus"
    seconds, requests, visits = 30, 20, 2
    alone, visiting = lambda node: time.sleep(seconds), lambda node: time.sleep(visits * 60)  # a visit a minute (docs/sync.md)

    def tell(name, unit, found):
        report(f"wake-ups: {name}", found.pop("value"), unit, None, how, **found)

    def ask(node):
        for _ in range(requests):
            node.listing()

    with Place() as place:
        tell("nothing attached", f"in {seconds} s", by_cause(place, "nothing", [], alone))
        tell("a reading a second, nothing published", f"in {seconds} s", by_cause(place, "readings", [sensor("one", period=1, batch=600)], alone))
        tell("a reading a second in batches of ten", f"in {seconds} s", by_cause(place, "batches", [sensor("one", batch=10)], alone))
        tell("listings by plain HTTP, a connection each", f"for {requests}", by_cause(place, "requests", [], ask))
        friend = place.node("friend", []).start()
        tell("a followed friend who has nothing new", f"for {visits} visits", by_cause(place, "visits", [], visiting, "--peer", f"{friend.fingerprint}=127.0.0.1:{friend.secure_port}", friend=friend))


def events(text):
    """gpg processes, syncs, octets written to the disk and to memory, in a trace."""
    written = collections.Counter()
    for path, size in re.findall(r"p?write(?:v|64)?\(\d+<(/[^>]*)>.*= (\d+)", text):
        written["memory" if path.startswith(("/dev/", "/run/", "/proc/", "/memfd")) else "disk"] += int(size)
    return {"gpg": len(re.findall(r'execve\("[^"]*/gpg"', text)), "syncs": len(re.findall(r"f(?:data)?sync\(", text)), "octets": written["disk"]}


def bench_events():
    """What one event costs: gpg, syncs, octets given to the file system."""
    with Place() as place:
        trace = place.directory / "trace"
        wrapper = [*STRACE, "-o", trace, "-e", "trace=execve,fsync,fdatasync,write,writev,pwrite64"]
        path = place.directory / "led"
        actuators = [{"name": "led", "title": "LED", "type": "switch", "source": {"type": "file", "path": str(path)}, "audience": {"group": "controllers"}}]
        node = place.node("events", [], actuators)
        place.gnupg.import_key(node.public_key())
        controller = Controller(node, place.gnupg)
        for name in ("the first start", "a later start"):
            node.start(wrapper=wrapper)
            settle(trace)
            report_event(name, trace.read_text(), 1)
            node.stop()
            trace.unlink()
        node.start(wrapper=wrapper)
        settle(trace)
        begin = len(trace.read_text())
        for turn in range(4):
            assert controller.command(turn % 2)[0] == 201
            settle(trace)
        report_event("a command", trace.read_text()[begin:], 4)
        node.stop()
        for audience in ("public", {"group": "controllers"}):
            trace.unlink()
            node = place.node(f"batch-{len(audience)}", [sensor("ten", batch=10, period=0.3, audience=audience)])
            Controller(node, place.gnupg, f"reader-{len(audience)}")
            node.start(wrapper=wrapper)
            wait_until(lambda: count(node) >= 3, "three batches", 120)
            begin, before = len(trace.read_text()), count(node)
            wait_until(lambda: count(node) >= before + 5, "five batches", 120)
            report_event(f"a batch of ten readings, {'for everybody' if audience == 'public' else 'for a group'}", trace.read_text()[begin:], count(node) - before)
            node.stop()


def count(node):
    """Batches; counted in the directory, so that the node is not disturbed."""
    return len(list(node.own.glob("r-*.pgp")))


def settle(trace):
    """Until it has done nothing for two seconds."""
    size, quiet = -1, 0
    while quiet < 20:
        now = trace.stat().st_size
        quiet, size = (quiet + 1, size) if now == size else (0, now)
        time.sleep(0.1)


def report_event(name, text, times, **more):
    found = events(text)
    report(f"an event: {name}", round(found["gpg"] / times, 2), "gpg processes", None, "strace", syncs=round(found["syncs"] / times, 2), octets=round(found["octets"] / times), **more)
