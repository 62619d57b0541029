"""What is in the packages, that they are the same octets each time, and what lintian says."""
import json
import os
import pathlib
import re
import subprocess
import tempfile

import pytest

import machine
from conftest import EPOCH, ROOT, built, make_deb

BOARDS = {"linux-host": ("", "amd64"), "raspberry-pi-4": ("arm64", "arm64"), "raspberry-pi-2": ("armhf", "armhf")}
# mau has its runtime inside: packing all that as small as it goes takes a quarter of a minute.
QUICK = {"DPKG_DEB_COMPRESSOR_LEVEL": "0"}
PROGRAMS = {"raspberry-pi-4": "raspberry-pi-zero-2-w"} # the same program


def contents(deb):
    listing = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True, check=True).stdout
    return {line.split()[5][1:]: line.split()[:2] for line in listing.splitlines()}


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


def inside(deb, path):
    return subprocess.run(f"dpkg-deb --fsys-tarfile '{deb}' | tar -xO .{path}", shell=True, capture_output=True, check=True).stdout


def text(deb, page):
    """A manual page as it is read."""
    roff = subprocess.run(["gzip", "-dc"], input=inside(deb, page), capture_output=True, check=True).stdout
    if not pathlib.Path("/usr/bin/groff").exists(): pytest.skip("needs groff")
    result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=200n", "-P-cbou"], input=roff, capture_output=True, check=True)
    assert result.stderr == b""
    return result.stdout.decode().replace("‐", "-").replace("−", "-")


@pytest.mark.parametrize("board", BOARDS)
def test_contents_and_reproducibility(board, tmp_path):
    sysroot, architecture = BOARDS[board]
    program = built(PROGRAMS.get(board, board))
    if sysroot and not (ROOT / ".sysroot" / sysroot / "var/lib/dpkg/status").exists(): pytest.skip(f".sysroot/{sysroot} was not made by this make-sysroot.sh")
    debs = []
    for number, environment in enumerate([{}, {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "TMPDIR": str(tmp_path / "elsewhere")}]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        copy = tmp_path / str(number) / "maud"
        copy.write_bytes(program.read_bytes())
        debs.append(make_deb("maud", board, sysroot, copy, environment=environment))
    assert debs[0].name == debs[1].name and debs[0].read_bytes() == debs[1].read_bytes()
    deb = debs[0]
    files = contents(deb)
    assert all(owner == "root/root" for _, owner in files.values())
    for path, mode in {
        "/usr/bin/maud": "-rwxr-xr-x", "/usr/bin/maudctl": "-rwxr-xr-x", "/etc/maud/board.json": "-rw-r--r--", "/usr/lib/systemd/system/maud.service": "-rw-r--r--",
        "/usr/lib/sysusers.d/maud.conf": "-rw-r--r--", "/usr/lib/udev/rules.d/99-maud.rules": "-rw-r--r--", "/usr/share/maud/vocabulary-1.jsonld": "-rw-r--r--",
        "/usr/share/man/man8/maud.8.gz": "-rw-r--r--", "/usr/share/man/man5/board.json.5.gz": "-rw-r--r--", "/usr/share/doc/maud/copyright": "-rw-r--r--",
        "/usr/share/doc/maud/changelog.gz": "-rw-r--r--",
    }.items(): assert files[path][0] == mode, path
    assert field(deb, "Architecture") == architecture
    assert "/etc/maud/board.json" in subprocess.run(["dpkg-deb", "-I", deb, "conffiles"], capture_output=True, text=True).stdout
    packaged = json.loads(inside(deb, "/etc/maud/board.json"))
    original = json.loads((ROOT / "boards" / board / "board.json").read_text())
    original.pop("$schema")
    assert packaged == original
    assert inside(deb, "/usr/bin/maud") == program.read_bytes()
    depends = field(deb, "Depends")
    for need in [r"libc6 \(>= 2\.[0-9]+\)", r"libgpgme11(t64)? \(>= ", r"libsystemd0 \(>= ", "gpg", "gpg-agent", "acl", r"systemd \(>= 257~\)"]:
        assert re.search(rf"(^|, ){need}", depends), (need, depends)
    # What README says of Debian 12: its glibc is 2.36.
    if sysroot: assert subprocess.run(["dpkg", "--compare-versions", re.search(r"libc6 \(>= ([0-9.]+)\)", depends)[1], "gt", "2.36"]).returncode == 0, depends


def test_without_root(package):
    """The same octets when nobody in particular makes it."""
    if os.geteuid() != 0: pytest.skip("all of them are made without root here")
    with tempfile.TemporaryDirectory() as directory: # pytest's own are for root alone
        os.chmod(directory, 0o777)
        copy = pathlib.Path(directory) / "maud"
        copy.write_bytes(built("linux-host").read_bytes())
        copy.chmod(0o755)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ROOT / "scripts/make-deb.sh", "maud", "linux-host", "", copy]
        if subprocess.run([*command[:4], "test", "-r", ROOT / "Makefile"]).returncode != 0: pytest.skip("nobody else can read this repository")
        git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT)}
        result = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": directory, "SOURCE_DATE_EPOCH": str(EPOCH), **git})
        assert result.returncode == 0, result.stderr
        made = pathlib.Path(directory) / package.name
        assert made.stat().st_uid == 65534 and made.read_bytes() == package.read_bytes()


@pytest.mark.long
def test_the_program_is_the_same_octets_wherever_it_is_built(tmp_path):
    """The sources, in another directory, compiled anew."""
    here = subprocess.run(["make", "firmware"], cwd=ROOT, capture_output=True, text=True)
    assert here.returncode == 0, here.stderr
    time = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
    other = tmp_path / "elsewhere"
    other.mkdir()
    archive = subprocess.run(["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=files, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", other], input=archive, check=True)
    subprocess.run(["cp", "-r", ROOT / "third-party/mbedtls-source", other / "third-party/"], check=True)
    (other / "third-party/mbedtls-source/.complete").touch()
    there = subprocess.run(["make", "firmware"], cwd=other, capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": time})
    assert there.returncode == 0, there.stderr
    assert (other / "out/linux-host/maud").read_bytes() == (ROOT / "out/linux-host/maud").read_bytes()


def test_versions_grow_until_the_release(make_package):
    """A package of a later commit is newer; the release of that number is newer than both."""
    one, two = (field(make_package(epoch=epoch), "Version") for epoch in (EPOCH, EPOCH + 1))
    release = re.search(r'maudVersion: StaticString = "(.*)"', (ROOT / "Sources/Node/EntryPoint.swift").read_text())[1]
    for older, newer in [(one, two), (two, release)]:
        assert subprocess.run(["dpkg", "--compare-versions", older, "lt", newer]).returncode == 0, (older, newer)


def test_the_companion(tmp_path):
    copy = tmp_path / "mau"
    copy.write_bytes(built("mau").read_bytes())
    copy.chmod(0o755)
    deb = make_deb("mau", "", copy, environment=QUICK)
    files = contents(deb)
    for path in ["/usr/bin/mau", "/usr/share/man/man1/mau.1.gz", "/usr/share/bash-completion/completions/mau", "/usr/share/zsh/vendor-completions/_mau",
                 "/usr/share/fish/vendor_completions.d/mau.fish"]:
        assert path in files
    page = text(deb, "/usr/share/man/man1/mau.1.gz")

    def check(command, names):
        for argument in command.get("arguments", []):
            for name in argument.get("names", []):
                if name["name"] not in ("version", "help", "h"): assert ("--" if name["kind"] == "long" else "-") + name["name"] in page
        for below in command.get("subcommands", []):
            assert " ".join([*names, below["commandName"]]) in page
            check(below, [*names, below["commandName"]])
    help = json.loads(subprocess.run([copy, "--experimental-dump-help"], capture_output=True, check=True).stdout)["command"]
    help["subcommands"] = [below for below in help["subcommands"] if below["commandName"] != "help"]
    for below in help["subcommands"]: check(below, [below["commandName"]])
    completion = inside(deb, "/usr/share/bash-completion/completions/mau").decode()
    script = tmp_path / "completion"
    script.write_text(completion + '\nCOMP_WORDS=(mau hand) COMP_CWORD=1 COMP_LINE="mau hand" COMP_POINT=8\n_mau mau hand mau\necho "${COMPREPLY[@]}"\n')
    assert subprocess.run(["bash", script], capture_output=True, text=True).stdout.split() == ["hand-over"]


def test_the_manual_page_has_every_verb_and_option(package):
    page = text(package, "/usr/share/man/man8/maud.8.gz")
    program = built("linux-host")
    overview = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    verbs = re.findall(r"^  ([a-z-]+) ", overview, re.MULTILINE)
    assert len(verbs) >= 12
    for verb in verbs:
        assert re.search(rf"^ +{verb}( |$)", page, re.MULTILINE), verb
        help = subprocess.run([program, verb, "--help"], capture_output=True, text=True).stdout
        for option in re.findall(r"^  (--[a-z-]+)", help, re.MULTILINE): assert option in page, (verb, option)


def test_the_page_of_board_json_says_what_docs_say(package):
    page = text(package, "/usr/share/man/man5/board.json.5.gz")
    for name in re.findall(r"^\| `([A-Za-z$]+)`", (ROOT / "docs/board.md").read_text(), re.MULTILINE): assert name in page, name
    assert '{"type": "led", "name": "ACT"}' in page and "\\" not in page.replace("\\n", "")


@pytest.mark.long
def test_lintian(make_system, make_package, tmp_path):
    system = make_system(machine.System, machine.MORE)
    packages = [make_package()]
    for board, (sysroot, architecture) in BOARDS.items():
        program = ROOT / "out" / PROGRAMS.get(board, board) / "maud"
        if not sysroot or not program.exists(): continue
        copy = tmp_path / sysroot / "maud"
        copy.parent.mkdir()
        copy.write_bytes(program.read_bytes())
        packages.append(make_deb("maud", board, sysroot, copy))
    if (ROOT / "out/mau").exists():
        copy = tmp_path / "mau"
        copy.write_bytes((ROOT / "out/mau").read_bytes())
        copy.chmod(0o755)
        packages.append(make_deb("mau", "", copy, environment=QUICK))
    for deb in packages: system.copy(deb, f"/tmp/{deb.name}")
    result = system.chroot("lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning", *[f"/tmp/{deb.name}" for deb in packages])
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr
