from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_api.simulator.document import DocumentFault, read_document
from blast_api.simulator.verbs import Amd, Dial, Gather, Hangup, Pause, Play, Record, Redirect, Say, Target, Verb


def wrapped(inner: str) -> bytes:
    return f"<Response>{inner}</Response>".encode()


def a_play(url: str) -> Play:
    return Play(url, None, None, None, None, background=False, time_limit_s=None)


GOOD: list[tuple[str, tuple[Verb, ...]]] = [
    ("", ()),
    ("\n  <!-- nothing -->\n", ()),
    ("<Hangup/>", (Hangup(),)),
    ("<Say>Hello &amp; goodbye</Say>", (Say("Hello & goodbye", 1, 0),)),
    (f"<Say>{'x' * 1024}</Say>", (Say("x" * 1024, 1, 0),)),
    ('<Say voice="Polly.Emma" loop="0" loopPause="3">Hi</Say>', (Say("Hi", 0, 3),)),
    ("<Play> http://x/a.wav?b=1&amp;c=2 </Play>", (a_play("http://x/a.wav?b=1&c=2"),)),
    ("<Play>/a.wav</Play>", (a_play("/a.wav"),)),
    ("<Play><File>0a-1</File></Play>", (Play(None, "0a-1", None, None, None, background=False, time_limit_s=None),)),
    ('<Play digits="12#"/>', (Play(None, None, "12#", None, None, background=False, time_limit_s=None),)),
    ("<Pause/>", (Pause(1, None, None),)),
    ('<Wait length="60" silence="true" minSilence="2000"/>', (Pause(60, 2000, None),)),
    ('<Pause length="2" noise="true" minNoise="50"/>', (Pause(2, None, 50),)),
    ("<Dial> 15555550100 </Dial>", (Dial("15555550100", None, None, 30, None),)),
    (
        '<Dial action="/d" method="GET" callerId="15555550000" timeout="9" timeLimit="60">15555550100</Dial>',
        (Dial("15555550100", Target("/d", "GET"), "15555550000", 9, 60),),
    ),
    ("<Redirect>/next</Redirect>", (Redirect(Target("/next", "POST")),)),
    ('<Redirect method="GET">http://x/next</Redirect>', (Redirect(Target("http://x/next", "GET")),)),
    (
        '<Amd action="/amd" method="GET" initialSilence="5000" greeting="1" afterGreetingSilence="2" '
        'totalAnalysisTime="3"/>',
        (Amd(Target("/amd", "GET"), 1, 2, 3),),
    ),
    (
        '<Gather action="/k" method="get" timeout="7" numDigits="1" finishOnKey="_" validDigits="05" '
        'actionOnEmptyResult="true"><Say>Hi</Say><Pause/></Gather>',
        (Gather((Say("Hi", 1, 0), Pause(1, None, None)), Target("/k", "GET"), 7, 1, "_", "05", action_on_empty=True),),
    ),
    ('<Gather action="/k"/><Hangup/>', (Gather((), Target("/k", "POST"), 5, None, "#", None, False), Hangup())),
]

BAD = [
    ("<Shout/>", "not a known verb"),
    ("<say>Hi</say>", "not a known verb"),
    ("<HangUp/>", "not a known verb"),
    ("<Dial/>", "telephone number"),
    ("<Dial>+15555550100</Dial>", "telephone number"),
    ("<Dial><Number>15555550100</Number></Dial>", "not simulated"),
    ('<Dial callerId="+1">15555550100</Dial>', "telephone number"),
    ('<Dial timeout="0">15555550100</Dial>', "out of range"),
    ('<Dial record="true">15555550100</Dial>', "unknown attribute"),
    ('<Gather action="/k"><Dial>15555550100</Dial></Gather>', "may not stand inside Gather"),
    ('<Reject reason="busy"/>', "not simulated"),
    ("<Override/>", "not simulated"),
    ("<Dtmf/>", "not simulated"),
    ('<x:Say xmlns:x="urn:x">Hi</x:Say>', "not a known verb"),
    ("text", "takes no text"),
    ("<Hangup>now</Hangup>", "takes no text"),
    ("<Hangup/>now", "takes no text"),
    ('<Gather action="/k">now</Gather>', "takes no text"),
    ('<Record action="/r">now</Record>', "takes no text"),
    ('<Hangup reason="x"/>', "unknown attribute reason"),
    ('<Wait minsilence="2000"/>', "unknown attribute minsilence"),
    ('<Play stopOnKey="1">http://x/a.wav</Play>', "unknown attribute"),
    ("<Say/>", "nothing to say"),
    ("<Say>  </Say>", "nothing to say"),
    (f"<Say>{'x' * 1025}</Say>", "longer than 1024"),
    (f'<Gather action="/k"><Say>{"x" * 1025}</Say></Gather>', "longer than 1024"),
    ('<Say voice="robot">Hi</Say>', "not a voice"),
    ('<Say loop="101">Hi</Say>', "out of range"),
    ('<Say loop="-1">Hi</Say>', "out of range"),
    ('<Say loopPause="0">Hi</Say>', "out of range"),
    ('<Say loop="1.0">Hi</Say>', "not an integer"),
    ('<Say loop="">Hi</Say>', "not an integer"),
    ('<Say loop="٣">Hi</Say>', "not an integer"),
    ("<Play/>", "exactly one"),
    ("<Play>http://x/a.wav<File>1</File></Play>", "exactly one"),
    ("<Play><File>1</File><File>2</File></Play>", "exactly one"),
    ('<Play digits="1">http://x/a.wav</Play>', "exactly one"),
    ("<Play><File></File></Play>", "file_sid"),
    ("<Play>ftp://x/a.wav</Play>", "http or https"),
    ("<Play>http://</Play>", "http or https"),
    ("<Play>http://x/a b.wav</Play>", "not a URL"),
    ("<Play>http://[x/a.wav</Play>", "content"),
    ('<Play background="yes">http://x/a.wav</Play>', "true or false"),
    ('<Play background="True">http://x/a.wav</Play>', "true or false"),
    ("<File>1</File>", "may not stand inside Response"),
    ("<Gather/>", "has no action"),
    ('<Gather action="/k"><Hangup/></Gather>', "may not stand inside Gather"),
    ('<Gather action="/k"><Gather action="/k"/></Gather>', "may not stand inside Gather"),
    ('<Gather action="/k"><Play action="/p">http://x/a.wav</Play></Gather>', "inside Gather"),
    ('<Gather action=""/>', "not a URL"),
    ('<Gather action="javascript:1"/>', "http or https"),
    ('<Gather action="/k" method="PUT"/>', "not one of"),
    ('<Gather action="/k" numDigits="0"/>', "out of range"),
    ('<Gather action="/k" timeout="-5"/>', "out of range"),
    ('<Gather action="/k" validDigits="x"/>', "string of keys"),
    ('<Gather action="/k" finishOnKey=""/>', "string of keys"),
    ("<Say>Hi<Pause/></Say>", "may not stand inside Say"),
    ("<Amd/>", "has no action"),
    ('<Amd action="/a" greeting="2s"/>', "not an integer"),
    ('<Amd action="/a" method="post"/>', "not one of"),
    ('<Pause length="0"/>', "out of range"),
    ('<Pause length="1.5"/>', "not an integer"),
    ("<Redirect/>", "not a URL"),
    ("<Redirect><Play>http://x/a.wav</Play></Redirect>", "may not stand inside Redirect"),
    ('<Record fileSid="1"/>', "fileMode"),
    ('<Record fileSid="1" fileMode="append"/>', "not one of"),
    ('<Record lifecycleTtl="-2"/>', "out of range"),
    ('<Record lifecycleAction="burn"/>', "not one of"),
    ('<Record trim="yes"/>', "not one of"),
    ('<Record finishOnKey="all"/>', "string of keys"),
    ('<Record containerSid="a b"/>', "identifier"),
    ('<Record recordSession="true" action="/r"/>', "not simulated"),
]


@pytest.mark.parametrize(("inner", "verbs"), GOOD)
def test_good_documents_become_verbs(inner: str, verbs: tuple[Verb, ...]) -> None:
    assert read_document(b'<?xml version="1.0" encoding="UTF-8"?>\n' + wrapped(inner)) == verbs


def test_a_record_keeps_every_wish() -> None:
    document = wrapped(
        '<Record action="/r" errorAction="/e" errorMethod="GET" callbackUrl="/c" fileSid="f" fileMode="overwrite" '
        'fileFormat="wav" direction="out" finishOnKey="12" playBeep="false" maxLength="60" timeout="4" '
        'trim="do-not-trim" lifecycleAction="delete" lifecycleTtl="86400" stringKey1="a" stringKey2="" '
        'integerKey1="-1" integerKey2="2"/>'
    )
    assert read_document(document) == (
        Record(
            action=Target("/r", "POST"),
            error_action=Target("/e", "GET"),
            callback_url="/c",
            container_sid=None,
            file_sid="f",
            finish_on_key="12",
            play_beep=False,
            max_length_s=60,
            timeout_s=4,
            trims_silence=False,
            whole_session=False,
            lifecycle_action="delete",
            lifecycle_ttl_s=86400,
            string_keys=("a", ""),
            integer_keys=(-1, 2),
        ),
    )


@pytest.mark.parametrize(("finish", "keys"), [("", None), ('finishOnKey="none"', ""), ('finishOnKey="#"', "#")])
def test_a_record_ends_at_any_key_unless_told_otherwise(finish: str, keys: str | None) -> None:
    (verb,) = read_document(wrapped(f"<Record {finish}/>"))
    assert isinstance(verb, Record)
    assert verb.finish_on_key == keys


@pytest.mark.parametrize(("inner", "complaint"), BAD)
def test_bad_verbs_are_faults_that_say_why(inner: str, complaint: str) -> None:
    with pytest.raises(DocumentFault, match=complaint):
        read_document(wrapped(inner))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"OK",
        b"{}",
        b"<Response>",
        b"<Response/><Response/>",
        b"<response/>",
        b"<html><body/></html>",
        b'<Response version="1"/>',
        b"<Response><Say>a & b</Say></Response>",
        b"<Response><Say>\xff</Say></Response>",
        b'<?xml version="1.0" encoding="martian"?><Response/>',
        b'<?xml version="1.0" encoding="utf-7"?><Response/>',
        b"<!DOCTYPE Response><Response/>",
        b'<!DOCTYPE r [<!ENTITY a "aaaa">]><Response><Say>&a;</Say></Response>',
        b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/hostname">]><Response><Say>&a;</Say></Response>',
        b"<Response><Say>&a;</Say></Response>",
        b'<Response><Say loop="1" loop="2">Hi</Say></Response>',
        b"<Response><Say>Hi</Say>\x00</Response>",
    ],
)
def test_what_is_no_call_document_is_a_fault(body: bytes) -> None:
    with pytest.raises(DocumentFault):
        read_document(body)


@settings(deadline=None)  # a loaded machine is no fault
@given(st.binary(max_size=200))
def test_garbage_is_never_anything_but_a_fault(body: bytes) -> None:
    with pytest.raises(DocumentFault):
        read_document(body)


PIECES = st.sampled_from(
    [
        "<Response>",
        "</Response>",
        "<Say>",
        "</Say>",
        "<Play ",
        "<Gather ",
        'action="/k"',
        ">",
        "/>",
        "&#0;",
        "&amp;",
        "x",
        '<?xml version="1.0" encoding="',
        '"?>',
        "<!DOCTYPE ",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "http://[",
        "\ud7ff",
        "#",
    ]
)


@settings(deadline=None)  # a loaded machine is no fault
@given(st.lists(PIECES, max_size=12))
def test_pieces_of_documents_are_read_or_are_a_fault(pieces: list[str]) -> None:
    with contextlib.suppress(DocumentFault):
        assert isinstance(read_document("".join(pieces).encode()), tuple)
