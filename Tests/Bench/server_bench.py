#!/usr/bin/env python3
"""The HTTP server against nginx, and its memory over a million requests. Prints JSON lines.

    server_bench.py --command 'COMMAND with {root} {fingerprint} {port}' [--requests N] [--seconds N] [--rounds N]

Both servers run on one core, one after the other and alternating, wrk with 8 kept connections on another; both serve the same
octets: a 1 KiB file, and a listing of 1,000 files, which nginx has as a static file. Each number is the
median of the rounds, in requests per second; ratio is ours by nginx's.
"""
import argparse
import hashlib
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

FINGERPRINT = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
FILES = 1000
CONNECTIONS = 8
SERVER_CORE, CLIENT_CORE = "0", "1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fill(directory):
    """1,000 files of 1 KiB that look like public OpenPGP files: one-pass signature, then literal data."""
    os.makedirs(directory)
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
        f.write(f"""worker_processes 1; daemon off; master_process off; pid {work}/nginx.pid; error_log {work}/nginx.log;
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


def compare(name, port, path, nginx_port, nginx_path, seconds, rounds):
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(load(port, path, seconds))
        theirs.append(load(nginx_port, nginx_path, seconds))
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print(json.dumps({"name": name, "maud": round(ours), "nginx": round(theirs), "ratio": round(ours / theirs, 3)}), flush=True)
    return ours >= theirs


def memory(pid):
    values = {}
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            fields = line.split()
            if fields[0] in ("Pss:", "Private_Dirty:"):
                values[fields[0][:-1]] = int(fields[1])
    return values


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
    parser.add_argument("--command", required=True)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="maud-bench-")
    root = os.path.join(work, "root")
    name = fill(os.path.join(root, FINGERPRINT))
    port, nginx_port = free_port(), free_port()
    command = options.command.format(root=root, fingerprint=FINGERPRINT, port=port)
    processes = [subprocess.Popen(["taskset", "-c", SERVER_CORE] + shlex.split(command), stdout=subprocess.DEVNULL)]
    good = True
    try:
        listing_path, file_path = f"/p2p/{FINGERPRINT}", f"/p2p/{FINGERPRINT}/{name}"
        for _ in range(200):
            status, listing = wait_for(port, listing_path)
            if status == 200 and len(json.loads(listing)) >= FILES:  # the node adds documents of its own
                break
            time.sleep(0.05)
        else:
            sys.exit(f"the listing has not {FILES} files: {status} {listing[:200]}")
        with open(os.path.join(root, "listing"), "wb") as f:
            f.write(listing)
        processes.append(start_nginx(work, root, nginx_port))
        nginx_file = f"/{FINGERPRINT}/{name}"
        assert wait_for(nginx_port, nginx_file) == wait_for(port, file_path)
        assert wait_for(nginx_port, "/listing") == (200, listing)
        good &= compare("file of 1 KiB", port, file_path, nginx_port, nginx_file, options.seconds, options.rounds)
        good &= compare("listing of 1,000 files", port, listing_path, nginx_port, "/listing", options.seconds, options.rounds)
        good &= memory_over(processes[0].pid, port, file_path, options.requests)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(work)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
