"""Pace: the times of the firing path, in one place because each leans on another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

LOOK_AHEAD: Final = timedelta(milliseconds=300)
"""How long before its due time a run is claimed, so that it waits in memory, not in a queue."""

POLL: Final = timedelta(milliseconds=100)
"""Pause between two ticks of an idle scheduler; well below LOOK_AHEAD."""

MANUAL_DELAY: Final = 2 * POLL
"""How long after it was asked for a firing by hand, or a redelivery, is due: the scheduler has
looked and rung by then, so that it is on time."""

LEASE: Final = timedelta(seconds=5)
"""How long a taken run is its worker's without a word from it."""

LEASE_MARGIN: Final = timedelta(milliseconds=500)
"""A call begins only while at least this much of the lease is left."""

LEASE_RENEWAL: Final = LEASE / 3
"""Pause between two extensions: two may fail before a lease runs out."""

RENOTIFY_AFTER: Final = timedelta(seconds=3)
"""How long after its due time a claimed run may stay untaken before it is rung again."""

CANCEL_DEADLINE: Final = timedelta(milliseconds=100)
"""From this long after an acknowledged delete or pause no call of the job begins."""

CANCELLATIONS_VALID_FOR: Final = timedelta(milliseconds=80)
"""How long the word on what is wanted no more may be relied on; below CANCEL_DEADLINE."""

CANCELLATION_POLL: Final = timedelta(milliseconds=20)
"""Pause between two such questions; CANCELLATIONS_VALID_FOR leaves room for three."""

RETIME_BEFORE: Final = timedelta(milliseconds=60)
"""How long before its time a waiting run is set to it, as closely as is known by then."""

SUSPECT_AFTER: Final = 2
"""Reclaims without outcome after which a run is tried alone, in a process of its own."""

DEAD_AFTER: Final = 5
"""Reclaims without outcome after which a run is dead: visible, and tried no more."""

LOOKBACK: Final = timedelta(seconds=15)
"""How far back a queue is read whose earlier rows have all been read. Longer than a row is locked
ordinarily, or a transaction that writes one takes; every poll reads what is dead within it."""

UNBOUNDED_S: Final = 1e10
"""So many seconds back, a queue is read from its beginning."""

MAX_INSTANT: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Until then, all that the database's clock says is believed."""

HEARTBEAT_MAX_AGE: Final = timedelta(seconds=10)
"""A scheduler or worker whose last heartbeat is younger counts as running."""
