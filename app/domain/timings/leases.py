"""Leases: how long a worker holds a run, until when it may call it, and how it is taken over."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

LEASE: Final = timedelta(seconds=5)
"""How long a worker holds a run that it has taken, without a renewal. The runs of a killed worker
are taken over after this time, at the latest."""

LEASE_MARGIN: Final = timedelta(milliseconds=500)
"""A call begins only while at least this much of the lease is left."""

LEASE_RENEWAL: Final = LEASE / 3
"""How long after its last renewal a lease is renewed: two renewals may fail before it runs out."""

LEASE_SCAN_S: Final = 0.25
"""How often a worker searches its runs for leases to renew. The search visits all runs, which
is too expensive for every CANCELLATION_POLL."""

MAX_RENEWED: Final = 1000
"""Leases that one statement renews, at most; the others follow at the next poll."""

MAX_ACKNOWLEDGED: Final = 500
"""Cancelled runs that one statement acknowledges, at most."""

SLOW_DATABASE_S: Final = 1.0
"""A tick of the scheduler that took longer shows that PostgreSQL was slow: no lease that ran out
counts for one LEASE after that, as no worker could renew any."""

CANCEL_DEADLINE: Final = timedelta(milliseconds=100)
"""From this long after an acknowledged delete or pause no call of the job begins."""

CANCELLATIONS_VALID_FOR: Final = timedelta(milliseconds=80)
"""A call begins only within this time of a poll for cancelled runs; below CANCEL_DEADLINE."""

CANCELLATION_POLL: Final = timedelta(milliseconds=20)
"""Pause between two polls for cancelled runs; CANCELLATIONS_VALID_FOR leaves time for three."""

RETIME_BEFORE: Final = timedelta(milliseconds=60)
"""How long before its time the timer of a waiting run is set again, by the latest polls."""

OFFSET_VALID_S: Final = 0.5
"""How long the offset between the worker's clock and the database's is used that a poll has shown:
long enough to contain a poll that came back fast, too short for the clocks to drift apart."""

MAX_CLOCK_GAP_S: Final = 1.0
"""How far two clocks may move apart between two readings before one of them counts as stopped, or
as set."""

CLOCK_DRIFT_PER_S: Final = 0.001
"""By how much the clocks of two machines drift apart at most, in seconds per second. Two readings
may lie far apart, as no poll is made while no run is held."""

HEARTBEAT_S: Final = 2.0
"""How often a scheduler and a worker write their heartbeat, and what they have counted."""

WORKER_COUNT_S: Final = HEARTBEAT_S
"""How often a worker counts, by their heartbeats, the workers that share what each account may
open."""

HEARTBEAT_MAX_AGE: Final = timedelta(seconds=10)
"""A scheduler or worker whose last heartbeat is younger counts as running."""

SUSPECT_AFTER: Final = 2
"""Reclaims after which a run is a suspect, and is tried in the quarantine's process."""

DEAD_AFTER: Final = 5
"""Reclaims after which a run is dead: it stays in history, and is not tried again."""

SUSPECT_GROUP_OPEN_S: Final = 3.0
"""How long a group of suspects takes in others: the leases of one kill run out within this time."""

SUSPECT_POLL_S: Final = 0.02
"""How often the quarantine checks whether its group is settled."""

SUSPECT_SETTLE_INTERVAL_S: Final = 0.005
"""Pause between two batches of settlements in the quarantine: the next group waits for it."""

QUARANTINE_LINGER_S: Final = 2.0
"""How long the quarantine waits for further suspects before it ends."""

QUARANTINE_LOCK_CHECK_S: Final = 1.0
"""How often the quarantine checks that it still has its lock."""

QUARANTINE_START_PAUSE_S: Final = 1.0
"""Pause between two starts of the quarantine by one worker: a process that finds another running
ends at once."""
