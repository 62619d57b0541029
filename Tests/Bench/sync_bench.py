#!/usr/bin/env python3
"""Measures following a friend: catching up with many new files, and one large one. Two nodes on this machine, the follower on a core of its own.

Prints JSON lines as bench.py does, which calls it. BENCH_SYNC_FILES: how many files (10,000).
"""
import os
import subprocess
import sys
import threading
import time

from measuring import KIB, Place, failures, memory, processor_seconds, report, smaps, wait_until


class Highest:
    """The most private memory that a process had while something went on."""

    def __init__(self, pid):
        self.pid, self.most, self.ended = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ended.wait(0.02):
            self.most = max(self.most, smaps(self.pid)["Private_Dirty"])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def befriend(follower, friend):
    key = friend.directory / "key.pgp"
    key.write_bytes(friend.public_key())
    follower.command("friend add", key)
    follower.command("friend follow", friend.fingerprint)
    return follower.root / friend.fingerprint


def start(place, friend, follower):
    friend.start("--no-mdns")
    follower.start("--no-mdns", "--peer", f"{friend.fingerprint}=127.0.0.1:{friend.secure_port}")


def arrived(directory):
    return sum(1 for name in os.listdir(directory) if not name.startswith(".") and name.endswith(".pgp"))


def bench_many():
    count = int(os.environ.get("BENCH_SYNC_FILES", "10000"))
    with Place() as place:
        friend, follower = place.node("friend", []), place.node("follower", [])
        place.gnupg.import_key(place.gnupg.decrypt_account(friend.account, friend.passphrase))
        for number in range(count):
            content = b'{"number":%d,"text":"%s"}' % (number, b"x" * 350)
            (friend.own / f"f-{number:05}.pgp").write_bytes(place.gnupg.run("--compress-algo", "none", "--sign", input=content).stdout)
        directory = befriend(follower, friend)
        # What gpg alone takes for one of them, on the same core.
        sample = friend.own / "f-00000.pgp"
        begin = time.monotonic()
        for _ in range(50):
            subprocess.run(["taskset", "-c", "0", "gpg", "--homedir", place.gnupg.home, "--batch", "--quiet", "--trust-model", "always", "--verify", sample],
                           check=True, capture_output=True)
        alone = (time.monotonic() - begin) / 50
        start(place, friend, follower)
        begin = time.monotonic()
        wait_until(lambda: arrived(directory) > count // 10, "a tenth", 600)
        before = smaps(follower.pid)["Private_Dirty"]
        # In the middle it is killed, and begins again.
        wait_until(lambda: arrived(directory) > count // 2, "one half", 1200)
        middle = smaps(follower.pid)["Private_Dirty"]
        half = time.monotonic() - begin
        follower.process.kill()
        follower.process.wait()
        kept = arrived(directory)
        follower.process.stdout.close()
        follower.start("--no-mdns", "--peer", f"{friend.fingerprint}=127.0.0.1:{friend.secure_port}")
        begin = time.monotonic()
        with Highest(follower.pid) as highest:
            wait_until(lambda: arrived(directory) >= count, "all", 1200)
        rest = time.monotonic() - begin
        how = f"{count} public files of 0.6 KiB from a node on this machine; killed after half of them"
        report("catching up, a file", (half + rest) / count, "s", None, how, gpgAlone=round(alone, 5))
        report("catching up, compared with gpg alone", (half + rest) / count / alone, "times", 2, how)
        report("private dirty from a tenth to one half", middle - before, "octets", None, how + "; the index grows by 112 octets a file",
               index=112 * count * 4 // 10)
        report("private dirty at most, all files known", highest.most, "octets", None, how)
        report("files fetched again after the kill", follower.status()["sync"]["files"] + kept - arrived(directory), "files", 4, how)
        report("processor time of the follower, without gpg", processor_seconds(follower.pid) / (count - kept), "s", None, how)


def bench_large():
    with Place() as place:
        friend, follower = place.node("friend", []), place.node("follower", [])
        source = place.directory / "large"
        source.write_bytes(os.urandom(60 << 20))
        directory = befriend(follower, friend)
        start(place, friend, follower)
        wait_until(lambda: arrived(directory) >= 2, "the documents", 120)
        before = memory(follower.pid)["Private_Dirty"]
        friend.command("publish", "--public", "--name", "large.pgp", source)
        follower.command("friend unfollow", friend.fingerprint)
        time.sleep(2)
        with Highest(follower.pid) as highest:
            begin = time.monotonic()
            follower.command("friend follow", friend.fingerprint)
            wait_until(lambda: (directory / "large.pgp").exists(), "the large file", 300)
            took = time.monotonic() - begin
        report("private dirty while 60 MiB arrive", highest.most - before, "octets", 256 * KIB, "public file from a node on this machine; smaps_rollup every 20 ms",
               seconds=round(took, 2))


if __name__ == "__main__":
    for name in sys.argv[1:] or ["many", "large"]:
        globals()[f"bench_{name}"]()
    sys.exit(1 if failures else 0)
