"""What is said to whom: each step of a call as a FlexML document. All words are prompts; see prompts/README.md."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from blast_api.carrierx.events import Answerer
from blast_api.carrierx.flexml import Amd, Gather, Hangup, Pause, Play, RecordVerb, Redirect, Say, Verb, document
from blast_api.carrierx.storage import play_url
from blast_api.conf import configuration
from blast_api.domain.callbacks import Query, Step
from blast_api.domain.menus import Wish
from blast_api.models import AuthorCall
from blast_api.services.authors import Reply

# Seconds for a key after the last word; with the longest welcome it stays within the 15 s of USER_ANSWERED.
_AUTHOR_KEY_TIMEOUT_S = 5
_RECIPIENT_KEY_TIMEOUT_S = 5
_MACHINE_KEY_TIMEOUT_S = 1
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


def for_author(reply: Reply, address: Address, recording: AuthorCall | None, *, container_sid: str = "") -> bytes:
    """What the author hears; `recording` is needed where there is one to hear or to overwrite.

    A new recording goes to the container, or to the carrier's default one.

    What is reported of a take carries its number: the same report once more may come during the next one.
    """
    take = recording.take if recording else 0
    record = partial(_record, address=address, recording=recording, take=take + 1, container_sid=container_sid)
    verify = partial(
        _ask, address=address, action=f"{Step.VERIFICATION}?{Query.TAKE}={take}", timeout_s=_AUTHOR_KEY_TIMEOUT_S
    )
    welcome = partial(_ask, address=address, action=Step.WELCOME, timeout_s=_AUTHOR_KEY_TIMEOUT_S)
    match reply:
        case Reply.WELCOME:
            return document(*_debug_record(), *welcome(_prompt("record_welcome")))
        case Reply.WELCOME_AGAIN:
            return document(*welcome(_prompt("invalid_entry"), _prompt("record_welcome")))
        case Reply.RECORD | Reply.RECORD_AGAIN:
            return document(_prompt("start_recording"), record(), Redirect(text=address(Step.NOTHING_RECORDED)))
        case Reply.VERIFY:
            return document(*verify(_prompt("record_verification")))
        case Reply.VERIFY_AGAIN:
            return document(*verify(_prompt("invalid_entry"), _prompt("record_verification")))
        case Reply.PLAY_BACK:
            heard = Play(text=play_url(recording.url, recording.take)) if recording else _prompt("invalid_entry")
            return document(*verify(heard, _prompt("record_verification")))
        case Reply.SAVED:
            return document(*_prompts("recording_saved", "ready_for_delivery", "goodbye"), Hangup())
        case Reply.CANCELLED:
            return document(*_prompts("recording_cancelled", "goodbye"), Hangup())
        case Reply.NO_KEY:
            return document(_prompt("no_key_pressed"), Hangup())
        case Reply.GOODBYE:
            return document(_prompt("goodbye"), Hangup())


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


def deliver(who: Answerer, message_url: str, address: Address, *, replays: int = 0) -> bytes:
    """The message, as suits who picked up; a key is taken throughout, also from a person taken for a machine.

    The key's address tells how many replays there were, so that the same key once more is no other one.
    """
    message, key = Play(text=message_url), address(f"{Step.KEY}?{Query.REPLAYS}={replays}" if replays else Step.KEY)
    match who:
        case Answerer.MACHINE:
            until_it_is_quiet = Pause(length=60, silence=True, min_silence=2000)
            return document(until_it_is_quiet, *_ask_recipient(message, key=key, timeout_s=_MACHINE_KEY_TIMEOUT_S))
        case Answerer.NOT_SURE:
            return document(*_ask_recipient(message, Pause(length=1), message, key=key))
        case Answerer.HUMAN:
            return document(*_ask_recipient(message, _prompt("opt_out"), key=key))
        case Answerer.HANGUP:
            return hang_up()


def at_once(message_url: str, address: Address) -> bytes:
    """The message as the first document, without asking who picked up."""
    heard = Play(text=message_url), _prompt("opt_out")
    return document(*_debug_record(), *_ask_recipient(*heard, key=address(Step.KEY)))


def after_key(wish: Wish, message_url: str, address: Address, *, replays: int = 1) -> bytes:
    """The answer to what the recipient pressed; `replays` counts this one in, if it is one."""
    match wish:
        case Wish.REPLAY:
            return deliver(Answerer.HUMAN, message_url, address, replays=replays)
        case Wish.OPT_OUT:
            return document(_prompt("goodbye"), Hangup())
        case Wish.END:
            return hang_up()


def ask_again(address: Address, *, times: int, replays: int = 0) -> bytes:
    """The question to the recipient once more, because what was answered could not be read."""
    key = address(f"{Step.KEY}?{Query.ASKED}={times}" + (f"&{Query.REPLAYS}={replays}" if replays else ""))
    return document(*_ask_recipient(_prompt("opt_out"), key=key))


def _ask_recipient(*heard: Play | Pause, key: str, timeout_s: int = _RECIPIENT_KEY_TIMEOUT_S) -> list[Verb]:
    return [_gather(*heard, action=key, timeout_s=timeout_s), Hangup()]


# --- Pieces --------------------------------------------------------------------------------------------------------


def _ask(*heard: Play | Pause, address: Address, action: str, timeout_s: int) -> list[Verb]:
    """A question; where the carrier does not report that no key came, the verbs behind it say so."""
    return [_gather(*heard, action=address(action), timeout_s=timeout_s), _prompt("no_key_pressed"), Hangup()]


def _gather(*heard: Play | Pause, action: str, timeout_s: int) -> Gather:
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


def _prompts(*names: str) -> list[Verb]:
    return [_prompt(name) for name in names]


def _prompt(name: str) -> Play:
    return Play(text=configuration().voice_menu[name])
