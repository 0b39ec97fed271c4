"""One view per question; the answer is JSON, and its status is enough for a probe."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from blast_api import __version__
from blast_api.monitoring import exposition as measured
from blast_api.monitoring.health import Readiness, readiness

from .access import may_read_metrics


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up. Nothing else is asked: a database that is away is mended by no restart of ours."""
    return JsonResponse({"status": "ok", "version": __version__})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """The service can do its work: 200, or 503 with what keeps it from that."""
    found = readiness()
    status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse(_payload(found), status=status)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads; for whom the operator named only."""
    forwarded_for = request.headers.get("X-Forwarded-For", "")
    if not may_read_metrics(request.META.get("REMOTE_ADDR", ""), forwarded_for):
        refusal = {"detail": "METRICS_ALLOWED does not name your address.", "code": "metrics_not_allowed"}
        return JsonResponse(refusal, status=HTTPStatus.FORBIDDEN)
    content, content_type = measured.exposition(request.headers.get("Accept", ""))
    return HttpResponse(content, content_type=content_type)


def _payload(found: Readiness) -> dict[str, object]:
    carrier, storage = found.carrier, found.storage
    return {
        "status": "ok" if found.is_ready else "failing",
        "database": "ok" if found.database else "away",
        "migrations": {True: "ok", False: "unapplied", None: None}[found.migrated],
        "cron": found.cron and {"state": found.cron.state, "last_run": found.cron.last_run},
        "carrier": carrier
        and {"state": carrier.state, "cause": carrier.cause or None, "since": carrier.since, "until": carrier.until},
        "storage": storage
        and {
            "state": storage.state,
            "free": storage.room and round(storage.room.free, 3),
            "checked": storage.checked,
        },
    }
