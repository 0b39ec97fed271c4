from __future__ import annotations

import io
import json
import wave
from typing import Any

import pytest
import requests

from blast_api.simulator import Carrier, Person
from blast_api.simulator.audio import tone
from tests.kits.stand_in import AN_MP3_FRAME, Application, Place, records_shouts, respond

BARE = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def containers(carrier: Carrier) -> str:
    return f"{carrier.base_url}/core/v2/storage/containers"


@pytest.fixture
def files(carrier: Carrier) -> str:
    return f"{carrier.base_url}/core/v2/storage/files"


@pytest.fixture
def container(core: requests.Session, containers: str) -> str:
    return str(core.post(containers, json={}).json()["container_sid"])


def uploaded(core: requests.Session, files: str, container: str, **fields: object) -> dict[str, Any]:
    parts: dict[str, tuple[str | None, str | bytes, str]] = {
        "file_object": (None, json.dumps({"container_sid": container, **fields}), "application/json"),
        "data": ("a.wav", tone(2), "audio/wav"),
    }
    response = core.post(files, files=parts)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_container_has_documented_defaults(core: requests.Session, containers: str) -> None:
    response = core.post(containers, json={})
    assert response.status_code == 200
    made = response.json()
    expected = {
        "name": "N/A",
        "quota_bytes": 1073741824,
        "quota_files": 100,
        "total_bytes": 0,
        "total_files": 0,
        "available_bytes_percent": 100.0,
        "available_files_percent": 100.0,
        "unique": False,
        "string_key_1": None,
    }
    assert {name: made[name] for name in expected} == expected
    assert core.get(f"{containers}/{made['container_sid']}").json() == made


def test_containers_are_found_by_their_key_and_changed(
    core: requests.Session, containers: str, carrier: Carrier
) -> None:
    carrier.storage.most_containers = 9
    made = core.post(containers, json={"string_key_1": "shouts", "quota_files": 5}).json()
    core.post(containers, json={"string_key_1": "other"})
    found = core.get(containers, params={"filter": 'string_key_1 eq "shouts"', "limit": "1"}).json()
    assert (found["count"], found["items"]) == (1, [made])
    url = f"{containers}/{made['container_sid']}"
    assert core.patch(url, json={"quota_files": 10}).json()["quota_files"] == 10
    assert core.put(url, json={"quota_files": 20}).status_code == 422
    assert core.put(url, json={**made, "quota_files": 20}).json()["quota_files"] == 20
    assert core.patch(url, json={"quota_count": 10}).status_code == 422
    assert core.patch(f"{containers}/none", json={}).status_code == 404
    assert core.delete(url).status_code == 405
    assert core.get(f"{url}/more").status_code == 404


def test_a_unique_key_is_given_once(core: requests.Session, containers: str, carrier: Carrier) -> None:
    carrier.storage.most_containers = 9
    body = {"unique": True, "string_key_1": "shouts"}
    assert core.post(containers, json=body).status_code == 200
    assert core.post(containers, json=body).status_code == 409
    assert core.post(containers, json={"string_key_1": "shouts"}).status_code == 200
    other = core.post(containers, json={**body, "string_key_1": "other"}).json()
    assert core.patch(f"{containers}/{other['container_sid']}", json={"string_key_1": "shouts"}).status_code == 409


def test_an_account_has_a_default_container_and_may_have_one_more(
    core: requests.Session, containers: str, carrier: Carrier
) -> None:
    (default,) = core.get(containers).json()["items"]
    assert (default["quota_files"], default["quota_bytes"], default["total_files"]) == (100, 1073741824, 0)
    body = {"unique": True, "string_key_1": "shouts"}
    made = core.post(containers, json=body).json()
    assert core.post(containers, json=body).status_code == 409
    refused = core.post(containers, json={})
    assert (refused.status_code, bool(refused.json()["errors"])) == (422, True)
    assert set(carrier.containers) == {default["container_sid"], made["container_sid"]}


def test_a_file_is_uploaded_in_parts(core: requests.Session, files: str, container: str, carrier: Carrier) -> None:
    file = uploaded(core, files, container, name="hello.wav", string_key_1="k", lifecycle_ttl=-1)
    assert (file["name"], file["string_key_1"], file["mime_type"]) == ("hello.wav", "k", "audio/wav")
    assert (file["file_bytes"], file["content_duration"]) == (len(tone(2)), 2.0)
    assert file["file_access_name"] == f"{file['file_sid']}.wav"
    assert core.get(f"{files}/{file['file_sid']}").json() == file
    assert core.get(files, params={"filter": f"container_sid eq {container}"}).json()["items"] == [file]
    assert core.get(f"{files}/{file['file_sid']}/data").content == tone(2)
    assert requests.get(file["publish_uri"], timeout=60).content == tone(2)
    assert requests.head(file["publish_uri"], timeout=60).headers["Content-Length"] == str(len(tone(2)))
    assert requests.get(f"{files}/{file['file_sid']}/data", timeout=60).status_code == 401
    assert requests.post(file["publish_uri"], timeout=60).status_code == 405
    assert list(carrier.files) == [file["file_sid"]]


def test_a_file_is_uploaded_bare(core: requests.Session, files: str, container: str) -> None:
    content = b"\r\n--not sound\n\x00"
    response = core.post(files, params={"container_sid": container, "name": "n"}, data=content, headers=BARE)
    assert response.status_code == 201
    file = response.json()
    assert (file["name"], file["content_duration"], file["file_bytes"]) == ("n", None, len(content))
    assert core.get(f"{files}/{file['file_sid']}/data").content == content


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({"Content-Type": "application/octet-stream"}, b"x", 422),
        ({"Content-Type": "multipart/form-data"}, b"x", 400),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"x", 400),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nnonsense\r\n--b--", 400),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b--\r\n", 422),
    ],
)
def test_an_upload_that_cannot_be_read_is_refused(
    core: requests.Session, files: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert core.post(files, data=body, headers=headers).status_code == status


def test_an_upload_needs_a_container_with_room(
    core: requests.Session, files: str, containers: str, carrier: Carrier
) -> None:
    carrier.storage.most_containers = 9
    full = core.post(containers, json={"quota_files": 1}).json()["container_sid"]
    small = core.post(containers, json={"quota_bytes": 1}).json()["container_sid"]
    statuses = [
        core.post(files, params={"container_sid": sid}, data=b"xx", headers=BARE).status_code
        for sid in ("none", full, full, small)
    ]
    assert statuses == [422, 201, 422, 422]
    shown = core.get(f"{containers}/{full}").json()
    assert (shown["total_files"], shown["available_files_percent"], shown["total_bytes"]) == (1, 0.0, 2)


def test_room_comes_back_with_what_is_deleted(
    core: requests.Session, files: str, containers: str, carrier: Carrier
) -> None:
    full = core.post(containers, json={"quota_files": 1}).json()["container_sid"]
    file = uploaded(core, files, full, unique=True, string_key_1="k")
    refused = core.post(files, params={"container_sid": full}, data=b"x", headers=BARE)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "quota_files")
    assert core.delete(f"{files}/{file['file_sid']}").status_code == 204
    shown = core.get(f"{containers}/{full}").json()
    assert (shown["total_files"], shown["total_bytes"], shown["available_files_percent"]) == (0, 0, 100.0)
    uploaded(core, files, full, unique=True, string_key_1="k")
    assert [file.container_sid for file in carrier.files.values()] == [full]


def test_a_bare_upload_has_all_its_fields_in_the_query(core: requests.Session, files: str, container: str) -> None:
    asked = {"container_sid": container, "lifecycle_action": "delete", "lifecycle_ttl": "60", "unique": "true"}
    file = core.post(files, params=asked, data=tone(1), headers=BARE).json()
    assert (file["lifecycle_ttl"], file["unique"], file["content_duration"]) == (60, True, 1.0)
    for ttl in ("soon", "-2"):
        refused = core.post(files, params={**asked, "lifecycle_ttl": ttl}, data=tone(1), headers=BARE)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "lifecycle_ttl")


def test_files_are_found_by_several_terms(core: requests.Session, files: str, container: str) -> None:
    found = uploaded(core, files, container, string_key_1="k", string_key_2="one")
    uploaded(core, files, container, string_key_1="k", string_key_2="two")
    uploaded(core, files, container, string_key_1="other", string_key_2="one")

    def listed(query: str) -> dict[str, Any]:
        body: dict[str, Any] = core.get(files, params={"filter": query, "limit": "2"}).json()
        return body

    assert [listed('string_key_1 eq "k"')[name] for name in ("count", "total", "has_more")] == [2, 2, False]
    query = f"string_key_1 eq \"k\" and string_key_2 eq 'one' and container_sid eq {container}"
    assert listed(query)["items"] == [found]
    assert core.get(files, params={"filter": 'string_key_1 eq "k" or name eq "x"'}).status_code == 400


def test_a_unique_file_is_stored_once_in_its_container(
    core: requests.Session, files: str, container: str, carrier: Carrier
) -> None:
    first = uploaded(core, files, container, unique=True, string_key_1="k", lifecycle_action="delete", lifecycle_ttl=60)
    parts: dict[str, tuple[str | None, str | bytes, str]] = {
        "file_object": (
            None,
            json.dumps({"container_sid": container, "unique": True, "string_key_1": "k"}),
            "application/json",
        ),
        "data": ("a.wav", tone(1), "audio/wav"),
    }
    refused = core.post(files, files=parts)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "string_key_1")
    uploaded(core, files, carrier.storage.default_sid, unique=True, string_key_1="k")
    other = uploaded(core, files, container, unique=True, string_key_1="other")
    common = uploaded(core, files, container, string_key_1="k")
    for sid, change in ((other["file_sid"], {"string_key_1": "k"}), (common["file_sid"], {"unique": True})):
        assert core.patch(f"{files}/{sid}", json=change).status_code == 409
    assert core.patch(f"{files}/{first['file_sid']}", json={"name": "still itself"}).status_code == 200
    carrier.advance(60)  # its time is over, and its key is free
    assert core.post(files, files=parts).status_code == 201


def test_an_mp3_is_published_as_one(core: requests.Session, files: str, container: str) -> None:
    content = AN_MP3_FRAME * 100
    file = core.post(files, params={"container_sid": container}, data=content, headers=BARE).json()
    assert (file["content_format"], file["content_duration"]) == ("mp3", pytest.approx(2.612, abs=1e-3))
    assert file["publish_uri"].endswith(f"/f/{file['file_sid']}.mp3")
    assert requests.get(file["publish_uri"], timeout=60).content == content


def test_a_file_is_changed_and_deleted(core: requests.Session, files: str, container: str) -> None:
    file = uploaded(core, files, container)
    url = f"{files}/{file['file_sid']}"
    assert core.patch(url, json={"lifecycle_ttl": -1, "name": "new"}).json()["name"] == "new"
    assert core.patch(url, json={"lifecycle_ttl": "-1"}).status_code == 422
    assert core.patch(url, json={"lifecycle_tll": -1}).status_code == 422
    assert core.patch(url, data=b"{}").status_code == 415
    assert core.put(url, json={"name": "x"}).status_code == 422
    assert core.put(url, json={**file, "name": "whole"}).json()["name"] == "whole"
    deleted = core.delete(url)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [core.request(method, url, json={}).status_code for method in ("GET", "PATCH", "DELETE")] == [404] * 3
    assert requests.get(file["publish_uri"], timeout=60).status_code == 404
    assert core.post(url, json={}).status_code == 405
    assert core.get(f"{url}/data/more").status_code == 404


def test_files_live_as_long_as_they_are_told(
    core: requests.Session, files: str, containers: str, carrier: Carrier
) -> None:
    asked = {"default_file_lifecycle_action": "delete", "default_file_lifecycle_ttl": 60}
    container = core.post(containers, json=asked).json()["container_sid"]
    kept, lost = (uploaded(core, files, container) for _ in range(2))
    assert (lost["lifecycle_action"], lost["lifecycle_ttl"]) == ("delete", 60)
    carrier.advance(59)
    core.patch(f"{files}/{kept['file_sid']}", json={"lifecycle_ttl": -1})
    core.patch(f"{files}/{lost['file_sid']}", json={"name": "a change of fields is no new life"})
    carrier.advance(1)
    assert core.get(f"{files}/{kept['file_sid']}").status_code == 200
    assert core.get(f"{files}/{lost['file_sid']}").status_code == 404
    assert requests.get(lost["publish_uri"], timeout=60).status_code == 404


def test_a_recording_is_a_sound_that_expires_unless_it_is_confirmed(
    carrier: Carrier, application: Application, place: Place, core: requests.Session, files: str
) -> None:
    records_shouts(application)
    place("15555550190", "/author")
    carrier.advance_until_idle()
    recording = application.at("/recorded")[0]
    sound = requests.get(f"{recording['RecordingUrl']}?format=1.wav", timeout=60)
    with wave.open(io.BytesIO(sound.content)) as opened:
        assert (opened.getframerate(), opened.getsampwidth(), opened.getnchannels()) == (8000, 2, 1)
        assert opened.getnframes() == 8 * 8000
    url = f"{files}/{recording['RecordingFileSid']}"
    assert core.get(url).json()["publish_uri"] == recording["RecordingUrl"]
    carrier.advance(86400 - 20)
    assert core.get(url).json()["lifecycle_ttl"] == 86400
    carrier.advance(20)
    assert core.get(url).status_code == 404


def test_recording_again_overwrites_the_same_file(carrier: Carrier, application: Application, place: Place) -> None:
    records_shouts(application)
    place("15555550191", "/author")
    carrier.advance(50)
    first, second = application.at("/recorded")
    assert first["RecordingUrl"] == second["RecordingUrl"]
    (file,) = carrier.files.values()
    assert file.sid == first["RecordingFileSid"]
    again = [heard.at for heard in carrier.calls[0].heard if heard.kind == "beep"][1]
    assert file.stored_at == again + 0.5 + 8


def test_a_recording_may_name_its_place_and_keys(
    carrier: Carrier, application: Application, place: Place, container: str
) -> None:
    verb = f'<Record containerSid="{container}" stringKey1="a" integerKey2="7" finishOnKey="#"/>'
    application.answers(
        "/first", respond(verb, '<Record containerSid="none"/>', '<Record fileSid="0" fileMode="overwrite"/>')
    )
    carrier.script("15555550100", Person(speaks_s=2.0))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    (file,) = carrier.files.values()
    assert (file.container_sid, file.seconds) == (container, 2.0)
    assert (file.settings["string_key_1"], file.settings["integer_key_2"]) == ("a", 7)
    assert len(carrier.faults) == 2
    assert all("no place" in fault for fault in carrier.faults)


def test_a_recording_that_finds_its_container_full_fails_and_a_raised_quota_has_room_again(
    carrier: Carrier, application: Application, place: Place, core: requests.Session, containers: str
) -> None:
    container = f"{containers}/{carrier.storage.default_sid}"
    for _ in range(99):
        carrier.storage.add_file(carrier.storage.default_sid, b"RIFF", {}, mime_type="audio/x-wav")
    records_shouts(application)

    def record() -> list[str]:
        place("15555550190", "/author")
        carrier.advance_until_idle()
        return [path for path in ("/recorded", "/broken") if application.at(path)]

    assert record() == ["/recorded"]
    assert core.get(container).json()["available_files_percent"] == 0
    assert record() == ["/recorded", "/broken"]
    assert (len(carrier.files), carrier.faults) == (100, [])  # full, and no fault of the application's
    assert core.patch(container, json={"quota_files": 200}).json()["available_files_percent"] == 50
    record()
    assert (len(carrier.files), len(application.at("/recorded"))) == (101, 2)


def test_recording_over_a_file_needs_room_for_what_is_longer(
    carrier: Carrier, application: Application, place: Place, core: requests.Session, files: str, containers: str
) -> None:
    file = uploaded(core, files, carrier.storage.default_sid)
    core.patch(f"{containers}/{carrier.storage.default_sid}", json={"quota_bytes": len(tone(3))})
    verb = f'<Record fileSid="{file["file_sid"]}" fileMode="overwrite" errorAction="/broken" finishOnKey="#"/>'
    application.answers("/first", respond(verb))
    application.answers("/broken", respond("<Hangup/>"))
    for seconds in (3.0, 4.0):
        carrier.script("15555550100", Person(speaks_s=seconds))
        place("15555550100", "/first")
        carrier.advance_until_idle()
    assert [file.seconds for file in carrier.files.values()] == [3.0]
    assert (len(application.at("/broken")), carrier.faults) == (1, [])


def test_playing_a_recording_that_expired_is_a_fault(
    carrier: Carrier, application: Application, place: Place, core: requests.Session, files: str, container: str
) -> None:
    file = uploaded(core, files, container)
    verbs = f"<Play>{file['publish_uri']}?format=2.wav</Play><Play><File>{file['file_sid']}</File></Play>"
    application.answers("/first", respond(verbs))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert [heard.at for heard in carrier.calls[0].heard] == [2.0, 4.0]
    assert carrier.faults == []
    core.delete(f"{files}/{file['file_sid']}")
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert carrier.calls[1].heard == []
    assert len(carrier.faults) == 2
