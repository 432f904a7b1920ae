"""First call: how far an account is with its first call, which goes to an inbox of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.account import Caller
from app.domain.inbox import Inbox, InboxCall, Signature
from app.domain.job import Booking, Job
from app.domain.job_filter import JobFilter
from app.domain.one_time import At
from app.domain.run import LIVE, SETTLED
from app.domain.run_filter import RunFilter
from app.domain.run_summary import RunSummary
from app.errors import NotFound
from app.service import inboxes, jobs, run_pages, upcoming
from app.service.context import Context

AHEAD_S: Final = 5
PAYLOAD: Final = "Good morning!"
_PATH: Final = "/welcome"
_SEARCHED: Final = timedelta(hours=1)
_EXAMINED: Final = 20
"""Firings, runs and calls that are examined, whatever else the account does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstCall:
    """What is known of the calls to the account's first inbox, the newest of each kind."""

    inbox: Inbox | None
    url: str
    """What is to be called; empty without an inbox."""
    due_at: datetime | None
    """When a call that is booked is due; None if none is due within the hour."""
    run: RunSummary | None
    """The newest run of the last hour."""
    call: InboxCall | None
    """The newest call that Wakecall signed."""

    @property
    def is_booked(self) -> bool:
        """Whether a call was booked, whatever has become of it."""
        return not (self.due_at is None and self.run is None and self.call is None)


def find(context: Context, caller: Caller) -> FirstCall:
    """Return how far the caller's account is."""
    inbox = next(iter(inboxes.list_inboxes(context, caller.account)), None)
    if inbox is None:
        return FirstCall(inbox=None, url="", due_at=None, run=None, call=None)
    url = inboxes.url_of(context, inbox)
    return FirstCall(
        inbox=inbox,
        url=url + _PATH,
        due_at=_due_at(context, caller, url),
        run=_run(context, caller, url),
        call=_call(context, caller, inbox),
    )


def book(context: Context, caller: Caller) -> Job:
    """Book a call of the account's first inbox, AHEAD_S ahead.

    Raises NotFound for an account without an inbox, and as `jobs.create` does.
    """
    inbox = next(iter(inboxes.list_inboxes(context, caller.account)), None)
    if inbox is None:
        raise NotFound("The account has no inbox to call.", remedy="Create an inbox first.")
    booking = Booking(
        url=inboxes.url_of(context, inbox) + _PATH,
        trigger=At(instant=caller.now + timedelta(seconds=AHEAD_S)),
        content_type="text/plain",
        data=PAYLOAD.encode(),
    )
    return jobs.create(context, caller, booking)


def _due_at(context: Context, caller: Caller, url: str) -> datetime | None:
    until = caller.now + _SEARCHED
    with upcoming.list_upcoming(
        context, caller, JobFilter(), until=until, after=None, limit=_EXAMINED
    ) as found:
        return next((each.due_at for each in found.firings if each.url.startswith(url)), None)


def _run(context: Context, caller: Caller, url: str) -> RunSummary | None:
    wanted = RunFilter(states=LIVE | SETTLED, after=caller.now - _SEARCHED)
    found = run_pages.list_page(context, caller, wanted, limit=_EXAMINED)
    return next(
        (each for each in found.runs if each.called and each.called.url.startswith(url)), None
    )


def _call(context: Context, caller: Caller, inbox: Inbox) -> InboxCall | None:
    calls = inboxes.list_calls(context, caller.account, inbox.id, below=None, limit=_EXAMINED)
    return next((each for each in calls if each.received.signature is Signature.VERIFIED), None)
