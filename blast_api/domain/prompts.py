"""Which prompts there are, by name, the words of those that an operator's menu may lack, and what a language is called. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

PROMPTS = (
    "no_key_pressed",
    "goodbye",
    "invalid_entry",
    "opt_out",
    "ready_for_delivery",
    "record_verification",
    "record_welcome",
    "recording_cancelled",
    "recording_saved",
    "start_recording",
)
# Prompts that came later, with their English words, as in prompts/words.toml. The menu of an operator who has not uploaded
# them lacks them; the carrier's `Say` then speaks the words.
LATER: Mapping[str, str] = MappingProxyType(
    {
        "opt_out_first": "If this is your phone number, and you want this sender never to call it again, press 5.",
        "transfer_busy": "All of our people are busy on other calls. To try again, press the same key.",
        "transfer_failed": "Nobody could take your call. To try again, press the same key.",
    }
)
ALL = (*PROMPTS, *LATER)
LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")  # as es or pt-BR
