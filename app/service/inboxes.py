"""Inboxes: creates, lists, changes and deletes test receivers, and reads their calls."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from app.domain import inbox as domain
from app.domain.account import Account, Caller
from app.domain.audit import Action
from app.domain.checks import quoted
from app.domain.inbox import MAX_INBOXES, MAX_LABEL, Answer, Inbox, InboxCall
from app.domain.inbox_address import PATH
from app.errors import InvalidMember, LimitReached, NotFound
from app.random_ids import new_id
from app.service import audit
from app.service.context import Context
from app.service.permissions import require_booking
from app.store import accounts as account_store
from app.store import inbox_calls
from app.store import inboxes as store


def url_of(context: Context, inbox: Inbox) -> str:
    """Return the URL at which an inbox is called."""
    return f"{context.settings.base_url}{PATH}{inbox.token}"


def create(
    connection: Connection, account_id: int, *, label: str = "", answer: Answer = Answer.OK
) -> Inbox:
    """Create an inbox of an account within a transaction; return it.

    Raises InvalidMember, and LimitReached for an account that has MAX_INBOXES.
    """
    _check_label(label)
    account_store.lock(connection, account_id)
    used = store.count(connection, account_id)
    if used >= MAX_INBOXES:
        raise LimitReached(
            f"The account has {used} inboxes, which is the most an account may have.",
            limit="inboxes",
            allowed=MAX_INBOXES,
            used=used,
            remedy="Delete an inbox that is no longer used: DELETE /1/inboxes/<id>",
        )
    made = store.add(
        connection,
        account_id,
        inbox_id=new_id(),
        token=domain.new_token(),
        label=label,
        answer=answer,
    )
    audit.record(connection, account_id, Action.CREATE_INBOX, str(made.id))
    return made


def create_for(
    context: Context, caller: Caller, *, label: str = "", answer: Answer = Answer.OK
) -> Inbox:
    """Create an inbox of the caller's account; raises as `create`, and InsufficientScope."""
    require_booking(caller)
    with context.database.transaction() as connection:
        return create(connection, caller.account.id, label=label, answer=answer)


def list_inboxes(context: Context, account: Account) -> tuple[Inbox, ...]:
    """Return the account's inboxes, oldest first; there are at most MAX_INBOXES."""
    with context.database.statement() as connection:
        return store.list_of_account(connection, account.id)


def get(context: Context, account: Account, inbox_id: UUID) -> Inbox:
    """Return the account's inbox of that id. Raises NotFound."""
    with context.database.statement() as connection:
        return _found(store.find(connection, account.id, inbox_id), inbox_id)


def change(
    context: Context, caller: Caller, inbox_id: UUID, *, label: str, answer: Answer
) -> Inbox:
    """Give an inbox another label and answer; return it.

    Raises NotFound, InvalidMember, InsufficientScope.
    """
    require_booking(caller)
    _check_label(label)
    with context.database.transaction() as connection:
        changed = _found(
            store.change(connection, caller.account.id, inbox_id, label=label, answer=answer),
            inbox_id,
        )
        audit.record(
            connection, caller.account.id, Action.CHANGE_INBOX, str(inbox_id), f"answer {answer}"
        )
        return changed


def delete(context: Context, caller: Caller, inbox_id: UUID) -> None:
    """Delete an inbox with its calls; calls to it are then refused. Raises NotFound.

    Raises InsufficientScope.
    """
    require_booking(caller)
    with context.database.transaction() as connection:
        if not store.remove(connection, caller.account.id, inbox_id):
            raise _unknown(inbox_id)
        audit.record(connection, caller.account.id, Action.DELETE_INBOX, str(inbox_id))


def list_calls(
    context: Context, account: Account, inbox_id: UUID, *, below: int | None, limit: int
) -> tuple[InboxCall, ...]:
    """Return the newest `limit` calls to an inbox with numbers less than `below`, newest first.

    Raises NotFound.
    """
    with context.database.statement() as connection:
        _found(store.find(connection, account.id, inbox_id), inbox_id)
        return inbox_calls.newest_first(connection, inbox_id, below=below, limit=limit)


def list_calls_after(
    context: Context, account: Account, inbox_id: UUID, *, after: int, limit: int
) -> tuple[InboxCall, ...]:
    """Return the oldest `limit` calls to an inbox with numbers greater than `after`, oldest first.

    Raises NotFound.
    """
    with context.database.statement() as connection:
        _found(store.find(connection, account.id, inbox_id), inbox_id)
        return inbox_calls.oldest_after(connection, inbox_id, after=after, limit=limit)


def get_call(context: Context, account: Account, inbox_id: UUID, number: int) -> InboxCall:
    """Return a call to one of the account's inboxes. Raises NotFound."""
    with context.database.statement() as connection:
        found = inbox_calls.find(connection, account.id, inbox_id, number)
    if found is None:
        raise NotFound(
            f"The inbox {inbox_id} has no call {number}.",
            member="number",
            remedy=f"An inbox keeps its newest {domain.KEPT_CALLS} calls, for "
            f"{domain.KEPT_HOURS} hours.",
        )
    return found


def _check_label(label: str) -> None:
    if len(label) > MAX_LABEL or not label.isprintable():
        raise InvalidMember(
            "label",
            "The label is too long or contains unprintable characters.",
            remedy=f"Use at most {MAX_LABEL} printable characters.",
        )


def _found(inbox: Inbox | None, inbox_id: UUID) -> Inbox:
    if inbox is None:
        raise _unknown(inbox_id)
    return inbox


def _unknown(inbox_id: UUID) -> NotFound:
    return NotFound(
        f"There is no inbox {quoted(str(inbox_id))}.",
        member="id",
        remedy="List the ids of the account's inboxes: GET /1/inboxes",
    )
