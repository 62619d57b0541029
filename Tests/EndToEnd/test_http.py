"""The plain listener, asked by curl: listings, files, ranges, pages, what is not there."""
import email.utils
import json
import os
import re
import subprocess
import time

import pytest

from harness import FIXTURES, sha256, wait_until

ALICE = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
GINA = "3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c"


def test_the_listing_names_path_size_and_sum_oldest_first(quiet):
    entries = quiet.listing()
    for entry in entries:
        assert set(entry) == {"path", "size", "sum"}
        name = entry["path"].removeprefix(f"/p2p/{quiet.fingerprint}/")
        data = (quiet.own / name).read_bytes()
        assert (entry["size"], entry["sum"]) == (len(data), sha256(data))
    names = [entry["path"].rsplit("/", 1)[1] for entry in entries]
    assert names == sorted(names, key=lambda name: (quiet.own / name).stat().st_mtime_ns)
    assert {"device.json.pgp", "vocabulary-1.json.pgp", *(f"file-{n}.json.pgp" for n in range(5))} == set(names)
    assert len({(quiet.own / name).stat().st_mtime_ns for name in names}) == len(names), "modification times strictly increase"


def test_a_file_comes_with_its_sum_as_etag(quiet):
    status, headers, body = quiet.get("/file-0.json.pgp")
    assert status == 200 and body == (quiet.own / "file-0.json.pgp").read_bytes()
    assert headers["etag"] == f'"{sha256(body)}"' and int(headers["content-length"]) == len(body)
    status, headers, body = quiet.get("/file-0.json.pgp", "-H", f"If-None-Match: {headers['etag']}")
    assert status == 304 and body == b""


def test_head_has_the_same_head_and_no_body(quiet):
    for path in ("/file-0.json.pgp", "", "/nothing.json.pgp"):
        get = quiet.get(path)
        head = quiet.get(path, "--head")
        assert head[0] == get[0] and head[2] == b""
        drop = ("date", "content-length", "transfer-encoding")
        assert {k: v for k, v in head[1].items() if k not in drop} == {k: v for k, v in get[1].items() if k not in drop}


@pytest.mark.parametrize("value, start, end", [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None), ("bytes=5-999999", 5, None)])
def test_range(quiet, value, start, end):
    whole = quiet.fetch("file-1.json.pgp")
    status, headers, body = quiet.get("/file-1.json.pgp", "-H", f"Range: {value}")
    assert status == 206 and body == whole[start:end]
    first = start if start >= 0 else len(whole) + start
    assert headers["content-range"] == f"bytes {first}-{first + len(body) - 1}/{len(whole)}"


def test_a_range_beyond_the_end_is_416(quiet):
    size = len(quiet.fetch("file-1.json.pgp"))
    status, headers, _ = quiet.get("/file-1.json.pgp", "-H", "Range: bytes=999999-")
    assert status == 416 and headers["content-range"] == f"bytes */{size}"


def test_an_interrupted_download_resumes(quiet, tmp_path):
    whole = quiet.fetch("file-2.json.pgp")
    part = tmp_path / "part"
    part.write_bytes(whole[:333])
    quiet.curl("-C", "-", "-o", part, quiet.url("/file-2.json.pgp"))
    assert part.read_bytes() == whole


def test_if_modified_since_is_inclusive_in_whole_seconds(quiet):
    """The times are set while the node is down: it gives files that come while it runs times of its own."""
    quiet.stop()
    base = 1_700_000_000
    for number in range(5):
        at = (base + number) * 10**9 + 500_000_000 + number
        os.utime(quiet.own / f"file-{number}.json.pgp", ns=(at, at))
    quiet.start()

    def since(seconds):
        entries = quiet.listing("", "-H", f"If-Modified-Since: {email.utils.formatdate(seconds, usegmt=True)}")
        return [name for name in (entry["path"].rsplit("/", 1)[1] for entry in entries) if name.startswith("file-")]
    assert since(base + 3) == ["file-3.json.pgp", "file-4.json.pgp"]
    assert since(base + 4) == ["file-4.json.pgp"]
    assert since(base + 5) == []
    assert len(quiet.listing("", "-H", "If-Modified-Since: Mon, 01 Jan 0001 00:00:00 GMT")) == 7


def test_nothing_changed_is_an_empty_array_and_200(quiet):
    status, _, body = quiet.get("", "-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
    assert (status, body) == (200, b"[]")


def test_pages(quiet):
    whole = quiet.listing()
    pages, url = [], "?limit=3"
    while url:
        status, headers, body = quiet.get(url)
        assert status == 200
        page = json.loads(body)
        assert 0 < len(page) <= 3
        pages += page
        link = re.fullmatch(r'<([^>]*[?&]limit=3&after=[^>]+)>; rel="next"', headers.get("link", ""))
        assert link or "link" not in headers
        url = link and link[1]
        if url and url.startswith("/"):
            url = f"http://127.0.0.1:{quiet.port}{url}"
    assert pages == whole


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?limit=-1", "?limit=x", "?limit=", "?limit=3&after=%00", "?limit=99999999999999999999"])
def test_a_wrong_page_is_400(quiet, query):
    assert quiet.get(query)[0] == 400


def test_what_is_not_there_is_the_same_404_as_what_is_not_for_you(quiet, tmp_path):
    """Private files, missing files, strangers, unfollowed friends, odd names: one answer, octet for octet."""
    (tmp_path / "secret").write_text("for nobody")
    quiet.command("publish", "--name", "private.json.pgp", tmp_path / "secret")
    (quiet.root / ("." + ALICE)).mkdir()
    (quiet.root / ("." + ALICE) / "x.json.pgp").write_bytes(quiet.fetch("file-0.json.pgp"))
    base = f"http://127.0.0.1:{quiet.port}"
    answers = set()
    for path in [quiet.url("/private.json.pgp"), quiet.url("/missing.json.pgp"), f"{base}/p2p/{ALICE}", f"{base}/p2p/{ALICE}/x.json.pgp",
                 f"{base}/p2p/.{ALICE}/x.json.pgp", f"{base}/p2p/{'0' * 40}", f"{base}/p2p/{quiet.fingerprint.upper()}", f"{base}/p2p/.mau/account.pgp",
                 f"{base}/", f"{base}/p2p", f"{base}/favicon.ico", quiet.url("/%2e%2e/.mau/account.pgp"), quiet.url("/..%2f.mau%2faccount.pgp"),
                 quiet.url("/file-0.json.pgp/"), quiet.url("/file-0.json.pgp%00"), quiet.url("/.hidden.pgp")]:
        status, headers, body = quiet.get(path, "--path-as-is")
        headers.pop("date", None)
        answers.add((status, tuple(sorted(headers.items())), body))
    assert len(answers) == 1 and answers.pop()[0] == 404
    assert "private.json.pgp" not in quiet.names()


def test_followed_friends_public_files_are_served(quiet, gnupg):
    quiet.stop()
    quiet.command("friend add", FIXTURES / "keys/gnupg24-gina.asc")
    quiet.command("friend follow", GINA)
    for name in ("public.json.pgp", "public-uncompressed.json.pgp", "hello.json.pgp", "group.json.pgp"):
        (quiet.root / GINA / name).write_bytes((FIXTURES / "gnupg24/gina" / GINA / name).read_bytes())
    quiet.start()
    status, _, body = quiet.get(f"http://127.0.0.1:{quiet.port}/p2p/{GINA}")
    assert status == 200
    names = {entry["path"].rsplit("/", 1)[1] for entry in json.loads(body)}
    assert "public-uncompressed.json.pgp" in names
    assert not names & {"hello.json.pgp", "group.json.pgp"}, "encrypted files show"
    status, _, body = quiet.get(f"http://127.0.0.1:{quiet.port}/p2p/{GINA}/public-uncompressed.json.pgp")
    assert body == (FIXTURES / "gnupg24/gina" / GINA / "public-uncompressed.json.pgp").read_bytes()


def test_no_request_starts_gpg_or_scans_a_directory(quiet, tmp_path):
    """Over a thousand requests the server opens the file asked for and nothing else."""
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-p", str(quiet.pid), "-o", trace,
                               "-e", "trace=openat,open,execve,clone,clone3,fork,vfork,getdents64,statx,newfstatat"], stderr=subprocess.DEVNULL)
    wait_until(trace.exists, "strace's start")
    time.sleep(0.3)
    quiet.curl(*[word for _ in range(300) for word in ("-o", "/dev/null", quiet.url("/file-0.json.pgp"), "-o", "/dev/null", quiet.url())])
    tracer.terminate()
    tracer.wait()
    lines = trace.read_text().splitlines()
    assert not [line for line in lines if re.search(r"execve|clone|fork|getdents", line)]
    assert not [line for line in lines if "open" in line and "file-0.json.pgp" not in line]
    assert len(lines) <= 700
