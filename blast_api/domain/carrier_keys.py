"""The first half of the operator's sheet: the carrier, and what is heard on a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import values
from .keys import Allowed, carriers_own, key, whole
from .prompts import ALL
from .values import SIDS

_URL = Allowed(values.url)  # read without its last slash
_CREDENTIAL = Allowed(values.credential)
_BOOLEAN = Allowed(values.boolean, "True or False.")
_MILLISECONDS = whole(0, 60000, "Milliseconds")
_MILLISECONDS_OR_NONE = carriers_own(60000, "Milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarrierKeys:
    """Which carrier, how it knows us, and what people hear."""

    base_callcontrol_api_url: str = key(
        "http://127.0.0.1:8000/api/v1/call-control",
        _URL,
        "public URL of our call-control endpoints, as the carrier reaches them",
        hint="Write the public URL that ends in /api/v1/call-control.",
        section="The carrier",
    )
    base_carrierx_api_url: str = key(
        "https://api.carrierx.com/",
        _URL,
        "the carrier. Each host asks it directly and ignores `HTTP_PROXY` and its like on purpose; `check` warns of them",
        hint="The carrier's is https://api.carrierx.com/",
    )
    carrierx_api_token: str = key(
        "",
        _CREDENTIAL,
        "Core API bearer token. The service uses it for recordings, and to ask how a call ended whose status callback was lost",
        hint="Write the Core API token as a string.",
        secret=True,
    )
    flexml_api_user: str = key(
        "",
        _CREDENTIAL,
        "login of the FlexML endpoint, which places calls",
        hint="Write the login of the FlexML endpoint as a string.",
        secret=True,
    )
    flexml_api_password: str = key(
        "",
        _CREDENTIAL,
        "password of the FlexML endpoint",
        hint="Write the password of the FlexML endpoint as a string.",
        secret=True,
    )
    carrierx_sids: Mapping[str, str] = key(
        {},
        Allowed(values.sids, f"A mapping with any of {', '.join(SIDS)}."),
        'your own SIDs at the carrier: `{"EndpointSid": "…", "PartnerSid": "…", "AccountSid": "…"}`, any of them. The service '
        "refuses callbacks that carry another, and takes those that carry none",
    )
    did: str = key(
        "15555550100",
        Allowed(values.phone_number, "Digits with country code, for example {default}."),
        "the number from which the service calls authors and recipients: digits with country code, a DID of the FlexML "
        "endpoint. The default is fictional and works only with the simulator",
    )
    dids: tuple[str, ...] = key(
        (),
        Allowed(values.phone_numbers, 'A list of numbers: digits with country code, as ("15555550101",).'),
        "other caller ids, beside `DID`, that you may give to applications (`manage.py applications set`)",
    )
    amd: bool = key(
        True,
        _BOOLEAN,
        "answering-machine detection. False: the service plays the message at once to a person and to a machine alike "
        "(`answerer` is `NOTSURE`)",
        section="What is heard",
    )
    amd_initial_silence: int = key(5000, _MILLISECONDS, "milliseconds of silence before a greeting that mean a machine")
    amd_greeting: int = key(
        2000, _MILLISECONDS, "milliseconds that a person's greeting lasts at most; a longer one means a machine"
    )
    amd_after_greeting_silence: int = key(
        500, _MILLISECONDS, "milliseconds of silence after a greeting that mean a person"
    )
    amd_total_analysis_time: int = key(
        10000, _MILLISECONDS, "milliseconds after which the detection gives up; no shorter than `AMD_INITIAL_SILENCE`"
    )
    amd_between_word_silence: int | None = key(
        None,
        _MILLISECONDS_OR_NONE,
        "milliseconds of silence that separate words; None, here and below: the carrier's own",
    )
    amd_minimum_word_length: int | None = key(
        None, _MILLISECONDS_OR_NONE, "milliseconds; the carrier does not document this measure and the three below"
    )
    amd_maximum_word_length: int | None = key(
        None, _MILLISECONDS_OR_NONE, "milliseconds; a longer word means a machine"
    )
    amd_maximum_number_of_words: int | None = key(
        None, carriers_own(100, "A whole number"), "words of a greeting; more of them mean a machine"
    )
    amd_silence_threshold: int | None = key(
        None, carriers_own(32767, "A level"), "level below which the line is silent"
    )
    max_recording_seconds: int = key(
        600,
        whole(1, 7200, "Seconds"),
        "seconds that an author's message may take, and never more than `PRESSED_STAR` of `REC_CALL_STATUS_TIMEOUTS`",
    )
    recording_silence: int = key(10, whole(1, 600, "Seconds"), "seconds of silence that end an author's message")
    max_replays: int = key(
        3,
        whole(0, 99),
        "how often the key 0 plays the message again; after that the key ends the call, as other keys do",
        hint="0: nobody hears it twice.",
    )
    voice_menu: Mapping[str, str] = key(
        {prompt: f"http://127.0.0.1:8000/prompts/{prompt}.wav" for prompt in ALL},
        Allowed(values.voice_menu, "Copy the ten names from configuration.py.template, each with a URL."),
        "where the carrier fetches each prompt; their words are in `prompts/README.md`. The service says the last three by the "
        "carrier's voice where they are left out",
    )
    voice_menus: Mapping[str, Mapping[str, str]] = key(
        {},
        Allowed(values.voice_menus, "A mapping of languages, each with URLs for all of its prompts."),
        'prompts in other languages, for shouts that name one: `{"es": {"goodbye": "https://…", …}}`; `VOICE_MENU` is for '
        "shouts that name none",
        hint="python manage.py upload_prompts prints it.",
    )
    announce_opt_out: str = key(
        "last",
        Allowed(values.announced, "'first' or 'last'."),
        "when a person hears how to opt out: `last`, after the message; `first`, before and after it, as some trades' rules "
        "want",
    )
    recording_container: str = key(
        "",
        Allowed(values.sid, "The SID of a container, or an empty string for one that is made by itself."),
        "SID of the carrier's container for recordings and prompts; empty: `runcrons` makes one. `runcrons` watches it and "
        "raises its quotas before they are short",
    )

    def menu(self, language: str) -> Mapping[str, str]:
        """The prompts of a language; those of `VOICE_MENU` where it has none."""
        return self.voice_menus.get(language, self.voice_menu)
