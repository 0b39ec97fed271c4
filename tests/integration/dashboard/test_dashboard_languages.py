"""Pages speak the viewer's language, whole, and the API stays as it is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from blast_api.domain.states import ShoutStatus
from tests.kits import factories
from tests.kits.pages import reads, signed_in

SPANISH = Path(settings.BASE_DIR, "blast_api", "locale", "es", "LC_MESSAGES", "django.po")
IN_SPANISH = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}


def test_every_sentence_has_its_translation_and_is_compiled() -> None:
    written = {entry.msgid: entry for entry in polib.pofile(str(SPANISH))}
    assert [entry.msgid for entry in written.values() if not entry.translated() or entry.obsolete] == []
    compiled = {entry.msgid: entry for entry in polib.mofile(str(SPANISH.with_suffix(".mo")))}
    assert compiled.keys() == written.keys()
    for sentence, entry in written.items():
        assert (entry.msgstr, entry.msgstr_plural) == (compiled[sentence].msgstr, compiled[sentence].msgstr_plural)
        words = entry.msgstr or entry.msgstr_plural[1]
        assert set(re.findall(r"%\(\w+\)s|%%s", sentence)) == set(re.findall(r"%\(\w+\)s|%%s", words))


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")
def test_no_sentence_of_the_pages_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = shutil.copytree(Path(settings.BASE_DIR, "blast_api"), tmp_path / "blast_api")
    monkeypatch.chdir(app)
    call_command("makemessages", "--locale=es", "--no-location", "--verbosity=0")
    fresh = polib.pofile(str(app / "locale" / "es" / "LC_MESSAGES" / "django.po"))
    assert [entry.msgid for entry in fresh if entry.fuzzy or entry.obsolete or not entry.translated()] == []


@pytest.mark.usefixtures("guarded")
def test_a_page_speaks_the_viewers_language() -> None:
    message = factories.message(title="Snow day", status=ShoutStatus.ONGOING)
    factories.author_call(message, recorded=True)
    message.save()
    factories.call(message, status="completed")
    client = signed_in()
    spanish = reads(client.get("/", headers=IN_SPANISH).content.decode()).text
    assert "1 lo oyeron" in spanish
    assert "1 destinatario" in spanish
    assert "1 heard it" in reads(client.get("/").content.decode()).text
    assert "1 lo oyeron" in reads(client.get(f"/shouts/{message.pk}", headers=IN_SPANISH).content.decode()).text


@pytest.mark.usefixtures("guarded")
def test_the_api_is_in_english_for_everybody(client: Client) -> None:
    signed_in().get("/", headers=IN_SPANISH)  # of the same thread
    answer = client.post("/api/v1/shouts", {}, content_type="application/json", headers=IN_SPANISH)
    assert "This field is required." in answer.content.decode()
