"""A Debian in a folder, booted in namespaces of its own: for `.ci/install`."""

# ruff: noqa: S108, S603, S607
from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")  # where version 2 is mounted
CERTIFICATES = "/var/tmp/certificates.pem"
BOOT = r"""
set -e
hostname blast
ip link set lo up
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p former
pivot_root . former
cd /
umount -l /former
exec env -i container=blast PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --show-status=0 --log-target=journal
"""
NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


@dataclass(frozen=True)
class Source:
    """Where packages come from, by one entry of the machine's own list."""

    uri: str
    suite: str
    keyring: str = ""

    @property
    def options(self) -> list[str]:
        """How debootstrap is told."""
        return [*([f"--keyring={self.keyring}"] if self.keyring else []), self.suite]


def source(*suites: str, etc: Path = Path("/etc/apt")) -> Source | None:
    """Debian's own archive by the machine's package sources, for the first of these suites that any of them has."""
    found = list(_sources(etc))
    for suite in suites:
        ours = [each for each in found if each.suite == suite and each.uri.startswith(("http:", "https:", "file:"))]
        # Others publish under the names of Debian's suites, too.
        debian = [each for each in ours if "debian-archive" in each.keyring or re.search(r"/debian/?$", each.uri)]
        if debian:
            return debian[0]
    return None


def _sources(etc: Path) -> Iterator[Source]:
    """The entries for packages of `main`, of either form that apt reads."""
    for file in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))):
        for line in file.read_text().splitlines() if file.exists() else ():
            if entry := re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line):
                keyring = re.search(r"signed-by=(/\S+)", entry[1] or "", re.IGNORECASE)
                if "main" in entry[4].split():
                    yield Source(entry[2], entry[3], keyring[1] if keyring else "")
    for file in sorted((etc / "sources.list.d").glob("*.sources")):
        text = re.sub(r"(?m)^#.*\n?", "", file.read_text())
        for stanza in re.split(r"\n\s*\n", text):
            fields = {
                name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza)
            }
            words = {name: value.split() for name, value in fields.items()}
            is_on = fields.get("enabled", "yes").strip().lower() not in (
                "no",
                "false",
                "0",
                "off",
                "without",
                "disable",
            )
            if is_on and "deb" in words.get("types", ()) and "main" in words.get("components", ()):
                keyring = next((word for word in words.get("signed-by", ()) if word.startswith("/")), "")
                for uri in words.get("uris", ()):
                    yield from (Source(uri, suite, keyring) for suite in words.get("suites", ()))


def obstacle() -> str:
    """Why no Debian can be booted here; empty if nothing is known to be in the way."""
    if not any(Path(place, "cgroup.procs").exists() for place in CGROUPS):
        return "control groups of version 2 are not mounted"
    tried = subprocess.run(["unshare", *NAMESPACES, "true"], stderr=subprocess.PIPE, text=True)
    return tried.stderr.strip() if tried.returncode else ""


class Debian:
    """A Debian in a folder: `outside` runs in it with our network, `inside` in it as it is booted, without any."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.boot: subprocess.Popen[bytes] | None = None
        self.init = 0
        self.cgroup: Path | None = None

    def outside(self, script: str) -> None:
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        environment |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "http", "HTTP"))}
        environment.pop("PIP_FIND_LINKS", None)  # folders that are not there
        if "PIP_CERT" in environment:
            environment["PIP_CERT"] = CERTIFICATES
        run(["chroot", str(self.root), "bash", "-e", "-c", script], env=environment)

    def inside(self, script: str, *, check: bool = True, quiet: bool = False) -> str:
        return run(self.command("bash", "-e", "-o", "pipefail", "-c", script), check=check, quiet=quiet)

    def command(self, *words: str) -> list[str]:
        environment = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8"]
        return ["nsenter", "-t", str(self.init), "-a", "--root", "--wd", *environment, *words]

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(*words), stdout=subprocess.PIPE, start_new_session=True)

    def start(self) -> str:
        """Boot it, with a process tree, a network, mounts and control groups of its own; answers systemd's state."""
        home = next(Path(place) for place in CGROUPS if Path(place, "cgroup.procs").exists())
        self.cgroup = home / f"blast-api-install-{os.getpid()}"
        self.cgroup.mkdir()
        unshare = f"unshare {' '.join(NAMESPACES)} --kill-child --propagation private"
        enter = f'echo $$ >"{self.cgroup}/cgroup.procs"; exec {unshare} bash -c "$0" boot "$1"'
        self.boot = subprocess.Popen(["bash", "-c", enter, BOOT, str(self.root)])
        deadline = time.monotonic() + 120
        while not (self._has_init() and self._state() in ("running", "degraded")) and time.monotonic() < deadline:
            time.sleep(0.2)
        return self._state()

    def _has_init(self) -> bool:
        assert self.boot is not None
        children = Path(f"/proc/{self.boot.pid}/task/{self.boot.pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
            self.init = int(children[0])
        return bool(self.init)

    def _state(self) -> str:
        return self.inside("systemctl is-system-running || true", check=False, quiet=True).strip()

    def stop(self) -> None:
        """End it as pulling the plug would."""
        if self.boot is not None:
            if self.init:
                os.kill(self.init, signal.SIGKILL)
            self.boot.kill()
            self.boot.wait()
        if self.cgroup is not None:
            time.sleep(1)
            for folder in sorted((path for path in self.cgroup.rglob("*") if path.is_dir()), reverse=True):
                folder.rmdir()
            self.cgroup.rmdir()


def end(process: subprocess.Popen[bytes]) -> None:
    """End what `begin` began: nsenter and what it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(command: list[str], *, check: bool = True, quiet: bool = False, **options: object) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)  # type: ignore[call-overload]
    output: str = done.stdout
    if not quiet:
        for line in output.splitlines()[-12:]:
            say("      |", line[:200])
    if check and done.returncode:
        say(output[-4000:])
        raise SystemExit(f"{command[-1]!r} failed with {done.returncode}")
    return output


class Prober(threading.Thread):
    """Asks /healthz over TLS again and again, from inside; notes who got no answer, and the longest wait."""

    SCRIPT = (
        "import http.client, ssl, sys, time\n"
        "context = ssl.create_default_context(cafile='/etc/ssl/blast-api/fullchain.pem')\n"
        "while True:\n"
        "    begun = time.monotonic()\n"
        "    try:\n"
        "        c = http.client.HTTPSConnection(sys.argv[1], timeout=30, context=context)\n"
        "        c.request('GET', '/healthz'); answer = str(c.getresponse().status); c.close()\n"
        "    except OSError as error: answer = type(error).__name__\n"
        "    print(answer, time.monotonic() - begun, flush=True)\n"
        "    time.sleep(0.02)\n"
    )

    def __init__(self, debian: Debian, host: str) -> None:
        super().__init__(daemon=True)
        self.answers: Counter[str] = Counter()
        self.longest_s = 0.0
        self.process = debian.begin("python3", "-c", self.SCRIPT, host)

    def run(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            answer, seconds = line.decode().split()
            self.answers[answer] += 1
            self.longest_s = max(self.longest_s, float(seconds))

    def stop(self) -> None:
        end(self.process)
        self.join()
