"""Key cache: the accounts of recently used API keys, so that a booking is one statement."""

from __future__ import annotations

import hmac
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

from app.domain.account import Account, CachedCaller, Caller
from app.domain.key import KeyText
from app.domain.scope import Scope

MAX_KEYS: Final = 4096


class _Known(NamedTuple):
    """The facts about a key that never change."""

    digest: bytes
    account: Account
    app: str | None
    scope: Scope


class KeyCache:
    """What this process knows from authenticating keys, and the latest reading of the clock.

    A key never changes its account, secret or scope. Whether it was revoked, or its account was
    suspended, can change and is not cached.
    """

    def __init__(self, most: int = MAX_KEYS) -> None:
        self._most = most
        self._lock = Lock()
        self._known: dict[str, _Known] = {}
        self._clock: datetime | None = None
        self._listeners: dict[tuple[str, str], CachedCaller] = {}

    def put(
        self,
        presented: KeyText,
        account: Account,
        now: datetime,
        *,
        app: str | None = None,
        scope: Scope = Scope.ADMIN,
    ) -> None:
        """Cache the account of this key; `now` is a reading of the database's clock just now.

        It replaces the reading before even if that is later: the clock may have been set back.
        """
        with self._lock:
            self._clock = now
            if presented.id not in self._known:
                while len(self._known) >= self._most:
                    self._known.pop(next(iter(self._known)))
                self._known[presented.id] = _Known(presented.digest, account, app, scope)

    def put_listener(self, caller: Caller, app: str) -> None:
        """Cache the caller of a listener; a process has one or few of them."""
        self._listeners[caller.account.name, app] = CachedCaller(
            account=caller.account,
            key_id="",
            digest=b"",
            since=caller.now,
            app=app,
            scope=caller.scope,
        )

    def get_listener(self, account: str, app: str) -> CachedCaller | None:
        """The caller of a listener, whose account may be gone by now; None if it is not cached."""
        return self._listeners.get((account, app))

    def forget(self, key_id: str) -> None:
        """Drop this key. The reading of the clock stays, as other accounts need it."""
        with self._lock:
            self._known.pop(key_id, None)

    def get(self, presented: KeyText) -> CachedCaller | None:
        """The caller with this key, to be verified later; None where the key is not cached."""
        found, clock = self._known.get(presented.id), self._clock
        if found is None or clock is None:
            return None
        if not hmac.compare_digest(found.digest, presented.digest):
            return None
        return CachedCaller(
            account=found.account,
            key_id=presented.id,
            digest=found.digest,
            since=clock,
            app=found.app,
            scope=found.scope,
        )
