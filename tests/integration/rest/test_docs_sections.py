"""The addresses of the documentation's sections, which people have kept: each opens its own, in a browser where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django.live_server_helper import LiveServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    *["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
    *["--disable-background-networking", "--disable-component-update", "--virtual-time-budget=8000", "--dump-dom"],
]
SECTIONS = ["shouts", "calls", "attempts", "recordings", "webhooks", "dnc"]


@pytest.mark.parametrize("address", ["/docs", "/docs/"])
def test_the_page_leads_to_its_sections(client: Client, address: str) -> None:
    page = client.get(address)
    assert page.status_code == 200
    text = page.content.decode()
    assert '"deepLinking": true' in text
    scripts = re.findall(r'<script src="/static/([^"]+)"', text)
    assert scripts.index("blast_api/docs.js") < scripts.index("drf-yasg/swagger-ui-init.js")
    file = finders.find("blast_api/docs.js")
    assert isinstance(file, str)
    script = Path(file).read_text()
    assert 'replaceState(null, "", "#/" + ' in script
    (written,) = re.findall(r"= /(.*)/\.exec\(window\.location\.hash\)", script)
    pattern = re.compile(written.replace(r"\/", "/"))
    for section in SECTIONS:
        for kept in (f"#{section}", f"#/{section}"):
            found = pattern.search(kept)
            assert found
            assert found[1] == section
    assert not pattern.search("#/calls/calls_list")  # the address of a request


def test_there_is_a_section_of_each_name(client: Client) -> None:
    told = client.get("/docs/swagger.json").json()
    assert {tag for item in told["paths"].values() for tag in item.get("get", {}).get("tags", [])} == set(SECTIONS)


def seen(live_server: LiveServer, folder: Path, address: str, then: str = "") -> tuple[str, dict[str, int]]:
    """The address as the page has left it, and how far below the top of its window each section stands."""
    assert CHROMIUM
    asked = f"{live_server.url}/framed#{quote(json.dumps([address, then]))}"
    done = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", asked], capture_output=True, text=True, timeout=120
    )
    (told,) = re.findall(r'<pre id="told">(.*)</pre>', done.stdout)
    found = json.loads(html.unescape(told))
    return found["hash"], {name.removeprefix("operations-tag-"): top for name, top in found["sections"].items()}


in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@in_a_browser
@pytest.mark.urls("tests.kits.framed")
@pytest.mark.parametrize("kept", ["/docs/#shouts", "/docs#calls", "/docs/#dnc"])
def test_a_kept_address_opens_its_section(live_server: LiveServer, tmp_path: Path, kept: str) -> None:
    section = kept.partition("#")[2]
    address, tops = seen(live_server, tmp_path, kept)
    assert address == f"#/{section}"
    assert set(tops) == set(SECTIONS)
    assert abs(tops[section]) < 20


@in_a_browser
@pytest.mark.urls("tests.kits.framed")
def test_without_a_section_the_page_begins_at_its_top(live_server: LiveServer, tmp_path: Path) -> None:
    address, tops = seen(live_server, tmp_path, "/docs/")
    assert address == ""
    assert min(tops.values()) > 300


@in_a_browser
@pytest.mark.urls("tests.kits.framed")
def test_another_section_is_chosen_on_the_page(live_server: LiveServer, tmp_path: Path) -> None:
    address, tops = seen(live_server, tmp_path, "/docs/#shouts", then="#dnc")
    assert address == "#/dnc"
    assert abs(tops["dnc"]) < 20
