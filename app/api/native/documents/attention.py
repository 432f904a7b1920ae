"""Attention documents: failing jobs, and destinations for which calls wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.schema import without_none
from app.domain import instants
from app.domain.attention import Failing, Failures, WaitingDestination, WaitingDestinations
from app.domain.run import RunKind


def render_failures(found: Failures) -> Mapping[str, Value]:
    """The members of the failures of an account."""
    return {
        "jobs": [_render_failing(each) for each in found.jobs],
        "more": not found.is_complete,
    }


def _render_failing(failing: Failing) -> Mapping[str, Value]:
    newest = failing.newest
    last = newest.last
    return without_none(
        {
            # Events are counted together, so that they have no one job.
            "job": None if newest.kind is RunKind.EVENT else str(newest.job_id),
            "name": newest.job_name,
            "kind": str(newest.kind),
            "count": failing.count,
            "newest": str(newest.id),
            "due": instants.format_utc(newest.due_at),
            "state": str(newest.state),
            "status": None if last is None else last.status,
            "error": None if last is None else last.error,
            "reason": newest.reason,
        }
    )


def render_held(found: WaitingDestinations) -> Mapping[str, Value]:
    """The members of the destinations for which calls wait."""
    return {
        "destinations": [_render_destination(each) for each in found.destinations],
        "more": not found.is_complete,
    }


def _render_destination(held: WaitingDestination) -> Mapping[str, Value]:
    return without_none(
        {
            "destination": held.destination,
            "waiting": held.waiting,
            "oldestDue": _instant(held.oldest_due_at),
            "reason": held.reason,
            "state": held.state,
            "underWay": held.under_way,
            "nextCall": _instant(held.next_call_at),
        }
    )


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instants.format_utc(instant)
