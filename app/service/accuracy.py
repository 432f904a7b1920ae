"""Accuracy: how late the calls of an account began, in the last hour and the last day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.account import Caller
from app.domain.lateness import PERIOD, Accuracy, Window, window
from app.service.context import Context
from app.store import accuracy as store
from app.store.accuracy import Recent

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def get_accuracy(context: Context, caller: Caller) -> Accuracy:
    """Return the lateness of first attempts. It reads some 300 rows for any number of attempts."""
    with context.database.statement() as connection:
        recent = store.recent(connection, caller.account.id, _DAY)
    return Accuracy(as_of=recent.now, hour=_last(recent, _HOUR), day=_last(recent, _DAY))


def _last(recent: Recent, reach: timedelta) -> Window:
    """Return the window of whole periods, which is up to one period longer than `reach`."""
    since = _EPOCH + (recent.now - reach - _EPOCH) // PERIOD * PERIOD
    return window(since, (each for begins, each in recent.histograms.items() if begins >= since))
