"""Limits: how often the limits of accounts are read, and their runs under way counted."""

from __future__ import annotations

from typing import Final

OWN_LIMITS_S: Final = 5.0
"""How often the schedulers read the limits of accounts: a changed limit holds after this time."""

QUEUED_ACCOUNTS_S: Final = 1.0
"""How often they read which accounts have postponed firings, and which are near a limit of runs."""

FIRING_WINDOW_S: Final = 1.0
"""How long a scheduler adds up the runs that began: limits are per second."""

QUIET_SHARE: Final = 2
"""The divisor for one claim: it may begin half of the runs that an account may begin in a second
without being counted in PostgreSQL, and the other claims of that second the rest."""

RUN_COUNT_S: Final = 5.0
"""Pause between two counts of the runs under way."""

RUN_COUNT_NEAR_S: Final = 1.0
"""Pause between two counts while an account is near its limit."""

NEAR_LIMIT: Final = 0.8
"""The fraction of its limit of runs under way above which an account is near the limit."""

RUN_COUNT_REST: Final = 50
"""The pause is at least this many times the duration of the count, which so takes up at most a
fiftieth of the time."""
