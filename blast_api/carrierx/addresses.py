"""Call-control addresses: one per attempt, signed, so that only the carrier we gave it to can use it.

The token is an HMAC, under the secret key, over what stands before it: whose call, and the serial of its attempt.
Nothing needs to be stored, so a leaked database hands out no address, and a forged one costs no query to refuse.
"""

from __future__ import annotations

import base64
import hmac
import re
from functools import cache

from django.conf import settings
from django.utils.crypto import constant_time_compare

from blast_api.conf import configuration
from blast_api.domain.callbacks import Party, Step

_TOKEN_BYTES = 20  # 160 bits


def _whose(kind: object, row: object, serial: object) -> str:
    return f"{kind}/{row}/{serial}"


def _form(kind: object, row: object, serial: object, token: str, step: str) -> str:
    """What stands behind the base. It never changes: addresses that the carrier has been given go on working."""
    return f"{_whose(kind, row, serial)}/{token}/{step}"


# Whatever stands where a token does: one that is cut short is almost a token.
_ANY = _whose(f"(?:{'|'.join(Party)})", r"\d+", r"\d+")
_IN_TEXT = re.compile(rf"(/{_ANY}/)[^/?\s\"'\\]+")


def address(kind: Party, row: int, serial: int, step: str) -> str:
    """The absolute URL under which the carrier reports on this attempt of this row."""
    token = _token(kind, row, serial, settings.SECRET_KEY)
    return f"{configuration().base_callcontrol_api_url}/{_form(kind, row, serial, token, step)}"


def route(kind: Party, step: Step) -> str:
    """The form of such addresses, as Django's URLs are written; they hand over `row`, `serial` and `token`."""
    return _form(kind, "<int:row>", "<int:serial>", "<str:token>", step)


def is_genuine(kind: Party, row: int, serial: int, token: str) -> bool:
    """Whether we made this address: compared in constant time, former secret keys count too."""
    return any(
        constant_time_compare(_token(kind, row, serial, str(secret)), token)
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def redacted(text: str) -> str:
    """The text without the tokens of any address in it: what is logged must open no door."""
    return _IN_TEXT.sub(r"\1***", text)


def _token(kind: Party, row: int, serial: int, secret: str) -> str:
    digest = hmac.digest(_key(secret), _whose(kind, row, serial).encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode().rstrip("=")


@cache
def _key(secret: str) -> bytes:
    """A key for this purpose alone, so that nothing else that is signed with the secret can pass for a token."""
    return hmac.digest(secret.encode(), b"blast_api.addresses", "sha256")
