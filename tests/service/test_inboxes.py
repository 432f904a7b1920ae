"""Inboxes: an account's own, a few, created within any transaction."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.audit import EntryFilter
from app.domain.inbox import MAX_INBOXES, Answer
from app.domain.scope import Scope
from app.errors import InsufficientScope, InvalidMember, LimitReached, NotFound
from app.service import account_lifecycle, accounts, audit, inboxes
from app.service.context import Context


def test_an_inbox_is_created_changed_and_deleted(context: Context, caller: Caller) -> None:
    made = inboxes.create_for(context, caller, label="orders")
    assert inboxes.url_of(context, made) == f"http://127.0.0.1:8000/in/{made.token}"
    assert inboxes.list_inboxes(context, caller.account) == (made,)

    changed = inboxes.change(context, caller, made.id, label="", answer=Answer.ERROR)
    assert changed == replace(made, label="", answer=Answer.ERROR)
    assert inboxes.get(context, caller.account, made.id) == changed
    assert inboxes.list_calls(context, caller.account, made.id, below=None, limit=10) == ()
    assert inboxes.list_calls_after(context, caller.account, made.id, after=0, limit=10) == ()

    inboxes.delete(context, caller, made.id)
    for ask in (
        lambda: inboxes.get(context, caller.account, made.id),
        lambda: inboxes.get_call(context, caller.account, made.id, 1),
        lambda: inboxes.list_calls(context, caller.account, made.id, below=None, limit=10),
        lambda: inboxes.list_calls_after(context, caller.account, made.id, after=0, limit=10),
        lambda: inboxes.change(context, caller, made.id, label="", answer=Answer.OK),
        lambda: inboxes.delete(context, caller, made.id),
    ):
        with pytest.raises(NotFound):
            ask()
    recorded = audit.list_page(context, caller.account, EntryFilter(), below=None, limit=9)
    assert [each.action for each in recorded][:3] == [
        "inbox.delete",
        "inbox.change",
        "inbox.create",
    ]


def test_an_inbox_is_created_within_a_transaction_or_not_at_all(
    context: Context, caller: Caller
) -> None:
    with pytest.raises(LookupError), context.database.transaction() as connection:
        raise LookupError(inboxes.create(connection, caller.account.id))
    assert inboxes.list_inboxes(context, caller.account) == ()


def test_an_account_has_a_few_inboxes(context: Context, caller: Caller) -> None:
    for _ in range(MAX_INBOXES):
        inboxes.create_for(context, caller)
    with pytest.raises(LimitReached) as refusal:
        inboxes.create_for(context, caller)
    assert (refusal.value.limit, refusal.value.allowed) == ("inboxes", MAX_INBOXES)


def test_the_inboxes_of_others_are_unknown(context: Context, caller: Caller) -> None:
    other = accounts.authenticate(context, accounts.create(context, "other"), account=None)
    made = inboxes.create_for(context, other)

    assert inboxes.list_inboxes(context, caller.account) == ()
    with pytest.raises(NotFound):
        inboxes.get(context, caller.account, made.id)
    with pytest.raises(NotFound):
        inboxes.change(context, caller, made.id, label="mine", answer=Answer.OK)
    with pytest.raises(NotFound):
        inboxes.delete(context, caller, made.id)
    assert inboxes.get(context, other.account, made.id) == made


@pytest.mark.parametrize("label", ["x" * 101, "a\nb", "\ud800", "\x00"])
def test_a_label_is_short_and_printable(context: Context, caller: Caller, label: str) -> None:
    with pytest.raises(InvalidMember) as refusal:
        inboxes.create_for(context, caller, label=label)
    assert refusal.value.member == "label"


def test_keys_that_read_create_none(context: Context, caller: Caller) -> None:
    reader = replace(caller, scope=Scope.READ)
    with pytest.raises(InsufficientScope):
        inboxes.create_for(context, reader)
    with pytest.raises(InsufficientScope):
        inboxes.delete(context, reader, uuid4())
    with pytest.raises(InsufficientScope):
        inboxes.create_for(context, replace(caller, scope=Scope.BOOK, app="a"))


def test_inboxes_are_deleted_with_their_account(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    inboxes.create_for(context, caller)
    account_lifecycle.delete(context, caller.account.name, lambda _: None, wait=lambda _: None)
    assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
