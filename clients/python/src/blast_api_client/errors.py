"""What may go wrong: the service refuses, or no answer comes."""

from __future__ import annotations

from collections.abc import Mapping


class BlastError(Exception):
    """Whatever this client raises of its own."""


class NoAnswer(BlastError):
    """No answer came: the service is away, or too slow. It may have done what was asked, unless `was_sent` is false."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class UnexpectedAnswer(BlastError):
    """An answer came that is not the service's: of a proxy, of another service, or of a release that speaks otherwise."""


class ApiError(BlastError):
    """The service refused. `detail` is for people, `code` for programs; `fields` has the sentences on each field at fault."""

    def __init__(
        self,
        status: int,
        detail: str,
        code: str,
        *,
        fields: Mapping[str, list[str]] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s


class BadInput(ApiError):
    """400: what was sent is wrong, and nothing was stored."""


class NotAuthenticated(ApiError):
    """401: no token, or a wrong one."""


class NotFound(ApiError):
    """404: there is no such thing, or it is another application's."""


class Conflict(ApiError):
    """409: its state does not allow it."""


class Throttled(ApiError):
    """429: too many requests; nothing was done."""


class ServerTrouble(ApiError):
    """5xx: the service or the carrier behind it has trouble."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadInput,
    401: NotAuthenticated,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}


def error_of(status: int, told: object, *, retry_after_s: float | None = None) -> ApiError:
    """The error that an answer is; `told` is its JSON, or None if it has none."""
    kind = _BY_STATUS.get(status, ServerTrouble if status >= 500 else ApiError)
    told = told if isinstance(told, dict) else {}
    detail, code = told.get("detail"), told.get("code")
    if isinstance(detail, str) and isinstance(code, str):
        return kind(status, detail, code, retry_after_s=retry_after_s)
    fields = {str(name): [str(one) for one in said] for name, said in told.items() if isinstance(said, list)}
    if fields:
        detail = " ".join(f"{name}: {' '.join(said)}" for name, said in fields.items())
        return kind(status, detail, "invalid", fields=fields, retry_after_s=retry_after_s)
    return kind(status, f"The service answered {status}.", "error", retry_after_s=retry_after_s)
