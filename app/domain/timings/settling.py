"""Settling: how often and how patiently settlements are written; a serial job waits for them."""

from __future__ import annotations

from typing import Final

SETTLE_INTERVAL_S: Final = 0.05
"""Pause between two batches of settlements, so that several may gather."""

SETTLE_BATCH: Final = 1000
"""Settlements of one batch, at most; where so many wait, the next batch follows at once."""

SETTLE_LOCK_TIMEOUT_S: Final = 0.2
"""How long a batch waits for a lock, and everything behind it with it."""

SKIP_LOCKED_FOR_S: Final = 5.0
"""How long no batch waits for a lock after one has waited for it in vain: the next batches may need
the same rows."""

LAST_SETTLEMENTS_S: Final = 3.0
"""At its end, a worker tries to write what is left for this long after the last that it wrote."""

SCHEDULER_SETTLE_S: Final = 0.5
"""How long a statement of the scheduler that ends runs may take, and all that it tries one by one
in a tick: claims wait for it."""

SINGLE_STATEMENT_S: Final = 1.0
"""How long each statement of a settlement that is tried by itself may take, the first time."""

SINGLE_BUDGET_S: Final = 2.0
"""How long settlements of one batch are tried one by one; those that are left are deferred."""

LOCKED_RETRY_S: Final = 0.3
"""When settlements are tried again whose rows were locked."""

MAX_LOCKED_RETRIED: Final = 500
"""How many of these are tried together."""

FAILED_RETRY_S: Final = 1.0
"""When a settlement is tried again whose statement failed; doubled with each failure."""

MAX_FAILED_RETRY_S: Final = 60.0
"""The longest such pause."""

MAX_SINGLE_STATEMENT_S: Final = 15.0
"""The longest that such a statement may take; its time is doubled with each failure, too."""

MAX_DOUBLINGS: Final = 6
"""How often both are doubled, at most."""
