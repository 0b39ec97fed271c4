"""nginx in front of the service, with what is shipped for it but TLS."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from tests.kits.processes import wait_until

SHIPPED = Path(settings.BASE_DIR) / "etc/nginx/blast-api.conf"


@contextmanager
def nginx(folder: Path, *, web: str, callbacks: str = "127.0.0.1:9") -> Iterator[str]:
    """The address of an nginx that hands on to these two, as shipped."""
    shipped = SHIPPED.read_text()
    (upstream,) = re.findall(r"(?ms)^upstream .*?^}\n", shipped)
    locations = shipped[
        shipped.index("    location /api/v1/call-control/ {") : shipped.index("    location = /healthz")
    ]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    user = "user root; " if os.geteuid() == 0 else ""  # or its workers could not write into the folder
    text = (
        f"{user}daemon off; pid {folder}/nginx.pid; events {{}}\nhttp {{ access_log off;\n"
        + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        + f"{upstream}server {{ listen {address};\n{locations}}} }}\n"
    )
    file = folder / "nginx.conf"
    file.write_text(text.replace("127.0.0.1:8000", web).replace("127.0.0.1:8002", callbacks))
    command = ["nginx", "-p", str(folder), "-e", str(folder / "nginx.err"), "-c", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(address))
        yield address
    finally:
        process.terminate()
        process.wait()


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
