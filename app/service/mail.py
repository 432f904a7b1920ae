"""Mail: stores mail to users in the outbox; the scheduler sends it, never the web.

Where the text depends on whether an address is known, only the request for it is stored. The text
is written when it is sent (app/service/letters.py), so that neither the answer to the request nor
its time shows whether the address is known.
"""

from __future__ import annotations

import json
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from app.domain.invitation import Invitation
from app.service.context import Context
from app.store import outbox as store

MAX_LISTED: Final = 200
ASKED_WITHIN: Final = timedelta(hours=1)
MAX_ASKED: Final = 5
"""How many mails of one kind anybody can have sent to one address in ASKED_WITHIN."""

BYE: Final = "If you did not expect this mail, ignore it: nothing happens without the link."


class Kind(StrEnum):
    """What a stored mail is."""

    TEXT = "text"
    """A text that is sent as it is."""

    RESET = "reset"
    """A request for a link to choose a new password."""

    SIGN_UP = "sign-up"
    """A request for a link to sign up."""


_SUBJECTS: Final = {
    Kind.RESET: "Choose a new password for Wakecall",
    Kind.SIGN_UP: "Sign up for Wakecall",
}


def is_configured(context: Context) -> bool:
    """Whether this installation sends mail; if not, links are shown to be copied."""
    return context.settings.smtp is not None


def request(context: Context, connection: Connection, recipient: str, kind: Kind) -> None:
    """Store a request for a mail of this kind, unless there were too many."""
    subject = _SUBJECTS[kind]
    # Requests for one address that come at once would all find that there were few.
    store.lock_recipient(connection, recipient)
    if store.count_recent(connection, recipient, subject, ASKED_WITHIN) < MAX_ASKED:
        _add(context, connection, recipient, subject, kind, "")


def invite(
    context: Context, connection: Connection, recipient: str, invitation: Invitation, link: str
) -> None:
    """Store the mail with an invitation; without SMTP nothing is stored."""
    if not is_configured(context):
        return
    what = "Wakecall" if invitation.account is None else f"{invitation.account.name} on Wakecall"
    text = (
        f"You are invited to {what}. Open this link to join:\n\n{link}\n\n"
        f"It is valid until {invitation.expires_at:%d %B %Y, %H:%M} UTC.\n\n{BYE}\n"
    )
    _add(context, connection, recipient, f"You are invited to {what}", Kind.TEXT, text)


def list_newest(context: Context) -> tuple[store.ListedMail, ...]:
    """Return the newest mails with their states, without their texts."""
    with context.database.statement() as connection:
        return store.list_newest(connection, limit=MAX_LISTED)


def _add(
    context: Context, connection: Connection, recipient: str, subject: str, kind: Kind, text: str
) -> None:
    # Sealed because of the link in it: a reader of the database must not be able to use it.
    sealed = context.secret_box.seal(json.dumps({"kind": kind, "text": text}))
    store.add(connection, recipient, subject, sealed)
