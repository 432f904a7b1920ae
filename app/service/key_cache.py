"""Presumption: whom a key spoke for when last looked up, so that booking asks only once."""

from __future__ import annotations

import hmac
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

from flask import Flask, current_app

from app.domain.account import Account, Presumed
from app.domain.key import KeyText
from app.domain.scope import Scope

MAX_KEYS: Final = 4096
_EXTENSION: Final = "wakecall-presumptions"


class _Known(NamedTuple):
    """What never changes of a key."""

    digest: bytes
    account: Account
    app: str | None
    scope: Scope


class Presumptions:
    """What authentication has told this process: facts that never change, and the latest clock.

    A key is never another's, and its secret and its scope stay the same; whether it was revoked, or
    its account suspended, is not kept.
    """

    def __init__(self, most: int = MAX_KEYS) -> None:
        self._most = most
        self._lock = Lock()
        self._known: dict[str, _Known] = {}
        self._clock: datetime | None = None

    def learn(
        self,
        presented: KeyText,
        account: Account,
        now: datetime,
        *,
        app: str | None = None,
        scope: Scope = Scope.ADMIN,
    ) -> None:
        """Keep whose this key is; `now` is a reading of the database's clock."""
        with self._lock:
            self._clock = now if self._clock is None else max(now, self._clock)
            if presented.id not in self._known:
                while len(self._known) >= self._most:
                    self._known.pop(next(iter(self._known)))
                self._known[presented.id] = _Known(presented.digest, account, app, scope)

    def forget(self, key_id: str) -> None:
        """Presume nothing more of this key, nor of the clock: it may have been set back."""
        with self._lock:
            self._known.pop(key_id, None)
            self._clock = None

    def recall(self, presented: KeyText) -> Presumed | None:
        """Who calls with this key, if it is valid still; None where that is not known here."""
        found, clock = self._known.get(presented.id), self._clock
        if found is None or clock is None:
            return None
        if not hmac.compare_digest(found.digest, presented.digest):
            return None
        return Presumed(
            account=found.account,
            key_id=presented.id,
            digest=found.digest,
            since=clock,
            app=found.app,
            scope=found.scope,
        )


def install(app: Flask) -> None:
    """Let the processes of this application learn."""
    app.extensions[_EXTENSION] = Presumptions()


def presumptions() -> Presumptions:
    """What this application has learnt."""
    found: Presumptions = current_app.extensions[_EXTENSION]
    return found
