#!/usr/bin/env python
"""Django's command line, on the development settings unless DJANGO_SETTINGS_MODULE says otherwise."""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    speak_plainly()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blast_api_project.settings.dev")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed here. Activate the environment (source env/bin/activate) "
            "and install the requirements (pip install -r requirements.txt)."
        ) from error
    execute_from_command_line(sys.argv)


def speak_plainly() -> None:
    """Write what the terminal's encoding lacks as \\U0001f642: titles and users' names may be of any alphabet."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
