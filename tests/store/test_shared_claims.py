"""Shared claims: a share for every account, past any backlog, and of many accounts in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from unittest.mock import Mock

import psycopg
import pytest

from app.store import claims
from app.store.claims import claim_fairly
from tests.factories import add_account, book, in_seconds, one


def test_a_share_of_every_account_is_claimed_past_any_backlog(
    connection: psycopg.Connection, account_id: int
) -> None:
    neighbour = add_account(connection, "neighbour")
    moment = in_seconds(-0.5)
    for _ in range(50):
        book(connection, account_id, due_in=-0.5)
    connection.execute("UPDATE due SET next_at = %s", (moment,))
    theirs = book(connection, neighbour, due_in=-0.1)

    def fairly(skip: list[int]) -> set[int]:
        claimed = claim_fairly(
            connection,
            share=5,
            ahead=0.3,
            lookback=2.0,
            skip=skip,
            unreadable=lambda *_: None,
        ).runs
        return {each.account_id for each in claimed}

    assert fairly([]) == {account_id, neighbour}
    assert one(connection, "SELECT count(*) FROM inflight") == 6
    assert one(connection, "SELECT state FROM inflight WHERE job_id = %s", theirs) == "claimed"
    assert fairly([account_id]) == set()


def shares(connection: psycopg.Connection, share: int = 10) -> Counter[int]:
    """How many jobs of each account the next claim of shares takes."""
    claimed = claim_fairly(
        connection, share=share, ahead=0.3, lookback=2.0, skip=[], unreadable=Mock()
    )
    return Counter(each.account_id for each in claimed.runs)


def book_each(connection: psycopg.Connection, accounts: Sequence[int], number: int) -> None:
    """So many jobs of each account that are due in one moment."""
    for account in accounts:
        for _ in range(number):
            book(connection, account, due_in=-0.5)
    connection.execute("UPDATE due SET next_at = %s", (in_seconds(-0.5),))


def test_accounts_divide_what_is_claimed_of_their_shares_at_once(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(claims._ALWAYS, "shared", 17)
    accounts = [add_account(connection, f"account-{number}") for number in range(4)]
    book_each(connection, accounts, 6)

    assert shares(connection) == dict.fromkeys(accounts, 4)
    assert shares(connection) == dict.fromkeys(accounts, 2)


def test_of_more_accounts_than_are_claimed_at_once_each_has_its_turn(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(claims._ALWAYS, "shared", 3)
    accounts = [add_account(connection, f"account-{number}") for number in range(7)]
    book_each(connection, accounts, 40)

    served: Counter[int] = Counter()
    for _ in range(40):
        found = shares(connection)
        assert set(found.values()) == {1}
        assert found.total() == 3
        served += found

    # With a fixed order, three accounts would have had all turns. By chance, one has had none in
    # one of 10⁹ plays.
    assert set(served) == set(accounts)


def test_the_first_slot_of_an_account_comes_before_the_second_of_another(
    connection: psycopg.Connection, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(claims._ALWAYS, "shared", 2)
    neighbour = add_account(connection, "neighbour")
    for n in range(15):
        book(connection, account_id, due_in=-1.7 + n / 10)
    book(connection, neighbour, due_in=0.1)

    assert shares(connection) == {account_id: 1, neighbour: 1}
