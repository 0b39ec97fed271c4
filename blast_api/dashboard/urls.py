from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from .do_not_call import DoNotCallPage, PutNumbers, TakeNumberOff
from .numbers import NumberPage, NumberSearch
from .operations import OperationsPage
from .sending import NewShoutPage
from .shouts import AuditionShout, CancelShout, PauseShout, ResumeShout, ShoutPage, ShoutsPage
from .signing import SignIn, SignOut


class IdConverter(IntConverter):
    """An id that a database may have."""

    regex = "[0-9]{1,18}"


register_converter(IdConverter, "id")

urlpatterns = [
    path("", ShoutsPage.as_view(), name="shouts-page"),
    path("numbers", NumberSearch.as_view(), name="number-search"),
    path("numbers/<str:number>", NumberPage.as_view(), name="number"),
    path("do-not-call", DoNotCallPage.as_view(), name="do-not-call"),
    path("do-not-call/put", PutNumbers.as_view(), name="put-numbers"),
    path("do-not-call/take-off", TakeNumberOff.as_view(), name="take-number-off"),
    path("operations", OperationsPage.as_view(), name="operations"),
    path("sign-in", SignIn.as_view(), name="sign-in"),
    path("sign-out", SignOut.as_view(), name="sign-out"),
    path("shouts/new", NewShoutPage.as_view(), name="new-shout"),
    path("shouts/<id:pk>", ShoutPage.as_view(), name="shout"),
    path("shouts/<id:pk>/pause", PauseShout.as_view(), name="pause-shout"),
    path("shouts/<id:pk>/resume", ResumeShout.as_view(), name="resume-shout"),
    path("shouts/<id:pk>/cancel", CancelShout.as_view(), name="cancel-shout"),
    path("shouts/<id:pk>/audition", AuditionShout.as_view(), name="audition-shout"),
]
