from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.kits.callbacks import Callbacks


@pytest.fixture
def callbacks(client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Callbacks:
    """The carrier as one that only calls back."""
    return Callbacks(client, django_capture_on_commit_callbacks)


@pytest.fixture
def no_retries(settings: Settings) -> None:
    """A failed call has failed."""
    settings.MAX_RETRIES = 0
