"""Operation: the service as its operator sees it: accounts, processes, held calls, mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.invitation import BetaRequest, Invitation
from app.domain.waiting_report import WaitingReport, united
from app.service import mail, sign_up
from app.service.context import Context
from app.store import account_list, heartbeats, invitations
from app.store.account_list import ListedAccount
from app.store.heartbeats import Heartbeat
from app.store.outbox import ListedMail

_SHOWN: Final = 50
"""Of each list but that of the accounts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """The service as its operator sees it."""

    requests: tuple[BetaRequest, ...]
    """The oldest that wait for an invitation."""
    more_requests: bool
    invitations: tuple[Invitation, ...]
    """The newest."""
    processes: tuple[Heartbeat, ...]
    held: tuple[WaitingReport, ...]
    """Destinations of all accounts for which workers hold calls back, the most calls first."""
    mails: tuple[ListedMail, ...]
    """The newest."""


def read(context: Context) -> Operation:
    """Return what the operator sees, apart from the accounts."""
    # Strangers can make thousands, and the page is read every five seconds.
    requests = sign_up.list_requests(context, limit=_SHOWN + 1)
    with context.database.statement() as connection:
        processes = heartbeats.list_all(connection)
        held = united(heartbeats.held(connection))
        newest = invitations.newest(connection, limit=_SHOWN)
    return Operation(
        requests=requests[:_SHOWN],
        more_requests=len(requests) > _SHOWN,
        invitations=newest,
        processes=processes,
        held=tuple(held[:_SHOWN]),
        mails=mail.list_newest(context)[:_SHOWN],
    )


def list_accounts(context: Context, *, below: int | None, limit: int) -> tuple[ListedAccount, ...]:
    """Return the newest `limit` accounts with ids less than `below`."""
    with context.database.statement() as connection:
        return account_list.list_page(connection, below=below, limit=limit)
