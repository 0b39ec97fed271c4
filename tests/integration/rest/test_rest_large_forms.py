"""A list of some megabytes comes through everything that stands in front of the service, as it is shipped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import requests

from tests.kits.behind_nginx import nginx
from tests.kits.uwsgi import SHIPPED, serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]


@pytest.mark.parametrize("path", ["shouts", "shouts;preflight"])
def test_nginx_lets_a_large_list_through(tmp_path: Path, path: str) -> None:
    content = b"number\n" + (b"x" * 1023 + b"\n") * 10 * 1024
    with serving(SHIPPED, tmp_path) as server, nginx(tmp_path, web=server.url.removeprefix("http://")) as address:
        answer = requests.post(
            f"http://{address}/api/v1/{path}",
            data={"shout": json.dumps({"caller": "15555552020", "userdata": "u"})},
            files={"recipients": ("list.csv", content)},
            timeout=60,
        )
        small = requests.post(f"http://{address}/api/v1/calls", data=content, timeout=60)
    assert (answer.status_code, small.status_code) == (400, 413), answer.text
    assert answer.json()["recipients"][-1] == "And 10230 more."
