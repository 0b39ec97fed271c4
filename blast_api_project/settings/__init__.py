"""`dev` runs as it comes; `prod` is made from its template."""

from __future__ import annotations

import os
from pathlib import Path

from blast_api_project.configured import require

if os.environ.get("DJANGO_SETTINGS_MODULE") == f"{__name__}.prod":
    require(Path(__file__).with_name("prod.py"))
