"""Limits: how often is read, and counted, what an account may begin; the rest is postponed."""

from __future__ import annotations

from typing import Final

OWN_LIMITS_S: Final = 5.0
"""How often the schedulers read the limits of accounts: a changed limit holds after this time."""

QUEUED_ACCOUNTS_S: Final = 1.0
"""How often they read which accounts have postponed firings, and which are near a limit of runs."""

FIRING_WINDOW_S: Final = 1.0
"""How long a scheduler adds up the runs that began: limits are per second."""

QUIET_SHARE: Final = 2
"""Of the runs that an account may begin without being counted in PostgreSQL, one claim may begin
half, and the other claims of the same second the rest."""

RUN_COUNT_S: Final = 5.0
"""Pause between two counts of the runs under way."""

RUN_COUNT_NEAR_S: Final = 1.0
"""The same while an account is near its limit."""

NEAR_LIMIT: Final = 0.8
"""An account with more than this part of the runs that it may have under way is near its limit."""

RUN_COUNT_REST: Final = 50
"""The pause is at least this many times what the count took: it takes a fiftieth of the time."""
