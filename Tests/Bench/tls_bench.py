"""TLS: handshakes against OpenSSL's own server, a small file against nginx, and what connections and large files cost in memory."""
import os
import re
import socket
import ssl
import statistics
import subprocess

from measuring import KIB, REPOSITORY, Place, free_port, memory, processor_seconds, report, smaps, wait_until
from tls_client import ask, connect

CERTIFICATES = REPOSITORY / "Tests/Fixtures/tls"
ROUNDS = 5


def on_core(core, *words):
    return ["taskset", "-c", str(core), *map(str, words)]


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def per_processor_second(pid, count, work):
    """How many of what `work` does the process does in a second of its own time."""
    begin = processor_seconds(pid)
    done = count(subprocess.run(work, capture_output=True, text=True).stdout)
    return done / (processor_seconds(pid) - begin)


def ratio(ours, theirs):
    """Of medians of rounds that alternate: what the machine does besides is the same for both."""
    rounds = [(ours(), theirs()) for _ in range(ROUNDS)]
    mine, other = (statistics.median(one) for one in zip(*rounds))
    return other / mine, round(mine), round(other)


def bench_handshakes(node):
    own = CERTIFICATES / "gina.pem"
    port = free_port()
    openssl = subprocess.Popen(on_core(0, "openssl", "s_server", "-accept", port, "-cert", CERTIFICATES / "alice.pem", "-key", CERTIFICATES / "alice.pem",
                                       "-verify", "1", "-quiet", "-www"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), "openssl s_server")

        def measure(pid, port):
            return per_processor_second(pid, lambda text: int(re.search(r"(\d+) connections in \d+ real", text)[1]), on_core(
                1, "openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", "2", "-cert", own, "-key", own))
        value, mine, other = ratio(lambda: measure(node.pid, node.secure_port), lambda: measure(openssl.pid, port))
    finally:
        openssl.kill()
        openssl.wait()
    report("full mutual Ed25519 handshakes, OpenSSL's over ours", value, "ratio", 1 / 1.5, "openssl s_time against openssl s_server and us in turn; per second of the"
           " server's processor time", ours=mine, openssl=other)


def bench_small_file(node, place):
    port = free_port()
    root = place.directory / "nginx"
    root.mkdir()
    (root / "small.pgp").write_bytes((node.own / "small.pgp").read_bytes())
    configuration = root / "nginx.conf"
    configuration.write_text(f"""worker_processes 1; daemon off; master_process off; pid {root}/pid; error_log {root}/error; events {{ }}
        http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3; root {root};
        ssl_certificate {CERTIFICATES}/alice.pem; ssl_certificate_key {CERTIFICATES}/alice.pem; }} }}""")
    nginx = subprocess.Popen(on_core(0, "/usr/sbin/nginx", "-c", configuration, "-e", root / "error"))
    try:
        wait_until(lambda: answers(port), "nginx")

        def measure(pid, url):
            return per_processor_second(pid, lambda text: int(re.search(r"(\d+) requests in", text)[1]), on_core(1, "wrk", "-t1", "-c1", "-d2", url))
        value, mine, other = ratio(lambda: measure(node.pid, node.secure_url("/small.pgp")), lambda: measure(nginx.pid, f"https://127.0.0.1:{port}/small.pgp"))
    finally:
        nginx.kill()
        nginx.wait()
    report("a file of 1 KiB over one kept TLS connection, nginx's over ours", value, "ratio", 2, "wrk with one connection, in turn; per second of the server's"
           " processor time", ours=mine, nginx=other)


def bench_connections(node):
    before = memory(node.pid)["Private_Dirty"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(CERTIFICATES / "gina.pem")
    connections = []
    for number in range(32):
        connection = context.wrap_socket(socket.create_connection(("127.0.0.1", node.secure_port), source_address=(f"127.0.0.{10 + number // 7}", 0)))
        connection.sendall(f"GET /p2p/{node.fingerprint}/small.pgp HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        connection.recv(65536)
        connections.append(connection)
    report("32 open TLS connections", memory(node.pid)["Private_Dirty"] - before, "octets", 1 << 20, "each with a client certificate, after one GET; Private_Dirty")
    for connection in connections:
        connection.close()


def bench_large_file(node, version):
    before = memory(node.pid)["Private_Dirty"]
    client = subprocess.Popen(on_core(1, "curl", "-sSk", version, "-o", "/dev/null", "--limit-rate", "60M", node.secure_url("/large.pgp")))
    most = before
    while client.poll() is None:
        most = max(most, smaps(node.pid)["Private_Dirty"])
    assert client.returncode == 0
    report(f"serving 60 MiB over TLS, {version}", most - before, "octets", 256 * KIB, "curl; the most Private_Dirty meanwhile less that before")


def bench_private_listing(place):
    """A listing of 100 files that only one friend sees, against one private file of as many octets, over the same connection."""
    node, content = place.node("listing", []), place.directory / "private"
    node.command("friend add", "--group", "viewers", REPOSITORY / "Tests/Fixtures/keys/gnupg24-gina.asc")
    for number in range(100):
        content.write_bytes(b"%d" % number)
        node.command("publish", "--to", "viewers", "--name", f"private-{number:03}.json.pgp", content)
    node.start()
    with connect(node, CERTIFICATES / "gina.pem") as connection:
        connection.sendall(f"GET /p2p/{node.fingerprint} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        listing = connection.makefile("rb").read().partition(b"\r\n\r\n")[2]
    assert listing.count(b"private-") == 100
    node.stop()
    content.write_bytes(os.urandom(len(listing) - 400))  # what signing and encrypting adds
    node.command("publish", "--to", "viewers", "--name", "same.pgp", content)
    size = (node.own / "same.pgp").stat().st_size
    assert abs(size - len(listing)) < len(listing) / 20, (size, len(listing))
    node.start()
    with connect(node, CERTIFICATES / "gina.pem") as connection:
        def measure(path):
            begin = processor_seconds(node.pid)
            for _ in range(5000):
                assert ask(connection, node, path) == 200
            return 5000 / (processor_seconds(node.pid) - begin)
        value, mine, other = ratio(lambda: measure(""), lambda: measure("/same.pgp"))
    report("a listing of 100 private files, against one private file of as many octets", value, "ratio", 2, "GETs over one TLS connection, in turn; the server's"
           " processor time", octets=len(listing), listings_per_s=mine, files_per_s=other)


def bench_tls():
    with Place() as place:
        node = place.node("tls", [])
        for name, size in (("small", 900), ("large", 60 << 20)):
            content = place.directory / name
            content.write_bytes(b"x" * size)
            node.command("publish", "--public", "--name", f"{name}.pgp", content)
        node.start()
        bench_handshakes(node)
        bench_small_file(node, place)
        bench_connections(node)
        for version in ("--http1.1", "--http2"):
            bench_large_file(node, version)
        bench_private_listing(place)
