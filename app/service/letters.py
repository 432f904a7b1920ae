"""Letters: writes the text of stored mail when it is sent, and looks up whether its user exists."""

from __future__ import annotations

import json

from app.domain.invitation import SIGN_UP_EXPIRY, SignUp
from app.domain.user import LinkPurpose
from app.service import invitations, sign_up, user_links
from app.service.context import Context
from app.service.mail import BYE, Kind
from app.store import users
from app.store.outbox import Letter


def write(context: Context, letter: Letter) -> str | None:
    """Return the text of a mail; None for one that is not to be sent, to an unknown address.

    Raises Misconfigured if the mail cannot be decrypted.
    """
    stored = json.loads(context.secret_box.open(letter.sealed))
    match Kind(stored["kind"]):
        case Kind.RESET:
            return _reset(context, letter.recipient)
        case Kind.SIGN_UP:
            return _sign_up(context, letter.recipient)
        case Kind.TEXT:
            return str(stored["text"])


def _reset(context: Context, email: str) -> str | None:
    with context.database.transaction() as connection:
        known = users.credentials(connection, email)
        if known is None:
            return None
        link = user_links.create_within(context, connection, known.user_id, LinkPurpose.RESET)
    return (
        f"Open this link to choose a new password:\n\n{link}\n\n"
        f"The link is valid for a day and can be used once.\n\n{BYE}\n"
    )


def _sign_up(context: Context, email: str) -> str | None:
    if context.settings.sign_up is not SignUp.OPEN:
        return None
    with context.database.transaction() as connection:
        if users.credentials(connection, email) is not None:
            return (
                "Somebody signed up with this address, but it already belongs to a user. Sign in:"
                f"\n\n{context.settings.base_url}/console/login\n"
            )
        made = invitations.create_within(
            context,
            connection,
            None,
            email=email,
            note=sign_up.OPEN_NOTE,
            expiry=SIGN_UP_EXPIRY,
            mailed=False,
        )
    return (
        f"Open this link to choose a password and a name for your account:\n\n{made.link}\n\n"
        f"The link is valid for a day.\n\n{BYE}\n"
    )
