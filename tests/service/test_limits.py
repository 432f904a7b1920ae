"""Limits of an account: cached, applied soon after a change, and shown with the usage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.account import Caller
from app.domain.job import Booking
from app.domain.limits import DEFAULTS
from app.domain.one_time import At
from app.errors import InvalidMember, LimitReached, NotFound
from app.service import accounts, jobs, limits
from app.service.context import Context
from app.service.dapr import apps as dapr_apps
from app.service.limit_cache import FRESH_S, MAX_ACCOUNTS, LimitCache, allowed_by
from app.service.limits import limits_of
from app.store import limits as store

BOOKING = Booking(
    url="https://example.com/cb", trigger=At(instant=datetime.now(UTC) + timedelta(days=1))
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_known_is_trusted_for_some_seconds_only() -> None:
    clock = Clock()
    known = LimitCache(DEFAULTS, clock=clock)
    assert known.get(1) is None
    assert known.put(1, {"jobs": 3}) == replace(DEFAULTS, jobs=3)
    clock.now += FRESH_S - 0.1
    assert known.get(1) == replace(DEFAULTS, jobs=3)
    clock.now += 0.1
    assert known.get(1) is None


def test_memory_is_bounded_whatever_the_number_of_accounts() -> None:
    known = LimitCache(DEFAULTS, clock=Clock())
    for account_id in range(MAX_ACCOUNTS + 1):
        known.put(account_id, {})
    assert known.get(0) is None
    assert known.get(MAX_ACCOUNTS) == DEFAULTS


def test_limits_are_reported_while_the_database_was_seen_to_have_the_same() -> None:
    clock = Clock()
    known = LimitCache(DEFAULTS, clock=clock)
    first = known.put(1, {"jobs": 3})
    assert known.get_reported(1) is None
    known.note_stored(1, allowed_by(first))
    assert known.get_reported(1) is first
    assert known.get_reported(1) is first
    known.note_stored(1, allowed_by(DEFAULTS))
    assert known.get_reported(1) is None
    known.note_stored(1, allowed_by(first))
    clock.now += FRESH_S
    assert known.get_reported(1) is None
    # Another process may have stored others since these were known.
    again = known.put(1, {"jobs": 3})
    assert known.get_reported(1) is None
    known.note_stored(1, allowed_by(again))
    again = known.put(1, {"jobs": 3})
    assert known.get_reported(1) is again
    known.put(1, {"jobs": 4})
    assert known.get_reported(1) is None


def test_reports_are_bounded_whatever_the_number_of_accounts() -> None:
    known = LimitCache(DEFAULTS, clock=Clock())
    for account_id in range(MAX_ACCOUNTS + 1):
        known.note_stored(account_id, allowed_by(known.put(account_id, {})))
        known.get_reported(account_id)
    assert not known.is_stored(0, DEFAULTS)
    assert known.get_reported(MAX_ACCOUNTS) == DEFAULTS


def test_a_changed_limit_comes_with_the_next_look_up_of_a_key(context: Context) -> None:
    key = accounts.create(context, "demo")
    account = accounts.get_account(context, "demo")
    assert limits_of(context, account) == DEFAULTS
    given = {"jobs": 3, "followers": None, "connections": 7}
    with context.database.transaction() as connection:  # as a command does, in a process of its own
        store.change(connection, "demo", given=given, dropped=frozenset())
    assert limits_of(context, account) == DEFAULTS
    accounts.authenticate(context, key, account=None)
    own = replace(DEFAULTS, jobs=3, followers=None, connections=7)
    assert limits_of(context, account) == own
    accounts.set_limits(context, "demo", {"jobs": "default", "connections": "default"})
    assert limits_of(context, account) == replace(DEFAULTS, followers=None)


@pytest.fixture
def processes(context: Context, clock: Clock) -> list[Context]:
    """Two web processes of one service."""
    return [
        replace(context, limit_cache=LimitCache(context.settings.limits, clock=clock))
        for _ in range(2)
    ]


def test_a_limit_that_is_as_before_is_in_force_again_where_nothing_was_booked_meanwhile(
    processes: list[Context], clock: Clock, caller: Caller
) -> None:
    one, other = processes
    jobs.create(one, caller, BOOKING)
    accounts.set_limits(one, "demo", {"jobs": 1})
    clock.now += FRESH_S
    with pytest.raises(LimitReached):
        jobs.create(other, caller, BOOKING)
    accounts.set_limits(one, "demo", {"jobs": "default"})
    clock.now += FRESH_S
    jobs.create(one, caller, BOOKING)


def test_a_limit_is_in_force_again_where_another_one_was_only_read_meanwhile(
    processes: list[Context], clock: Clock, caller: Caller
) -> None:
    one, other = processes
    accounts.set_limits(one, "demo", {"jobs": 2})
    jobs.create(one, caller, BOOKING)
    accounts.set_limits(one, "demo", {"jobs": 9})
    limits_of(one, caller.account)
    jobs.create(other, caller, BOOKING)
    accounts.set_limits(one, "demo", {"jobs": 2})
    with pytest.raises(LimitReached):
        jobs.create(one, caller, BOOKING)


def test_states_are_as_stored_now_and_count_what_is_cheap_to_count(context: Context) -> None:
    accounts.create(context, "demo")
    account = accounts.get_account(context, "demo")
    dapr_apps.put(context, account, "app", url="http://127.0.0.1:2", token=None)
    limits_of(context, account)
    accounts.set_limits(context, "demo", {"daprApps": 5})
    found = {each.limit.name: each for each in limits.states(context, account)}
    apps = found["daprApps"]
    assert (apps.allowed, apps.used, apps.own) == (5, 1, True)
    assert (found["followers"].used, found["followers"].own) == (None, False)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("connections", 0),
        ("connections", "off"),
        ("jobs", -1),
        ("jobs", "none"),
        ("jobs", 2**53 + 1),
    ],
)
def test_an_amount_that_cannot_be_is_refused_by_its_limit_s_name(
    context: Context, name: str, given: int | str
) -> None:
    accounts.create(context, "demo")
    with pytest.raises(InvalidMember) as refused:
        accounts.set_limits(context, "demo", {name: given})
    assert refused.value.member == name
    with pytest.raises(NotFound):
        accounts.set_limits(context, "nobody", {"jobs": 1})
