"""Coming from Dapr: what docs/coming-from-dapr.md tells is so, a test for each of its sections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.api.dapr import sidecar
from app.domain.dapr.schedule import DaprSchedule, next_after
from app.domain.dapr.series import MIN_APART, further_ticks
from app.domain.retry import RetryAt, decide
from app.domain.retry_policy import Constant
from app.domain.run import Reply
from app.errors import Misconfigured
from app.service import accounts
from local.instance import CHECKOUT
from tests.api.conftest import MakeApp
from tests.api.dapr.calls import error_of, schedule
from tests.factories import one
from tests.workers.harness import REFUSED, Capped
from tests.workers.test_unreachable_apps import APP

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def harness() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def test_the_page_has_ten_sections_and_each_has_a_test() -> None:
    page = (CHECKOUT / "docs" / "coming-from-dapr.md").read_text()
    sections = re.findall(r"^## (\d+)\. ", page, re.MULTILINE)
    assert sections == [str(number) for number in range(1, 11)]
    tests = [re.match(r"test_(\d+)_", name) for name in globals()]
    assert sorted(int(each[1]) for each in tests if each) == list(range(1, 11))


def test_1_an_app_has_to_be_known(app: Flask, key: str) -> None:
    client = app.test_client()
    client.environ_base["HTTP_DAPR_API_TOKEN"] = key
    status, code, message = error_of(schedule(client))
    assert (status, code) == (400, "ERR_APP_ID")
    assert "dapr-app" in message


@pytest.mark.usefixtures("key")
def test_2_an_app_on_loopback_has_to_be_allowed(make_app: MakeApp) -> None:
    app = make_app(WAKECALL_ALLOW_TARGETS="")
    with app.app_context(), pytest.raises(Misconfigured, match="WAKECALL_ALLOW_TARGETS"):
        sidecar.register(accounts.get_account(current_context(), "account-1"), "shop", 6200)


def test_3_calls_are_signed_and_repeats_have_the_same_id(harness: Capped) -> None:
    for attempts in (0, 1):
        leased = harness.lease(0.0, **(APP | {"attempts": attempts}))
        call, _, _ = harness.engine.calls[-1]
        headers = dict(each.split(": ", 1) for each in call.headers)
        assert headers["webhook-id"] == str(leased.run.id)
        assert headers["webhook-signature"].startswith("v1,")


def test_4_an_app_that_is_down_loses_nothing(harness: Capped) -> None:
    harness.lease(0.0, **(APP | {"attempts": 3}))
    harness.answer_all(REFUSED)
    assert not harness.channels.settlements
    (parking,) = harness.parked_runs()
    assert "no attempt is used up" in parking.reason


def test_5_a_call_may_take_60_seconds(dapr: FlaskClient, connection: psycopg.Connection) -> None:
    assert schedule(dapr).status_code == 204
    assert one(connection, "SELECT (manner ->> 'timeout')::float8 FROM job") == 60


@pytest.mark.parametrize(("headers", "seconds"), [((), 1), ((("Retry-After", "90"),), 90)])
def test_6_retry_after_is_listened_to(headers: tuple[tuple[str, str], ...], seconds: int) -> None:
    decided = decide(
        Reply(status=429, headers=headers),
        attempts_made=1,
        due_at=NOW,
        now=NOW,
        jitter=0.5,
        policy=Constant(0, 3),
    )
    assert isinstance(decided, RetryAt)
    assert decided.instant == NOW + timedelta(seconds=seconds)


def test_7_ticks_that_come_close_together_share_a_run() -> None:
    def together(step: str, *, late: float = 0.0) -> int:
        ticks = DaprSchedule(schedule=f"@every {step}", start=NOW)
        first = next_after(ticks, NOW)
        assert first is not None
        following = next_after(ticks, first)
        assert following is not None
        now = first + timedelta(seconds=late)
        ahead = timedelta(seconds=0.3)
        return len(further_ticks(ticks, first, following, now=now, ahead=ahead, most=500))

    assert timedelta(milliseconds=100) == MIN_APART
    assert together("10ms") > 1
    assert together("100ms") == 0
    assert together("1s") == 0
    assert together("1s", late=7.5) == 8


def test_8_data_stays_as_it_was_written(dapr: FlaskClient) -> None:
    data = '{"b": 1e2, "a": 12345678901234567890}'
    assert schedule(dapr, body=f'{{"dueTime": "1h", "data": {data}}}').status_code == 204
    assert data in dapr.get("/v1.0/jobs/test").text


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"schedule": "@every 0s"}, "without an end"),
        ({"schedule": "@every -1s"}, "negative"),
        ({"schedule": "0 0 0 30 2 *"}, "never fires"),
        ({"schedule": "@every 1h", "ttl": "1m"}, "ends before its first tick"),
    ],
)
def test_9_what_could_never_end_well_is_refused(
    dapr: FlaskClient, members: dict[str, str], reason: str
) -> None:
    status, code, message = error_of(schedule(dapr, body=json.dumps(members)))
    assert (status, code) == (500, "DAPR_SCHEDULER_SCHEDULE_JOB")
    assert reason in message


def test_10_clock_changes_at_midnight_are_right() -> None:
    """In Cairo 2026-04-24 begins at 01:00, an hour ahead of the day before."""
    start = datetime(2026, 4, 1, tzinfo=UTC)
    at_one = DaprSchedule(schedule="CRON_TZ=Africa/Cairo 0 0 1 * * *", start=start)
    assert next_after(at_one, datetime(2026, 4, 23, 12, tzinfo=UTC)) == datetime(
        2026, 4, 23, 22, tzinfo=UTC
    )
    at_half = DaprSchedule(schedule="CRON_TZ=Africa/Cairo 0 30 0 * * *", start=start)
    assert next_after(at_half, datetime(2026, 4, 23, 12, tzinfo=UTC)) == datetime(
        2026, 4, 24, 21, 30, tzinfo=UTC
    )
