"""What is said to whom: each step of a call as a FlexML document. All words are prompts; see prompts/README.md."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from blast_api.carrierx.events import Answerer
from blast_api.carrierx.flexml import Amd, Dial, Gather, Hangup, Pause, Play, RecordVerb, Redirect, Say, Verb, document
from blast_api.carrierx.storage import play_url
from blast_api.conf import configuration
from blast_api.domain.callbacks import Query, Step
from blast_api.domain.menus import Wish
from blast_api.domain.prompts import LATER
from blast_api.domain.speech import pieces, spoken
from blast_api.domain.transfers import Transfer
from blast_api.models import AuthorCall
from blast_api.services.authors import Reply
from blast_api.services.scripts import Heard, Script
from blast_api.services.transfers import LONGEST

# Seconds for a key after the last word; with the longest welcome it stays within the 15 s of USER_ANSWERED.
_AUTHOR_KEY_TIMEOUT_S = 5
_RECIPIENT_KEY_TIMEOUT_S = 5
_MACHINE_KEY_TIMEOUT_S = 1
_TRY_AGAIN_TIMEOUT_S = 30  # for whom nobody could talk to
_RINGS_S = 30  # the phone of whom a recipient is put through to
# A key that no telephone has: so that every real key, # too, reaches us as a digit.
_NO_FINISH_KEY = "_"
_RECORDING_KEPT_S = 86400  # until it is confirmed
_DEBUG_KEPT_S = 259200

# The address of a later step of the same call.
Address = Callable[[str], str]


def hang_up() -> bytes:
    """Nothing is heard, the call ends."""
    return document(Hangup())


def apology() -> bytes:
    """The last resort after an error of our own; it needs neither configuration nor database."""
    return document(Say(text="We are sorry, an error has occurred. Goodbye."), Hangup())


# --- The author ----------------------------------------------------------------------------------------------------


def for_author(
    reply: Reply, address: Address, recording: AuthorCall | None, *, container_sid: str = "", language: str = ""
) -> bytes:
    """What the author hears; `recording` is needed where there is one to hear or to overwrite.

    A new recording goes to the container, or to the carrier's default one.

    What is reported of a take carries its number: the same report once more may come during the next one.
    """
    take = recording.take if recording else 0
    record = partial(_record, address=address, recording=recording, take=take + 1, container_sid=container_sid)
    verify = partial(_ask, action=address(f"{Step.VERIFICATION}?{Query.TAKE}={take}"), language=language)
    welcome = partial(_ask, action=address(Step.WELCOME), language=language)
    prompt = partial(_prompt, language=language)
    match reply:
        case Reply.WELCOME:
            return document(*_debug_record(), *welcome(prompt("record_welcome")))
        case Reply.WELCOME_AGAIN:
            return document(*welcome(prompt("invalid_entry"), prompt("record_welcome")))
        case Reply.RECORD | Reply.RECORD_AGAIN:
            return document(prompt("start_recording"), record(), Redirect(text=address(Step.NOTHING_RECORDED)))
        case Reply.VERIFY:
            return document(*verify(prompt("record_verification")))
        case Reply.VERIFY_AGAIN:
            return document(*verify(prompt("invalid_entry"), prompt("record_verification")))
        case Reply.PLAY_BACK:
            heard = Play(text=play_url(recording.url, recording.take)) if recording else prompt("invalid_entry")
            return document(*verify(heard, prompt("record_verification")))
        case Reply.SAVED:
            return document(*map(prompt, ("recording_saved", "ready_for_delivery", "goodbye")), Hangup())
        case Reply.CANCELLED:
            return document(prompt("recording_cancelled"), prompt("goodbye"), Hangup())
        case Reply.NO_KEY:
            return document(prompt("no_key_pressed"), Hangup())
        case Reply.GOODBYE:
            return document(prompt("goodbye"), Hangup())


def _record(address: Address, recording: AuthorCall | None, take: int, container_sid: str) -> RecordVerb:
    config, again = configuration(), recording is not None and recording.file_sid != ""
    return RecordVerb(
        action=address(f"{Step.RECORDED}?{Query.TAKE}={take}"),
        method="POST",
        error_action=address(Step.NOT_RECORDED),
        error_method="POST",
        direction="out",
        finish_on_key="#",
        play_beep=True,
        max_length=config.longest_recording,
        timeout=config.recording_silence,
        trim="do-not-trim",
        container_sid=None if again else container_sid or None,
        file_sid=recording.file_sid if recording and again else None,
        file_mode="overwrite" if again else None,
        lifecycle_action="delete",
        lifecycle_ttl=_RECORDING_KEPT_S,
    )


# --- The recipient -------------------------------------------------------------------------------------------------


def detect(address: Address) -> bytes:
    """Find out who picked up."""
    config = configuration()
    return document(
        *_debug_record(),
        Amd(
            action=address(Step.DETECTED),
            initial_silence=config.amd_initial_silence,
            greeting=config.amd_greeting,
            after_greeting_silence=config.amd_after_greeting_silence,
            total_analysis_time=config.amd_total_analysis_time,
            between_word_silence=config.amd_between_word_silence,
            minimum_word_length=config.amd_minimum_word_length,
            maximum_word_length=config.amd_maximum_word_length,
            maximum_number_of_words=config.amd_maximum_number_of_words,
            silence_threshold=config.amd_silence_threshold,
        ),
    )


def deliver(who: Answerer, script: Script, address: Address, *, replays: int = 0) -> bytes:
    """The message, as suits who picked up; a key is taken throughout, also from a person taken for a machine.

    The key's address tells how many replays there were, so that the same key once more is no other one.
    """
    message, key = _heard(script.message), _key(address, replays=replays)
    match who:
        case Answerer.MACHINE:
            left = _heard(script.for_machines or script.message)
            return document(*_greeting_ends(), *_ask_recipient(*left, key=key, timeout_s=_MACHINE_KEY_TIMEOUT_S))
        case Answerer.NOT_SURE:
            twice = (*message, Pause(length=1), *message)
            return document(*_ask_recipient(*_announced(script), *twice, key=key))
        case Answerer.HUMAN:
            first = _announced(script) if not replays else ()
            return document(*_ask_recipient(*first, *message, _prompt("opt_out", script.language), key=key))
        case Answerer.HANGUP:
            return hang_up()


def at_once(script: Script, address: Address) -> bytes:
    """The message as the first document, without asking who picked up."""
    heard = (*_announced(script), *_heard(script.message), _prompt("opt_out", script.language))
    return document(*_debug_record(), *_ask_recipient(*heard, key=_key(address)))


def after_key(wish: Wish, script: Script | None, address: Address, *, replays: int = 0) -> bytes:
    """The answer to what the recipient pressed, after so many replays."""
    language = script.language if script else ""
    match wish:
        case Wish.REPLAY if script:
            return deliver(Answerer.HUMAN, script, address, replays=replays + 1)
        case Wish.OPT_OUT:
            return document(_prompt("goodbye", language), Hangup())
        case Wish.TRANSFER if script and script.transfer:
            return document(_dial(script.transfer, script.caller_id, address), Hangup())
        case Wish.TRANSFER_LATER:
            busy = _prompt("transfer_busy", language)
            return document(*_ask_recipient(busy, key=_key(address, replays=replays), timeout_s=_TRY_AGAIN_TIMEOUT_S))
        case _:
            return hang_up()


def after_transfer(script: Script | None, address: Address) -> bytes:
    """Nobody took the call, so the person may try again; without a script, the two have spoken."""
    if script is None:
        return hang_up()
    failed = _prompt("transfer_failed", script.language)
    return document(*_ask_recipient(failed, key=_key(address), timeout_s=_TRY_AGAIN_TIMEOUT_S))


def ask_again(script: Script, address: Address, *, times: int, replays: int = 0) -> bytes:
    """The question to the recipient once more, because what was answered could not be read."""
    key = _key(address, replays=replays, asked=times)
    return document(*_ask_recipient(_prompt("opt_out", script.language), key=key))


def _key(address: Address, *, replays: int = 0, asked: int = 0) -> str:
    counted = {Query.ASKED: asked, Query.REPLAYS: replays}
    query = "&".join(f"{name}={count}" for name, count in counted.items() if count)
    return address(f"{Step.KEY}?{query}" if query else Step.KEY)


def _ask_recipient(*heard: Say | Play | Pause, key: str, timeout_s: int = _RECIPIENT_KEY_TIMEOUT_S) -> list[Verb]:
    return [_gather(*heard, action=key, timeout_s=timeout_s), Hangup()]


def _greeting_ends() -> list[Verb]:
    """Waits until a machine listens. Twice, as a greeting may pause, and who listens for silence may err: then it goes on."""
    until_it_is_quiet = Pause(length=60, silence=True, min_silence=2000)
    return [until_it_is_quiet, until_it_is_quiet]


def _announced(script: Script) -> tuple[Say | Play, ...]:
    """How to opt out, where it is to be heard before the message."""
    is_first = configuration().announce_opt_out == "first"
    return (_prompt("opt_out_first", script.language),) if is_first else ()


def _dial(transfer: Transfer, caller_id: str, address: Address) -> Dial:
    return Dial(
        text=transfer.to,
        action=address(Step.BRIDGED),
        caller_id=caller_id,
        timeout=_RINGS_S,
        time_limit=int(LONGEST.total_seconds()),
    )


# --- Pieces --------------------------------------------------------------------------------------------------------


def _ask(*heard: Say | Play | Pause, action: str, language: str) -> list[Verb]:
    """A question to the author; where the carrier does not report that no key came, the verbs behind it say so."""
    asked = _gather(*heard, action=action, timeout_s=_AUTHOR_KEY_TIMEOUT_S)
    return [asked, _prompt("no_key_pressed", language), Hangup()]


def _gather(*heard: Say | Play | Pause, action: str, timeout_s: int) -> Gather:
    return Gather(
        verbs=heard,
        action=action,
        timeout=timeout_s,
        num_digits=1,
        finish_on_key=_NO_FINISH_KEY,
        action_on_empty_result=True,
    )


def _debug_record() -> list[Verb]:
    """A background recording of the whole call, if the operator is looking for a fault."""
    config = configuration()
    if not config.record_all_calls:
        return []
    return [
        RecordVerb(
            direction="out",
            record_session=True,
            container_sid=config.debug_recording_container or None,
            lifecycle_action="delete",
            lifecycle_ttl=_DEBUG_KEPT_S,
        )
    ]


def _heard(heard: Heard) -> tuple[Say | Play, ...]:
    """A sound; or a text, in as many pieces as the carrier wants."""
    if heard.url or not heard.text:
        return (Play(text=heard.url),)
    return tuple(Say(text=piece, voice=heard.voice or None) for piece in _pieces(heard.text))


@lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[str, ...]:
    """As it is read aloud. Kept, because all calls of a shout ask for the same: a long text takes 4 ms."""
    return tuple(pieces(spoken(text)))


def _prompt(name: str, language: str = "") -> Say | Play:
    """A prompt; its words, if the operator's menu is older than it."""
    url = configuration().menu(language).get(name)
    return Play(text=url) if url else Say(text=LATER[name])
