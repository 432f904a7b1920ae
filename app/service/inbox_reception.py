"""Inbox reception: finds the inboxes that are called, and stores what came, for many calls at once.

The web's event loop answers these calls; it passes them to one thread, which runs what is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from app.domain.inbox import Answer, NewCall
from app.errors import Misconfigured
from app.log import logger
from app.service.context import Context
from app.store import inbox_calls
from app.uptime import read_uptime

_OPENED: Final = 1024
"""Signing secrets that are kept decrypted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """An inbox that is being called."""

    id: UUID
    account_id: int
    answer: Answer
    secrets: tuple[str, ...]
    """The valid signing secrets of its account, newest first."""


class Reception:
    """What the web needs to answer calls to inboxes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open = lru_cache(maxsize=_OPENED)(self._open_secret)

    def find(self, tokens: Sequence[str]) -> list[Called | None]:
        """Return the inbox of each token, None where there is none. Raises Unavailable."""
        with self._context.database.session() as connection:
            found = inbox_calls.find_open(connection, set(tokens))
        for each in found.values():
            self._context.clock_estimate.note(each.now)
        return [self._called(found.get(token)) for token in tokens]

    def store(self, calls: Sequence[NewCall]) -> list[int | None]:
        """Store calls; return the number of each, None if its inbox was deleted.

        Raises Unavailable.
        """
        with self._context.database.session() as connection, connection.transaction():
            return inbox_calls.store(connection, calls)

    def latest(self, ids: Sequence[UUID]) -> list[int | None]:
        """Return the number of the newest call of each inbox, None for one that was deleted.

        Raises Unavailable.
        """
        with self._context.database.session() as connection:
            found = inbox_calls.latest(connection, set(ids))
        return [found.get(each) for each in ids]

    def time_of(self, uptime: float) -> datetime | None:
        """Return the time of the database's clock at this uptime; None before `find` has returned.

        The uptime is that of `app.uptime.read_uptime`.
        """
        now = self._context.clock_estimate.now()
        return None if now is None else now - timedelta(seconds=read_uptime() - uptime)

    def _called(self, found: inbox_calls.OpenInbox | None) -> Called | None:
        if found is None:
            return None
        opened = (self._open(each) for each in found.sealed_secrets)
        return Called(
            id=found.id,
            account_id=found.account_id,
            answer=found.answer,
            secrets=tuple(each for each in opened if each is not None),
        )

    def _open_secret(self, sealed: bytes) -> str | None:
        try:
            return self._context.secret_box.open(sealed)
        except Misconfigured as error:
            # Signatures of the account then count as invalid; its calls are recorded nevertheless.
            logger.error("secret.unreadable", reason=error.message)
            return None
