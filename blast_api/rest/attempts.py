"""The requests of applications about attempts: each placement of each call of a shout."""

from __future__ import annotations

from itertools import chain

from rest_framework.request import Request

from blast_api.services import history

from . import docs
from .lists import Listed, answer
from .pages import OLDEST_FIRST, page
from .serializers import ListedAttemptSerializer
from .tables import ListViewSet, csv_asked
from .views import application_of, shout_asked


class AttemptViewSet(ListViewSet):
    """Attempts of one shout's calls."""

    @docs.list_attempts
    def list(self, request: Request) -> Listed:
        message = shout_asked(request)
        attempts = history.of_message(message)
        asked = page(request, attempts, OLDEST_FIRST, path=request.path, **{"shout-id": str(message.pk)})
        rows = history.told(chain.from_iterable(asked.chunks()))
        file = csv_asked(request, f"attempts-of-shout-{message.pk}")
        return answer(application_of(request), rows, ListedAttemptSerializer(), asked.headers, file)
