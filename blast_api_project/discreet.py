"""What the page about an error does not show in development."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class Filter(SafeExceptionReporterFilter):
    """Django hides what is named as a secret; a request carries the whole environment, and a password in a URL of it."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|DATABASE_URL", re.IGNORECASE)
