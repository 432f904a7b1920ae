"""Limits of an account: cached, applied soon after a change, and shown with the usage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.limits import DEFAULTS
from app.errors import InvalidMember, NotFound
from app.service import accounts, limits
from app.service.context import Context
from app.service.dapr import apps as dapr_apps
from app.service.limit_cache import FRESH_S, MAX_ACCOUNTS, LimitCache, allowed_by
from app.service.limits import limits_of
from app.store import limits as store


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


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
