"""A Debian 13 system with systemd as process 1, in namespaces of its own: no virtual machine, so it is there in seconds. Needs root."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".build" / "package"
PACKAGES = ["systemd", "systemd-sysv", "udev", "dbus", "gpg", "gpg-agent", "libgpgme11t64", "acl", "iproute2", "bluez", "avahi-daemon", "avahi-utils"]
# For installing by ssh, and for lintian.
MORE = [*PACKAGES, "openssh-server", "sudo", "lintian", "man-db", "groff-base", "systemd-dev"]


def mirror():
    """The one that this machine's apt uses, or $MIRROR; nothing: mmdebstrap's own."""
    sites = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian", "Label: Debian"], capture_output=True, text=True)
    found = os.environ.get("MIRROR") or sites.stdout.partition("\n")[0]
    return [found] if found else []


def mount(*words): subprocess.run(["mount", *words], check=True)


def unmount(directory): subprocess.run(["umount", "-l", directory], check=True)


def base(architecture=None, packages=PACKAGES):
    """The directory with the system as Debian's packages make it; made once."""
    name = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12] + (f"-{architecture}" if architecture else "")
    directory = CACHE / f"trixie-{name}"
    if not (directory / ".complete").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(directory, ignore_errors=True)
        tar = CACHE / f"trixie-{name}.tar"
        # Whether programs of that architecture can be run it would ask a package that need not be there.
        foreign = [f"--architectures={architecture}", "--skip=check/qemu"] if architecture else []
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", *foreign, "--include=" + ",".join(packages), "trixie", tar, *mirror()], check=True)
        directory.mkdir()
        subprocess.run(["tar", "-C", directory, "-x", "-f", tar, "--numeric-owner", "--xattrs"], check=True)
        tar.unlink()
        for unit in ["console-getty.service", "getty@.service", "ssh.service", "ssh.socket"]:
            (directory / "etc/systemd/system" / unit).symlink_to("/dev/null")
        (directory / ".complete").touch()
    return directory


class System:
    """The base with changes of its own above it (an overlay), gone afterwards."""

    def __init__(self, place, layer=None):
        self.place = pathlib.Path(place)
        self.root = self.place / "root"
        for name in ["upper", "work", "root"]: (self.place / name).mkdir()
        mount("-t", "tmpfs", "tmpfs", self.place / "upper")
        for name in ["upper", "work"]: (self.place / "upper" / name).mkdir()
        layers = f"lowerdir={layer or base()},upperdir={self.place}/upper/upper,workdir={self.place}/upper/work"
        mount("-t", "overlay", "overlay", "-o", layers, self.root)

    def close(self):
        unmount(self.root)
        unmount(self.place / "upper")

    def chroot(self, *words, **options):
        """Runs a program in it, without systemd: as an image is made."""
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "chroot", self.root, *words], capture_output=True, text=True,
                              env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}, **options)

    def copy(self, file, to):
        shutil.copy(file, self.root / to.lstrip("/"))


class Machine(System):
    """The same, booted."""

    def __init__(self, place, layer=None):
        super().__init__(place, layer)
        self.group = pathlib.Path(cgroup2()) / f"maud-test-{os.getpid()}-{self.place.name}"
        self.group.mkdir()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child", HERE / "boot.sh", self.root],
            preexec_fn=lambda: (self.group / "cgroup.procs").write_text(str(os.getpid())), stdout=subprocess.DEVNULL)
        self.init = self._init()
        deadline = time.monotonic() + 120
        while self.run("systemctl", "is-system-running", check=False).stdout.strip() not in ("running", "degraded"):
            assert time.monotonic() < deadline, self.run("systemctl", "list-jobs", check=False).stdout
            time.sleep(0.2)

    def _init(self):
        """The number outside of its process 1, once that is systemd."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and pathlib.Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd": return int(children[0])
            assert self.process.poll() is None, "the machine ended"
            time.sleep(0.05)
        raise AssertionError("no systemd")

    def run(self, *words, check=True, **options):
        """Runs a program on the machine."""
        result = subprocess.run(["nsenter", "-t", str(self.init), "-a", "--wdns=/", *[str(word) for word in words]], capture_output=True, text=True,
                                env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "TERM": "dumb"}, **options)
        assert not check or result.returncode == 0, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}\n{self.journal()}"
        return result

    def write(self, path, octets):
        """Writes a file on the machine; its owner is root, everybody may read it."""
        subprocess.run(["nsenter", "-t", str(self.init), "-a", "--wdns=/", "tee", path], input=octets, stdout=subprocess.DEVNULL, check=True, env={"PATH": "/usr/bin"})

    def main_process(self, unit="maud"):
        """The number, on this side, of a unit's main process."""
        inside = self.run("systemctl", "show", "-P", "MainPID", unit).stdout.strip()
        group = self.group / self.run("systemctl", "show", "-P", "ControlGroup", unit).stdout.strip().lstrip("/")
        for number in (group / "cgroup.procs").read_text().split():
            status = pathlib.Path(f"/proc/{number}/status").read_text()
            if re.search(rf"^NSpid:.*\t{inside}$", status, re.MULTILINE): return int(number)
        raise AssertionError(f"no process {inside} of {unit}")

    def journal(self, unit="maud"):
        return subprocess.run(["nsenter", "-t", str(self.init), "-a", "--wdns=/", "journalctl", "--no-pager", "-o", "cat", "-u", unit], capture_output=True, text=True).stdout

    def close(self):
        self.process.kill() # and with it everything in its namespace
        self.process.wait()
        deadline = time.monotonic() + 30
        while True:
            try:
                for below in sorted(self.group.rglob("*"), reverse=True):
                    if below.is_dir(): below.rmdir()
                self.group.rmdir()
                break
            except OSError:
                assert time.monotonic() < deadline, "its control group does not end"
                time.sleep(0.1)
        super().close()


def cgroup2():
    """Where version 2 of control groups is mounted here."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2": return fields[1]
    return None


def missing():
    """Why there can be no machine here; None: there can."""
    if os.geteuid() != 0: return "needs root"
    if shutil.which("mmdebstrap") is None: return "needs mmdebstrap"
    if cgroup2() is None: return "needs version 2 of control groups"
    return None
