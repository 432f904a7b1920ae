"""History: days of runs that are to go, dropped while calls go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.e2e.instance import until
from tests.factories import one
from tests.soak.deployment import Deployment
from tests.soak.situation import Situation

RUNS = 20_000
DAYS = 3
_OLDEST = 40
_MAKE = """
CREATE TABLE {table}_{day:%Y%m%d} PARTITION OF {table}
FOR VALUES FROM ('{day:%Y-%m-%d}T00:00:00Z') TO ('{after:%Y-%m-%d}T00:00:00Z')
"""
_FILL = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, settled_at,
                 attempts)
SELECT gen_random_uuid(), gen_random_uuid(), id, 1, 'scheduled', %(at)s, 0, 'succeeded', %(at)s, 1
FROM account, generate_series(1, %(runs)s) WHERE name = 'demo'
"""
_LEFT = "SELECT count(*) FROM pg_class WHERE relname = ANY (%s)"


def _play(deployment: Deployment) -> None:
    names = _make_old_days(deployment)
    deployment.rest(0.05)
    # Each scheduler sees to retention when it starts.
    for each in deployment.beside:
        if each.kind == "scheduler":
            each.stop()
            each.start()
            deployment.wait_for_heartbeat(each.kind, each.process.pid)
    with deployment.connect() as connection:
        until(lambda: one(connection, _LEFT, names) == 0, "the old days are dropped")
    deployment.mended(f"{DAYS * RUNS} runs of {DAYS} days dropped")


def _make_old_days(deployment: Deployment) -> list[str]:
    """Runs of days that are to go; the names of their partitions."""
    names = []
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with deployment.connect() as connection:
        for n in range(DAYS):
            day = today - timedelta(days=_OLDEST + n)
            for table in ("run", "attempt"):
                values = {"table": table, "day": day, "after": day + timedelta(days=1)}
                connection.execute(_MAKE.format(**values).encode())
                names.append(f"{table}_{day:%Y%m%d}")
            connection.execute(_FILL, {"at": day + timedelta(hours=1), "runs": RUNS})
    return names


HISTORY = Situation("history", "old days of history are dropped", _play)
