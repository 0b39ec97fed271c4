"""Build the manual into site/, and refuse it if a page would ask another host.

    python .ci/docs.py

Needs what requirements-docs.txt names, and nothing else. A page may lead a reader elsewhere; it must fetch nothing from there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"
FETCHED = {
    "href": {"link"},
    "src": {"script", "img", "iframe", "audio", "video", "source", "embed"},
    "srcset": {"img", "source"},
}
OUTSIDE = re.compile(r"^\s*(?:[a-z]+:)?//", re.IGNORECASE)
IN_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


class Page(HTMLParser):
    """The addresses outside that a page fetches from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        rel = dict(attrs).get("rel")
        for name, value in attrs:
            if tag in FETCHED.get(name, ()) and rel != "canonical" and OUTSIDE.match(value or ""):
                self.outside.append(f"<{tag} {name}={value}>")


def outside() -> Iterator[str]:
    """What the site fetches from other hosts."""
    for file in sorted(SITE.rglob("*")):
        if file.suffix == ".html":
            yield from (f"{file.relative_to(SITE)}: {found}" for found in Page(file.read_text()).outside)
        elif file.suffix == ".css":
            yield from (f"{file.relative_to(SITE)}: {found}" for found in IN_CSS.findall(file.read_text()))


if __name__ == "__main__":
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--clean"], cwd=ROOT)
    if done.returncode:
        sys.exit(done.returncode)
    if found := list(outside()):
        sys.exit("\n".join(["the manual would ask other hosts:", *found]))
    print(f"site/index.html and {len(list(SITE.rglob('*.html'))) - 1} more pages")  # noqa: T201
