"""Clock: the one time of a simulation, for all processes and for the database."""

from __future__ import annotations

import sys
import types
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from tests import clock_functions

BEGIN: Final = datetime(2027, 1, 1, tzinfo=UTC)
_UPTIME: Final = 100_000.0
"""What the machine's uptime is at the beginning, in seconds."""

# A sequence is read and set outside of transactions, so that a statement gets the time as it is,
# and a year of steps leaves no dead rows.
_FUNCTIONS: Final = """
CREATE SCHEMA simulated;
CREATE SEQUENCE simulated.clock MAXVALUE 9223372036854775807;
CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  $$SELECT timestamptz 'epoch' + (SELECT last_value FROM simulated.clock) * interval '1 us'$$;
CREATE FUNCTION simulated.now() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$SELECT timestamptz 'epoch' + (SELECT last_value FROM simulated.clock) * interval '1 us'$$;
"""

# Conditions of triggers are bound to their functions when they are made.
_TRIGGERS: Final = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal AND pg_get_triggerdef(oid) ~ 'clock_timestamp'
"""


class SimulatedClock:
    """The time, in seconds since its beginning; it moves when it is told to."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.database_ahead = 0.0
        self._connection: psycopg.Connection | None = None

    @property
    def now(self) -> datetime:
        """The right time, which no step of a clock changes."""
        return BEGIN + timedelta(seconds=self.passed)

    def uptime(self) -> float:
        """What `app.uptime.read_uptime` returns."""
        return _UPTIME + self.passed

    def wall(self) -> float:
        """The clock of the machine, in seconds since 1970."""
        return BEGIN.timestamp() + self.passed

    def advance(self, to: float) -> None:
        """Let it be `to` seconds since the beginning; does nothing if that has passed."""
        if to > self.passed:
            self.passed = to
            self._tell()

    def set_database_ahead(self, seconds: float) -> None:
        """Let the database's clock be so many seconds ahead of the right time."""
        self.database_ahead = seconds
        self._tell()

    def install(self, connection: psycopg.Connection) -> None:
        """Let the database tell this time, in all sessions that begin from now on."""
        clock_functions.install(connection, "simulated", _FUNCTIONS)
        for (definition,) in connection.execute(_TRIGGERS).fetchall():
            again = definition.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER")
            again = again.replace("clock_timestamp()", "simulated.clock_timestamp()")
            connection.execute(again.encode())
        self._connection = connection
        self._tell()

    def _tell(self) -> None:
        if self._connection is not None:
            micros = round((self.wall() + self.database_ahead) * 1_000_000)
            self._connection.execute("SELECT setval('simulated.clock', %s)", (micros,))


CLOCK: Final = SimulatedClock()
"""Of this process: modules keep the function that reads the uptime as a default argument."""


def replace_uptime() -> None:
    """Let `app.uptime` read the simulated clock, in all modules that are imported afterwards.

    Raises RuntimeError where modules of the service have been imported already.
    """
    if any(name.partition(".")[0] in {"app", "workers"} for name in sys.modules):
        raise RuntimeError("The simulation must be a process of its own.")
    module = types.ModuleType("app.uptime", "Uptime of the simulated clock.")
    module.read_uptime = CLOCK.uptime  # type: ignore[attr-defined] # a module made by hand
    sys.modules["app.uptime"] = module
