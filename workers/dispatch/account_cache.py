"""AccountCache: the signing secrets and limits of accounts, kept in memory for a few seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import psycopg

from app.errors import Misconfigured
from app.log import logger
from app.service.secrets import SecretBox
from app.store.accounts import signing_accounts
from app.uptime import read_uptime

FRESH_S: Final = 5.0
"""Seconds after which a rotated secret, or a changed limit, is in use at the latest."""

_MAX_ACCOUNTS: Final = 10_000
"""Accounts whose secrets are in memory, beyond which those of all others are dropped."""

_MAX_TOKENS: Final = 10_000
"""Decrypted tokens in memory, beyond which all are dropped."""

Secrets = tuple[str, ...]


class AccountCache:
    """Decrypted secrets by account. Used by each thread that takes runs."""

    def __init__(self, box: SecretBox, *, clock: Callable[[], float] = read_uptime) -> None:
        self._box = box
        self._clock = clock
        self._known: dict[int, tuple[float, Secrets]] = {}
        self._tokens: dict[bytes, str] = {}
        self.connections: dict[int, int] = {}
        """The accounts with a bound of their own on calls in flight to one destination, which takes
        the place of WAKECALL_DESTINATION_CONNECTIONS. Renewed together with the secrets."""

    def secrets_for(
        self, connection: psycopg.Connection, accounts: Iterable[int]
    ) -> dict[int, Secrets]:
        """The secrets that sign now by account, newest first; empty where none can be decrypted."""
        now = self._clock()
        found: dict[int, Secrets] = {}
        stale: list[int] = []
        for account in set(accounts):
            entry = self._known.get(account)
            if entry is None or entry[0] <= now:
                stale.append(account)
            else:
                found[account] = entry[1]
        if stale:
            found |= self._load(connection, stale, now + FRESH_S)
        return found

    def token(self, account_id: int, sealed: bytes) -> str:
        """The token of an app or runner; empty if it cannot be decrypted."""
        opened = self._tokens.get(sealed)
        if opened is None:
            try:
                opened = self._box.open(sealed)
            except Misconfigured as error:
                logger.error("secret.unreadable", account_id=account_id, error=error.message)
                opened = ""
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            self._tokens[sealed] = opened
        return opened

    def _load(
        self, connection: psycopg.Connection, accounts: list[int], until: float
    ) -> dict[int, Secrets]:
        opened: dict[int, list[str]] = {account: [] for account in accounts}
        for account, connections, sealed in signing_accounts(connection, accounts):
            if connections is None:
                self.connections.pop(account, None)
            else:
                self.connections[account] = connections
            if sealed is None:
                continue
            try:
                opened[account].append(self._box.open(bytes(sealed)))
            except Misconfigured as error:
                logger.error("secret.unreadable", account_id=account, error=error.message)
        loaded = {account: tuple(secrets) for account, secrets in opened.items()}
        if len(self._known) + len(loaded) > _MAX_ACCOUNTS:
            # Another thread may be reading: entries are dropped together, and nothing is looked up
            # twice.
            self._known.clear()
        self._known.update((account, (until, secrets)) for account, secrets in loaded.items())
        return loaded
