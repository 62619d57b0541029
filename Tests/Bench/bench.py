#!/usr/bin/env python3
"""Measures the Embedded build for this machine, pinned to one core; prints a JSON object a line. `make bench` calls it.

    bench.py [NAME...]     only these measurements; without names all of them, about eighteen minutes

Every line has: measurement, value, unit, limit (what the design allows, null when there is none), ok, and how it was measured.
"""
import ctypes
import http.client
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

from measuring import KIB, MAUD, REPOSITORY, Node, Place, agents, failures, free_port, memory, processor_seconds, report, sensor, wait_until
from commands import Controller  # beside the harness, which measuring has made importable
from parts_bench import bench_bare, bench_causes, bench_events, report_parts  # noqa: F401
from tls_bench import bench_tls  # noqa: F401


def bench_idle():
    """Memory after an hour's worth of readings; time runs ten times as fast, the number of readings and files is the same."""
    batches = int(os.environ.get("BENCH_BATCHES", "60"))
    how = f"four sensors, {batches * 60} readings each in batches of 60, taken every 0.1 s; an actuator, a controller, a followed friend who is away; smaps_rollup at the end"
    with Place() as place:
        node = place.node("idle", [sensor(f"sensor-{n}", period=0.1) for n in range(4)], [{"name": "led", "title": "LED", "type": "switch", "source": {"type": "simulator"}}])
        gina = "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c"
        node.command("friend add", "--group", "controllers", REPOSITORY / "Tests/Fixtures/keys/gnupg24-gina.asc")
        node.command("friend follow", gina)
        node.start("--peer", f"{gina}=127.0.0.1:{free_port()}")
        wait_until(lambda: sum(1 for _ in node.own.glob("r-*")) >= 4 * batches, "so many readings", batches * 6 + 120)
        node.listing()
        found = memory(node.pid)
        report("idle private dirty", found["Private_Dirty"], "octets", 1331 * KIB, how)
        report("idle pss", found["Pss"], "octets", 3584 * KIB, how)
        report_parts(node.pid, how)
        running = agents(node)
        report("other gnupg processes when idle", len([name for _, name in running if name != "gpg-agent"]), "processes", 0, "ps, " + how,
               processes=[name for _, name in running])
        report("gpg-agent pss", sum(memory(pid)["Pss"] for pid, name in running), "octets", 5 << 20, "smaps_rollup of every process of the working directory")


def fill(node, place, count):
    """So many public files of about 1 KiB, copies of one signed file."""
    source = place.directory / "content"
    source.write_bytes(b"x" * 750)
    node.command("publish", "--public", "--name", "file-00000.pgp", source)
    data = (node.own / "file-00000.pgp").read_bytes()
    for number in range(1, count):
        (node.own / f"file-{number:05}.pgp").write_bytes(data)


def bench_files():
    with Place() as place:
        found = {}
        for count in (1000, 9900):
            node = place.node(f"files-{count}", [])
            fill(node, place, count)
            node.start()
            node.stop()
            node.start()
            assert len(node.listing()) >= count
            found[count] = memory(node.pid)["Private_Dirty"]
            node.stop()
        report("memory of an indexed file", (found[9900] - found[1000]) / 8900, "octets", 160, "Private_Dirty with 9,900 files less that with 1,000",
               private_dirty=found)


def first_answer(node):
    """Seconds from exec to the last octet of a public file, asked for again and again; then waits until the node is ready."""
    port = free_port()
    request = f"GET /p2p/{node.fingerprint}/file-00000.pgp HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
    begin = time.monotonic()
    node.start(wait=False, http=f"127.0.0.1:{port}")
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(request)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionRefusedError, ConnectionResetError):
            time.sleep(0.001)
            continue
        if answer.startswith(b"HTTP/1.1 200"):
            break
    seconds = time.monotonic() - begin
    node.wait_ready()
    return seconds


def bench_start():
    with Place() as place:
        node = place.node("start", [])
        fill(node, place, 1000)
        warm, cold, hashed = [], [], []
        node.start()
        node.stop()
        for _ in range(7):
            warm.append(first_answer(node))
            node.stop()
            shutil.rmtree(node.state)
            cold.append(first_answer(node))
            status = node.status()["content"]
            hashed.append(status["examined"] / (status["files"] + status["versions"]))
            node.stop()
        how = "median of 7; exec to the whole answer to the first request that is answered; account with the least S2K count, so the derivation is not in it; files in the page cache"
        report("start with 1,000 files, index cache there", statistics.median(warm), "s", 0.1, how, all=[round(value, 4) for value in warm])
        report("start with 1,000 files, no index cache", statistics.median(cold), "s", None, how, all=[round(value, 4) for value in cold])
        report("SHA-256 of each file at a start with no index cache", max(hashed), "times", 1, "maud status: files examined by files and versions there")
        other = Node(place.directory / "derivation", maud=["taskset", "-c", "0", MAUD]).init()
        place.nodes.append(other)
        found = []
        for _ in range(5):
            found.append(other.start().status()["derivationMilliseconds"] / 1000)
            other.stop()
        report("derivation of the passphrase", statistics.median(found), "s", None, "maud status; account as maud init made it here; median of 5", all=found)


def bench_wakeups():
    with Place() as place:
        node = place.node("wakeups", [sensor(f"sensor-{n}", batch=60) for n in range(4)]).start()
        time.sleep(5)
        before, seconds = node.status(), 50
        time.sleep(seconds)
        after = node.status()
        report("wake-ups with four sensors at 1 Hz", (after["wakeUps"] - before["wakeUps"]) / seconds, "per second", 2, f"maud status, over {seconds} s")
        node.stop()
        node = place.node("sleep", []).start()
        time.sleep(5)
        before = node.status()
        time.sleep(20)
        after = node.status()
        # The question itself wakes it: accept, and the watchdog of the connection.
        report("wake-ups with nothing due", after["wakeUps"] - before["wakeUps"], "in 20 s", 2, "maud status, no sensors; asking wakes it up to twice")


def reaped_seconds():
    """Processor time of the processes that ended and were ours to wait for. GPGME leaves each gpg without a parent: it becomes our
    child because of PR_SET_CHILD_SUBREAPER."""
    while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
        pass
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def bench_posting():
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with Place() as place:
        node = place.node("posting", [sensor("one", batch=1)]).start()
        node.wait_for("^r-one", 3)
        pids = [node.pid] + [pid for pid, _ in agents(node)]
        begin, before = time.monotonic(), [processor_seconds(pid, pid == node.pid) for pid in pids]
        files, reaped = len(list(node.own.glob("r-one-*"))), reaped_seconds()
        time.sleep(30)
        seconds = time.monotonic() - begin
        running = sum(processor_seconds(pid, pid == node.pid) - earlier for pid, earlier in zip(pids, before))
        gpg = reaped_seconds() - reaped
        posted = len(list(node.own.glob("r-one-*"))) - files
        assert gpg > 0, "no gpg was seen"
        report("processor time of posting at 1 Hz", (running + gpg) / seconds, "of a core", 0.05, "utime + stime of maud, gpg-agent and every gpg, over 30 s",
               posted=posted, gpg=round(gpg / seconds, 4))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def bench_fsync():
    with Place() as place:
        node = place.node("fsync", [sensor("one", batch=1)])
        node.start(wrapper=["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=500000"])
        node.wait_for("^r-one", 2)
        path = node.url("/device.json.pgp").split("/", 3)[3]
        took, connection = [], http.client.HTTPConnection("127.0.0.1", node.port)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            begin = time.monotonic()
            connection.request("GET", "/" + path)
            response = connection.getresponse()
            response.read()
            took.append(time.monotonic() - begin)
            assert response.status == 200
            time.sleep(0.005)
        report("slowest public GET while every fsync takes 500 ms", max(took), "s", 0.02, "strace delays fsync; a batch of one every second; 15 s over one connection",
               requests=len(took), median=round(statistics.median(took), 5))


def bench_batch():
    with Place() as place:
        node = place.node("batch", [sensor("ten", batch=10, period=0.2)])
        trace = place.directory / "trace"
        node.start(wrapper=["strace", "-D", "-f", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync,execve"])
        node.wait_for("^r-ten", 1)
        begin = len(trace.read_text())
        node.wait_for("^r-ten", 6)
        text = trace.read_text()[begin:]
        node.stop()
        how = "strace over five batches of ten readings"
        report("fsync of a batch", len(re.findall(r"f(?:data)?sync\(", text)) / 5, "calls", 2, how)
        report("gpg processes of a batch", len(re.findall(r'execve\("[^"]*/gpg"', text)) / 5, "processes", 1, how)


def switch(node, controller, path, name):
    """Milliseconds from the first octet of a PUT until the actuator's file has changed, and until the answer is there."""
    wanted = str(1 - int(path.read_text()))
    file = controller.sign(controller.text(int(wanted)))
    changed = []

    def watch():
        while path.read_text().strip() != wanted:
            time.sleep(0.0002)
        changed.append(time.monotonic())
    watcher = threading.Thread(target=watch)
    watcher.start()
    connection = http.client.HTTPConnection("127.0.0.1", node.port)
    start = time.monotonic()
    connection.request("PUT", f"/p2p/{controller.fingerprint}/{name}", file)
    status = connection.getresponse().status
    answered = time.monotonic()
    watcher.join()
    assert status == 201, f"the PUT answers {status}"
    return (changed[0] - start) * 1000, (answered - start) * 1000


def bench_command():
    """A controller sets an actuator that is a file. Without TLS twelve commands a minute are taken, so the node is started often."""
    rounds = int(os.environ.get("BENCH_COMMANDS", "200")) // 12 + 1
    with Place() as place:
        path = place.directory / "value"
        node = place.node("command", [], [{"name": "led", "title": "LED", "type": "switch", "source": {"type": "file", "path": str(path)}}])
        place.gnupg.import_key(node.public_key())
        controller = Controller(node, place.gnupg)
        times = []
        for turn in range(rounds):
            node.start()
            for number in range(12):
                times.append(switch(node, controller, path, f"c-{turn}-{number}.pgp"))
                time.sleep(0.1)  # the state and the log of the one before are published
            node.stop()
        how = f"{len(times)} PUTs over the plain listener, one after the other; gpg and the node on one core, the client beside them"
        for what, limit, values in (("actuator", 50, sorted(one for one, _ in times)), ("answer", None, sorted(two for _, two in times))):
            report(f"PUT of a command to its {what}, p99", values[len(values) * 99 // 100], "ms", limit, how, median=round(statistics.median(values), 1))


def bench_size():
    for board, limit in (("raspberry-pi-zero-2-w", 900 * KIB), ("raspberry-pi-2", None), ("linux-host", None)):
        path = REPOSITORY / "out" / board / "maud"
        if path.exists():
            report(f"binary for {board}", path.stat().st_size, "octets", limit, "stat of the stripped file")


def bench_server():
    """Serving, against nginx: a program of its own, which prints lines of its own."""
    if subprocess.run([sys.executable, REPOSITORY / "Tests/Bench/server_bench.py"]).returncode != 0:
        failures.append("server")


def bench_sync():
    """Following a friend: a program of its own, as above."""
    if subprocess.run([sys.executable, REPOSITORY / "Tests/Bench/sync_bench.py"]).returncode != 0:
        failures.append("sync")


def bench_bluetooth():
    """In a virtual machine, by the tests of Tests/Bluetooth: only where `make test-bluetooth` or MEASURE=bluetooth has made the guest."""
    if not (REPOSITORY / ".build/bluetooth/trixie.cpio").exists():
        print("bench: bluetooth is not measured; MEASURE=bluetooth makes what it needs", file=sys.stderr)
        return
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-s", REPOSITORY / "Tests/Bluetooth", "-m", "measurement"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        for text in process.stdout:
            print(text, end="", flush=True, file=sys.stdout if text.startswith("{") else sys.stderr)
    if process.returncode != 0:
        failures.append("bluetooth")


def main():
    os.sync()  # pages of a program that was just built are private and dirty until they are on the disk
    measurements = {name.removeprefix("bench_"): function for name, function in globals().items() if name.startswith("bench_")}
    chosen = sys.argv[1:] or measurements
    for name in chosen:
        if name not in measurements:
            sys.exit(f"bench: there is no measurement {name}; there are: {', '.join(measurements)}")
    for name in chosen:
        measurements[name]()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
