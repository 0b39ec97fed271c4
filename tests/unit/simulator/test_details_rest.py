from __future__ import annotations

from typing import Any

import pytest
import requests

from blast_api.simulator import Carrier
from tests.kits.stand_in import CALLER, Application, Place

DOCUMENT = "<Response><Play>http://sounds.example/1.wav</Play></Response>"


@pytest.fixture
def url(carrier: Carrier) -> str:
    return f"{carrier.base_url}/core/v2/calls/call_drs"


def listed(core: requests.Session, url: str, **query: str) -> Any:
    answer = core.get(url, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("number", "cause", "seconds"),
    [
        ("15555550100", "200", 3),
        ("15555550103", "486", 0),
        ("15555550104", "480", 0),
        ("15555550105", "503", 0),
        ("15555550114", "487", 0),
    ],
)
def test_a_call_that_has_ended_is_recorded_also_if_its_end_was_not_told(
    carrier: Carrier,
    application: Application,
    core: requests.Session,
    place: Place,
    url: str,
    number: str,
    cause: str,
    seconds: int,
) -> None:
    application.answers("/deliver", DOCUMENT)
    carrier.inject("lose_status")
    place(number, delay=7)
    carrier.inject("silent")
    place("15555550101")
    assert listed(core, url)["items"] == []
    carrier.advance_until_idle()
    (record,) = listed(core, url)["items"]
    (call, _) = carrier.calls
    assert record == {
        "dr_sid": record["dr_sid"],
        "number_src": f"+{CALLER}",
        "number_dst": f"+{number}",
        "date_start": carrier.date(7),
        "date_talk": None if call.answered_at is None else carrier.date(call.answered_at),
        "date_stop": carrier.date(call.ended_at or 0),
        "duration": str(seconds),
        "duration_billing": str(6 if seconds else 0),
        "sipcause": cause,
        "disconnect_originator": "dst",
        "endpoint_sid_src": carrier.endpoint_sid,
        "endpoint_sid_dst": None,
    }
    assert record["dr_sid"] == listed(core, url)["items"][0]["dr_sid"] != call.sid
    assert all(told["path"] != "/status" for told in [vars(each) for each in application.received])


def test_records_are_filtered_by_time_and_ordered(
    carrier: Carrier, core: requests.Session, place: Place, url: str
) -> None:
    for second in (1, 5, 9):
        place("15555550103", delay=second)
    carrier.advance_until_idle()
    first, last = carrier.date(4), carrier.date(9)

    def starts(**query: str) -> list[str]:
        return [item["date_start"] for item in listed(core, url, **query)["items"]]

    assert starts(filter=f"date_stop ge {first} and date_start lt {last}") == [carrier.date(5)]
    assert starts(filter=f"date_start gt {carrier.date(5)}") == [carrier.date(9)]
    assert starts(order="date_stop desc") == [carrier.date(9), carrier.date(5), carrier.date(1)]
    for wrong in (f"date_start le {first}", f"date_start ge {first} or date_stop lt {last}"):
        assert core.get(url, params={"filter": wrong}).status_code == 400


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("DELETE", 405), ("GET", 200)])
def test_records_are_only_read_and_only_with_the_core_token(
    core: requests.Session, flexml: requests.Session, url: str, method: str, status: int
) -> None:
    assert core.request(method, url).status_code == status
    assert flexml.request(method, url).status_code == 401
