"""No line that the papers tell an operator to type hands a secret to a command as an argument.

Every account of a host reads the arguments of every command. So the lines are run by a shell that finds no command at all:
whatever it would have started is written down with its arguments, and whatever asks for a secret is given one to be seen.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAPERS = [ROOT / "README.md", ROOT / "prompts/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECRETS = ("DATABASE_URL", "SECRET_KEY", "PGPASSWORD", "TOKEN", "BLAST_CARRIERX_API_TOKEN", "BLAST_FLEXML_API_PASSWORD")
SEPARATOR = "\x1e"
# Restricted, the shell neither changes files nor starts what has a path.
SHELL = ("/bin/bash", "--norc", "-rx", "-c")
BEGIN = f'PS4={SEPARATOR}; command_not_found_handle() {{ : ran "$@"; echo hush; }}\n'


def lines(paper: str) -> list[str]:
    """What is to be typed: blocks for the shell, and pieces of sentences that have a variable or an address in them."""
    fence = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fence.findall(paper) if language in ("", "sh")]
    prose = fence.sub("", paper)
    return blocks + [piece for piece in re.findall(r"`([^`\n]+ [^`\n]+)`", prose) if re.search(r"[$]|://", piece)]


def started(script: str) -> list[str]:
    """The commands that a script starts, with their arguments. Each prints a secret, and so does each line that is read."""
    script = re.sub(r"(?m)^\$ ", "", script)  # a prompt
    script = re.sub(r"(?:\d|&)?>>?&?\s*[^\s;|)]+", "", script)
    script = re.sub(r"(?m)(^|[;|&(]\s*)[\w./-]*/(?=[\w-]+)", r"\1", script)  # a command by its name
    environment = dict.fromkeys(SECRETS, "hush") | {"PATH": "/nowhere"}
    done = subprocess.run([*SHELL, BEGIN + script], input="hush\n" * 9, env=environment, capture_output=True, text=True)
    traced = [entry.lstrip(SEPARATOR) for entry in re.split(f"(?={SEPARATOR}+)", done.stderr)]
    return [entry.removeprefix(": ran ") for entry in traced if entry.startswith(": ran ")]


def told(command: str) -> bool:
    """Whether there is a secret in it: one that the shell put there, or one that is typed."""
    return "hush" in command or re.search(r"://[^/\s:@]+:[^/\s@]+@", command) is not None


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_no_line_of_the_papers_hands_a_secret_to_a_command_as_an_argument(paper: Path) -> None:
    commands = [command for script in lines(paper.read_text()) for command in started(script)]
    assert [command for command in commands if told(command)] == []
    assert len(commands) > 35 or paper.name != "deploy.md"


@pytest.mark.parametrize(
    ("script", "is_told"),
    [
        ('password=$(random)\nsed -i "s|:PASSWORD@|:$password@|" /etc/default/blast-api', True),
        ("runuser -u postgres -- psql -qc \"CREATE ROLE blast_api LOGIN PASSWORD '$(random)'\"", True),
        ('$ pg_dump --file=blast.dump "$DATABASE_URL"   # PostgreSQL', True),
        ('createdb blast && pg_restore --dbname="$DATABASE_URL" blast.dump', True),
        (
            'token=$(/opt/blast-api/etc/manage applications make school)\ncurl -H "Authorization: Token $token" https://x/',
            True,
        ),
        ("python manage.py copy_database --from postgres://user:password@host/blast", True),
        ("read -rs TOKEN\nenv TOKEN=$TOKEN etc/manage check >/dev/null", True),
        ("read -rs DATABASE_URL && export DATABASE_URL\npython manage.py migrate", False),
        ("token=$(make)\ncurl -H @- https://x/ <<END\nAuthorization: Token $token\nEND", False),
        ('printf "%s" "$DATABASE_URL" | psql', False),
        ("curl --unix-socket /run/stats.sock http://localhost/", False),
    ],
)
def test_the_reader_finds_what_is_told_and_nothing_else(script: str, is_told: bool) -> None:
    commands = started(script)
    assert commands
    assert any(map(told, commands)) is is_told


def test_files_that_start_commands_name_no_secret_in_them() -> None:
    """Those in `etc`, and of the tools; they have secrets in their environment only."""
    files = [ROOT / "Makefile", ROOT / "Dockerfile", ROOT / ".ci/run", ROOT / "etc/manage", ROOT / "etc/blast-api.ini"]
    for file in [*files, *(ROOT / "etc").glob("*.service"), *(ROOT / "etc/cron.d").iterdir()]:
        assert not re.findall(r"[$%][({]?\w*(?:SECRET|TOKEN|PASSWORD|DATABASE_URL)\w*", file.read_text()), file.name
