"""`blast`, the client's command line, as somebody types it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from blast_api_client.cli.entry import cli


def typed(*words: str) -> Result:
    """In this process, with nobody before a terminal."""
    return CliRunner().invoke(cli, words)
