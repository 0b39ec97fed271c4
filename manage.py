#!/usr/bin/env python
"""Django's command line, on the development settings unless DJANGO_SETTINGS_MODULE says otherwise."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blast_api_project.settings.dev")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed here. Activate the environment (source env/bin/activate) "
            "and install the requirements (pip install -r requirements.txt)."
        ) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
