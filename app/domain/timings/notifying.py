"""Notifying: how runs reach a worker, through Redis or, without Redis, by polling PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

NOTIFY_BATCH: Final = 500
"""Runs in one RQ job, at most."""

DIVIDED_FROM: Final = 100
"""Runs in one RQ job, at least, where the runs of a claim are divided between the workers: as each
RQ job has a take of its own, few runs are left together."""

MAX_OFFERS: Final = 8
"""The queue of overdue runs is filled with offers up to so many batches. Workers that keep up empty
it between two ticks of the scheduler."""

NOTIFY_TTL_S: Final = 60
"""How long a batch that no worker dequeues stays in Redis: after RENOTIFY_AFTER, long before that,
the scheduler notifies again."""

MAX_ENTRIES: Final = 1000
"""Entries of an RQ queue that are kept. An expired entry stays in the list until a worker comes to
it, and while no worker runs the scheduler notifies again every three seconds."""

REDIS_TIMEOUT_S: Final = 1.0
"""How long a command to Redis may take before Redis counts as away."""

LAST_NOTIFICATIONS_S: Final = 2.0
"""How long a scheduler that ends waits for the batches that are still to be enqueued."""

REDIS_AWAY_PAUSE_S: Final = 1.0
"""Pause of the notifier between two tries while Redis is away."""

RQ_LISTEN_S: Final = 1
"""How long a worker's blocking dequeue waits in Redis; a worker that has had no answer from Redis
for twice as long polls PostgreSQL as often as FETCH_POLL_WITHOUT_REDIS_S says."""

RQ_RECONNECT_PAUSE_S: Final = 0.5
"""Pause of a worker between two tries to connect to Redis."""

URGENT_POLL_S: Final = 0.02
"""How often a saturated worker asks Redis for batches that are not overdue."""

SATURATION_POLL_S: Final = 0.005
"""How often, within URGENT_POLL_S, it checks whether it is still saturated."""

FETCH_POLL_S: Final = 0.25
"""How often each worker polls PostgreSQL for runs whose batch was lost."""

FETCH_POLL_WITHOUT_REDIS_S: Final = 0.05
"""How often they poll while Redis does not answer: twice as often as the scheduler claims, so that
calls are on time without notifications."""

UNTAKEN_LATE_S: Final = 0.1
"""How late a run has to be for a poll to take it while Redis answers: a batch arrives sooner."""

UNCHECKED_LATE: Final = timedelta(seconds=2)
"""How late a run that a web process wrote has to be for a poll to take it before a scheduler has
checked it."""

MAX_FETCHED: Final = 500
"""Runs that one poll takes, and parked runs that are unparked at once, at most."""
