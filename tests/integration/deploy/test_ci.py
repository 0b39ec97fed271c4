"""The scripts of `.ci`: where Debian's packages come from, and how a script that tried nothing says so."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

CI = Path(settings.BASE_DIR) / ".ci"
SKIPPED = 77


@pytest.fixture(scope="module")
def debian() -> ModuleType:
    spec = importlib.util.spec_from_file_location("debian", CI / "debian.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["debian"] = module  # where its dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ONE_LINE = {
    "deb http://mirror.example/debian bookworm main contrib": ("http://mirror.example/debian", "bookworm", ""),
    "  deb [ arch=amd64 signed-by=/k.gpg ]  https://mirror.example/debian/ bookworm main # ours": (
        "https://mirror.example/debian/",
        "bookworm",
        "/k.gpg",
    ),
    f"deb [signed-by={KEYRING}] http://mirror.example/of/ours bookworm main": (
        "http://mirror.example/of/ours",
        "bookworm",
        KEYRING,
    ),
    "deb http://mirror.example/debian trixie main": ("http://mirror.example/debian", "trixie", ""),
    "# deb http://mirror.example/debian bookworm main": None,
    "deb-src http://mirror.example/debian bookworm main": None,
    "deb http://mirror.example/debian bookworm contrib": None,
    "deb http://mirror.example/debian-security bookworm-security main": None,
    "deb http://mirror.example/debian bookworm-updates main": None,
    "deb cdrom:[Debian 12]/ bookworm main": None,
    "deb https://packages.example/apt bookworm main": None,  # somebody else's, under the name of Debian's suite
    "deb http://mirror.example/ubuntu noble main": None,
    "": None,
}
DEB822 = {
    f"Types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
    f"Components: main\nSigned-By: {KEYRING}": ("http://mirror.example/debian", "bookworm", KEYRING),
    "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n\n"
    "types: deb\nuris:\n http://one.example/debian\n http://two.example/debian\nsuites: bookworm\ncomponents: contrib\n main": (
        "http://one.example/debian",
        "bookworm",
        "",
    ),
    "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN": (
        "http://mirror.example/debian",
        "bookworm",
        "",
    ),
    "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main": None,
    "Types: deb\nURIs: https://packages.example/apt\nSuites: bookworm\nComponents: main": None,
}
FILES = [("sources.list", *case) for case in ONE_LINE.items()] + [
    *(("sources.list.d/debian.list", *case) for case in ONE_LINE.items()),
    *(("sources.list.d/debian.sources", *case) for case in DEB822.items()),
]


@pytest.mark.parametrize(("name", "text", "found"), FILES)
def test_debians_packages_come_from_where_the_machine_has_its_own(
    debian: ModuleType, tmp_path: Path, name: str, text: str, found: tuple[str, str, str] | None
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(f"{text}\n")
    assert debian.source("bookworm", "trixie", etc=tmp_path) == (debian.Source(*found) if found else None)


def test_the_first_suite_that_is_to_be_had_is_taken(debian: ModuleType, tmp_path: Path) -> None:
    lines = [f"deb http://{suite}.example/debian {suite} main" for suite in ("trixie", "bookworm")]
    (tmp_path / "sources.list").write_text("\n".join(lines))
    assert debian.source("bookworm", "trixie", etc=tmp_path).suite == "bookworm"
    assert debian.source("trixie", "bookworm", etc=tmp_path).suite == "trixie"
    assert debian.source("", etc=tmp_path) is None


def test_the_installation_pastes_what_the_how_to_pages_say(debian: ModuleType) -> None:
    install = ModuleType("install")
    install.__file__ = str(CI / "install")
    exec(
        compile((CI / "install").read_text(), CI / "install", "exec"), install.__dict__
    )  # it has no suffix to be imported by
    packages, code, *others = install.blocks("deploy.md")
    assert "apt-get" in packages
    assert "pip install" in code
    for words in (
        *install.BY_HAND,
        "systemctl enable --now blast-api blast-api-callbacks",
        "blast-api-runcrons",
        "logrotate",
    ):
        assert [block for block in others if words in block], words
    (upgrade,) = install.blocks("upgrade.md")
    assert upgrade.index("stop blast-api-runcrons") < upgrade.index("pip install") < upgrade.index("manage migrate")


def test_an_installation_that_was_not_tried_says_skipped_and_77(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, CI / "install"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.partition(":")[0]) == (SKIPPED, "skipped")
    assert "debootstrap" in done.stdout


def test_an_audit_that_looked_nothing_up_says_so_and_77(tmp_path: Path) -> None:
    """In an environment without pip-audit there is nobody to be asked."""
    script = "import runpy, sys; sys.modules['pip_audit'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    (tmp_path / "pip_audit.py").write_text("raise SystemExit('not here')\n")
    done = subprocess.run(
        [sys.executable, "-c", script, CI / "audit.py"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (SKIPPED, "pip-audit: nothing was looked up (not here)\n")


def test_no_registrys_host_stands_in_the_tree() -> None:
    """Packages come from where the machine gets its own."""
    files = subprocess.run(["git", "ls-files"], cwd=settings.BASE_DIR, capture_output=True, text=True).stdout.split(
        "\n"
    )
    hosts = [".".join(words) for words in (("deb", "debian", "org"), ("pypi", "org"), ("files", "pythonhosted", "org"))]
    hosts += [".".join(words) for words in (("registry", "npmjs", "org"), ("archive", "ubuntu", "com"), ("ghcr", "io"))]
    for name in filter(None, files):
        file = Path(settings.BASE_DIR, name)
        content = file.read_bytes() if file.is_file() else b""
        assert not [host for host in hosts if host.encode() in content], name
