#!/usr/bin/env python3
"""The HTTP server against nginx, and its memory over a million requests. Prints JSON lines.

    server_bench.py [--requests N] [--seconds N] [--rounds N]

Both servers run on one core and wrk, with 8 kept connections, on another; rounds alternate. Both serve the same octets: a file of
1 KiB, and the listing of 1,000 files, which nginx has as a static file. Numbers are medians of the rounds, in requests per
second; ratio is the median of the rounds' ratios, ours by nginx's. Processor time in microseconds a request (user and system) is
given too: other work on the machine changes it less. It fails when a ratio is below 1, or when the memory grew.
"""
import argparse
import hashlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from measuring import KIB, MAUD, Node, free_port, processor_seconds, smaps, wait_until

FILES = 1000
CONNECTIONS = 8
SERVER_CORE, CLIENT_CORE = "0", "1"


def fill(directory):
    """1,000 files of 1 KiB that look like public OpenPGP files: one-pass signature, then literal data."""
    for number in range(FILES):
        body = bytes([0xC4, 13, 3, 0, 8, 22, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0xCB, 0xFF, 0, 0, 3, 0xEB, 0x62, 0, 0, 0, 0, 0]) + hashlib.sha256(b"%d" % number).digest() * 32
        path = os.path.join(directory, "r-temperature-%012d.json.pgp" % number)
        with open(path, "wb") as f:
            f.write(body[:1024])
        stamp = (1_700_000_000 + number) * 10**9
        os.utime(path, ns=(stamp, stamp))
    return os.path.basename(path)


def wait_for(port, path):
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing answers on port {port}")


def start_nginx(work, root, port):
    config = os.path.join(work, "nginx.conf")
    with open(config, "w") as f:
        f.write(f"""user root; worker_processes 1; daemon off; master_process off; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3;
 uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5; default_type application/octet-stream; keepalive_requests 100000000;
 server {{ listen 127.0.0.1:{port}; root {root}; }} }}
""")
    return subprocess.Popen(["taskset", "-c", SERVER_CORE, "nginx", "-p", work, "-c", config])


def load(port, path, seconds):
    output = subprocess.run(["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://127.0.0.1:{port}{path}"],
                            capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(output)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def measured_load(pid, port, path, seconds):
    """(requests per second, processor microseconds a request)"""
    before = processor_seconds(pid)
    rate = load(port, path, seconds)
    return rate, (processor_seconds(pid) - before) / (rate * seconds) * 1e6


def compare(name, ours, theirs, seconds, rounds):
    """ours and theirs: (pid, port, path)"""
    results = [(measured_load(*ours, seconds), measured_load(*theirs, seconds)) for _ in range(rounds)]
    ratio = statistics.median(our[0] / their[0] for our, their in results)
    line = {"name": name, "ratio": round(ratio, 3)}
    for index, server in enumerate(("maud", "nginx")):
        line[server] = round(statistics.median(result[index][0] for result in results))
        line[server + "_processor_us"] = round(statistics.median(result[index][1] for result in results), 2)
    print(json.dumps(line), flush=True)
    return ratio >= 1


def memory(pid):
    """KiB, at this moment."""
    found = smaps(pid)
    return {name: found[name] // KIB for name in ("Pss", "Private_Dirty")}


def memory_over(pid, port, path, requests):
    load(port, path, 1)
    before = memory(pid)
    done = 0
    while done < requests:
        rate = load(port, path, 5)
        done += int(rate * 5)
    after = memory(pid)
    print(json.dumps({"name": "memory over requests", "requests": done, "before_kib": before, "after_kib": after}), flush=True)
    return after["Private_Dirty"] <= before["Private_Dirty"] + 64


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=2, help="of each round")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="maud-bench-")
    nginx_port, nginx = free_port(), None
    node = Node(os.path.join(work, "node"), maud=["taskset", "-c", SERVER_CORE, MAUD])
    good = True
    try:
        node.init()
        node.write_board(sensors=[], actuators=[])
        name = fill(node.own)
        node.start()
        wait_until(lambda: len(node.names("^r-temperature-")) == FILES and node.names("^device"), "the listing of all files")
        port, listing_path, file_path = node.port, f"/p2p/{node.fingerprint}", f"/p2p/{node.fingerprint}/{name}"
        listing = wait_for(port, listing_path)[1]
        with open(os.path.join(work, "listing"), "wb") as f:
            f.write(listing)
        os.chmod(work, 0o755)
        nginx = start_nginx(work, work, nginx_port)
        nginx_file = f"/node/root/{node.fingerprint}/{name}"
        assert wait_for(nginx_port, nginx_file) == wait_for(port, file_path)
        assert wait_for(nginx_port, "/listing") == (200, listing)
        good &= compare("file of 1 KiB", (node.pid, port, file_path), (nginx.pid, nginx_port, nginx_file), options.seconds, options.rounds)
        good &= compare("listing of 1,000 files", (node.pid, port, listing_path), (nginx.pid, nginx_port, "/listing"), options.seconds, options.rounds)
        good &= memory_over(node.pid, port, file_path, options.requests)
    finally:
        node.close()
        if nginx:
            nginx.terminate()
            nginx.wait(5)
        shutil.rmtree(work)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
