"""Operations of the other dialects: what clients of Dapr and Fusion do to their jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import psycopg

from app.api.dapr import bookings
from app.api.dapr.documents import JobDocument
from app.api.fusion import schedule_document
from app.domain.fusion import resource
from app.domain.fusion.action import Action
from app.domain.fusion.resource import Resource
from app.domain.fusion.schedule import Schedule
from app.domain.job import Booking
from app.service.dapr import jobs as dapr_jobs
from app.service.fusion import actions, schedules
from tests.interleavings.case import Case
from tests.interleavings.operations import DELETE, FIRE, PAUSE, RESUME, Do, Operation

APP: Final = "shop"
NAME: Final = "tidy"
MOVIES: Final = resource.parse("datasource:movies")
REPORTS: Final = resource.parse("datasource:reports")
YEARLY: Final = "0 0 0 1 1 ? *"
OTHER_YEARLY: Final = "0 0 0 2 1 ? *"


def dapr_booking(now: datetime, **members: Any) -> Booking:
    """A job of an app, as its client books it."""
    document = JobDocument(**{"schedule": "0 0 0 1 1 *", **members})
    return bookings.make_booking(APP, NAME, document, now)[0]


def save_movies(case: Case) -> None:
    """The job of a runner, with a schedule."""
    sent = _schedule(case.caller.now)
    schedules.put(case.context, case.caller, MOVIES, sent, app=None)


def save_follower(case: Case) -> None:
    """A job that starts when the other has ended, however it has."""
    trigger = {
        "type": "job_completion",
        "otherJob": str(MOVIES),
        "triggerType": "on_completion",
    }
    document = {"triggers": [trigger]}
    sent = schedule_document.parse(document, resource=REPORTS, now=case.caller.now)
    schedules.put(case.context, case.caller, REPORTS, sent, app=None)


def _schedule(
    now: datetime, expression: str = YEARLY, *, enabled: bool = True, of: Resource = MOVIES
) -> Schedule:
    trigger = {"type": "cron", "enabled": True, "value": expression}
    document = {"triggers": [trigger], "enabled": enabled}
    return schedule_document.parse(document, resource=of, now=now)


def _overwrite(case: Case, _: psycopg.Connection) -> None:
    def judge(now: datetime) -> tuple[Booking, datetime]:
        return bookings.make_booking(APP, NAME, JobDocument(schedule="0 0 0 2 1 *"), now)

    dapr_jobs.book(case.context, case.caller, judge, overwrite=True)


def _book(case: Case, _: psycopg.Connection) -> None:
    def judge(now: datetime) -> tuple[Booking, datetime]:
        return bookings.make_booking(APP, NAME, JobDocument(schedule="0 0 0 2 1 *"), now)

    dapr_jobs.book(case.context, case.caller, judge)


def _delete_of_app(case: Case, _: psycopg.Connection) -> None:
    dapr_jobs.delete(case.context, case.caller, APP, NAME)


def _acts(action: Action) -> Do:
    def act(case: Case, _: psycopg.Connection) -> str:
        result = actions.perform(case.context, case.caller, MOVIES, action, app=None)
        return "accepted" if result.accepted else "not accepted"

    return act


def _saves(expression: str = YEARLY, *, enabled: bool = True) -> Do:
    def save(case: Case, _: psycopg.Connection) -> None:
        sent = _schedule(case.caller.now, expression, enabled=enabled)
        schedules.put(case.context, case.caller, MOVIES, sent, app=None)

    return save


def _unschedule(case: Case, _: psycopg.Connection) -> None:
    schedules.delete(case.context, case.caller, MOVIES, app=None)


def _delete_of_runner(case: Case, _: psycopg.Connection) -> None:
    schedules.delete_job(case.context, case.caller, MOVIES, app=None)


def _save_follower(case: Case, _: psycopg.Connection) -> None:
    sent = _schedule(case.caller.now, OTHER_YEARLY, of=REPORTS)
    schedules.put(case.context, case.caller, REPORTS, sent, app=None)


def _delete_follower(case: Case, _: psycopg.Connection) -> None:
    schedules.delete_job(case.context, case.caller, REPORTS, app=None)


def _start_follower(case: Case, _: psycopg.Connection) -> str:
    found = actions.perform(case.context, case.caller, REPORTS, Action.START, app=None)
    return "accepted" if found.accepted else "not accepted"


ANY: Final = (PAUSE, RESUME, DELETE, FIRE)
"""What the native API does with jobs of other dialects."""

OF_DAPR: Final = (
    Operation("dapr overwrite", _overwrite, is_client=True),
    Operation("dapr book", _book, is_client=True),
    Operation("dapr delete", _delete_of_app, is_client=True, stops=True),
    *ANY,
)
OF_FUSION: Final = (
    Operation("fusion start", _acts(Action.START), is_client=True),
    Operation("fusion abort", _acts(Action.ABORT), is_client=True),
    Operation("fusion save", _saves(OTHER_YEARLY), is_client=True),
    Operation("fusion save the same", _saves(), is_client=True),
    Operation("fusion disable", _saves(enabled=False), is_client=True, stops=True),
    Operation("fusion unschedule", _unschedule, is_client=True),
    Operation("fusion delete", _delete_of_runner, is_client=True, stops=True),
    *ANY,
)
OF_FOLLOWERS: Final = (
    Operation("save the follower", _save_follower, is_client=True),
    Operation("delete the follower", _delete_follower, is_client=True),
    Operation("start the follower", _start_follower, is_client=True),
)
