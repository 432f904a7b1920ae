"""Settling: how often settlements are written, and how long they wait for locks."""

from __future__ import annotations

from typing import Final

SETTLE_INTERVAL_S: Final = 0.05
"""Pause between two batches, in which settlements gather. The next firing of a serial job waits for
its settlement, so the pause is short."""

SETTLE_BATCH: Final = 1000
"""Settlements of one batch, at most; if more wait, the next batch follows without a pause."""

SETTLE_LOCK_TIMEOUT_S: Final = 0.2
"""How long a batch, and all settlements behind it, wait for a lock."""

SKIP_LOCKED_FOR_S: Final = 5.0
"""How long after a lock timeout batches skip locked rows instead of waiting: they may need the same
rows."""

LAST_SETTLEMENTS_S: Final = 3.0
"""How long after the last successful batch an ending worker tries to write its settlements."""

SCHEDULER_SETTLE_S: Final = 0.5
"""How long one statement may take with which the scheduler ends runs, and how long all runs that it
tries one by one in a tick may take: claims wait for them."""

SINGLE_STATEMENT_S: Final = 1.0
"""How long each statement of a settlement that is tried by itself may take, the first time."""

SINGLE_BUDGET_S: Final = 2.0
"""How long settlements of one batch are tried one by one; those that are left are deferred."""

LOCKED_RETRY_S: Final = 0.3
"""Pause before settlements whose rows were locked are tried again."""

MAX_LOCKED_RETRIED: Final = 500
"""Settlements of this kind that are tried together, at most."""

FAILED_RETRY_S: Final = 1.0
"""Pause before a settlement whose statement failed is tried again; doubled with each failure."""

MAX_FAILED_RETRY_S: Final = 60.0
"""The longest pause before a settlement is tried again."""

MAX_SINGLE_STATEMENT_S: Final = 15.0
"""The longest time for the statements of a settlement that failed, which is doubled as well."""

MAX_DOUBLINGS: Final = 6
"""How often pause and time are doubled, at most."""


def pause_after_failures(failures: int) -> float:
    """Return the seconds until a settlement is tried again that had failed so often before."""
    doubled = FAILED_RETRY_S * 2.0 ** min(failures, MAX_DOUBLINGS)
    return min(doubled, MAX_FAILED_RETRY_S)
