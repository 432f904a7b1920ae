"""Claiming: how far ahead, how often and how much a scheduler claims, and when it checks runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

LOOK_AHEAD: Final = timedelta(milliseconds=300)
"""How long before its due time a run is claimed, so that it waits in memory and not in a queue."""

CLAIM_POLL: Final = timedelta(milliseconds=100)
"""Pause between two ticks of an idle scheduler; well below LOOK_AHEAD."""

BUSY_CLAIM_PAUSE_S: Final = 0.03
"""Pause after a tick that left work: PostgreSQL serves the workers' statements in between."""

MANUAL_DELAY: Final = 2 * CLAIM_POLL
"""How long after the request a run by hand, or a redelivery, is due. By then the scheduler has
checked it and notified a worker, so that the run is on time."""

ON_TIME_S: Final = 2.0
"""A run that is later than this counts as overdue: it has a queue of its own in Redis and in each
worker, so that a backlog does not delay the runs that are on time."""

CLAIM_BUDGET: Final = 2000
"""Overdue runs that are notified and not taken yet, at most: workers take this many within a LEASE.
The claims of one tick, and one check of runs in flight, read at most this many rows, too."""

CLAIMED_AT_ONCE: Final = 500
"""Rows that one claim reads. Where there are more, the same tick claims again, until CLAIM_S."""

ENQUEUED_AT_ONCE: Final = 2000
"""Of the rows whose time had passed when they were written, one claim looks at the newest so many.
Those that are not among them any more, and are further back than it reads, are left behind."""

CLAIM_S: Final = 0.1
"""How long a tick goes on claiming the earliest rows: on a slow or busy machine CLAIM_BUDGET rows
may take longer than LOOK_AHEAD, and what is due next would be late, whosever it is."""

MISSED_AT_ONCE: Final = 5000
"""Missed firings that one claim searches for, of all jobs together: each takes up to 20 µs. A job
that has been begun is finished, with up to 1,000 of them for each of its triggers."""

MIN_CLAIM: Final = 200
"""Where the budget has room for fewer runs, only FAIR_SHARE is claimed: many small claims
would cost more than one."""

OFFER_FROM: Final = 100
"""How many of the first MIN_CLAIM overdue rows have to be such that a worker may begin them by
itself, for the scheduler to leave them to the workers."""

CLAIM_BESIDE_OFFERS_S: Final = 0.5
"""Pause between two claims of the scheduler itself while it leaves overdue runs to the workers: it
finds what they leave, and serves workers of the release before, which know no offers."""

CLAIMED_BESIDE_OFFERS: Final = 500
"""Rows that one such claim reads."""

FAIR_SHARE: Final = 10
"""Jobs of each account that one claim takes of each tenth of a second while the budget is used
up."""

FAIR_AT_ONCE: Final = 1000
"""Jobs that one such claim takes, of all accounts together: where thousands have jobs that are due
in one moment, workers are notified of the first within a tenth of a second."""

FAIR_CLAIM_S: Final = 0.1
"""How long after a claim of these shares the next one comes, at least, within a tick or in the next
one: well within LOOK_AHEAD, so that what becomes due during a long tick is on time."""

ON_TIME_AT_ONCE: Final = 100
"""Runs that are notified as on time together: the others are notified as overdue. On a slow machine
the workers need less than a tenth of a second for so many."""

WELL_SERVED: Final = 20
"""With more overdue runs that are notified and not taken yet, an account may get no share of a
claim."""

POSTPONING_BUDGET: Final = 250
"""Rows that the one claim of a tick, and one check of runs in flight, reads while an account has
more runs to begin than its limit allows. Postponing a row costs ten times as much as beginning a
run, and the calls of all other accounts wait for it."""

POSTPONING_FOR_S: Final = 10.0
"""How long POSTPONING_BUDGET stays in force after a run was postponed."""

RENOTIFY_AFTER: Final = timedelta(seconds=3)
"""How long after its time a claimed run may stay untaken before a worker is notified again."""

DEFER_LOCKED: Final = timedelta(seconds=1)
"""Pause before the scheduler checks a run again whose rows were locked when it settled it."""

DEFER_UNREADABLE: Final = timedelta(minutes=1)
"""Pause before the scheduler checks a run again that it cannot read, as a newer release may have
written it."""

LOOKBACK: Final = timedelta(seconds=15)
"""How far back a queue in PostgreSQL is read once all of its earlier rows have been read. It is
longer than rows are usually locked, and longer than the transactions that write them usually take.
Every poll reads the dead row versions within it."""

UNBOUNDED_S: Final = 1e10
"""A lookback of this many seconds reads a queue from its beginning."""

LEFT_BEHIND_S: Final = LOOKBACK.total_seconds() + 5.0
"""A row that is further back than this is found only by the search for rows left behind."""

MIN_SEARCH_PAUSE_S: Final = 1.0
"""Pause between two searches for rows left behind, at least."""

MAX_SEARCH_PAUSE_S: Final = 30.0
"""Pause between two searches for rows left behind, at most: they are found this late."""

SEARCH_REST: Final = 50
"""The pause is this many times the duration of the search, within these two bounds: the search
takes up a fiftieth of the time."""

MAX_INSTANT: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The bound of a claim while the database's clock is fully believed: there is none."""
