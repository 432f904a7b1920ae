"""Second: another worker beside that of an instance."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.instance import PATIENCE, Instance, launch, until
from tests.factories import one


@contextmanager
def second_worker(instance: Instance, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker of our own for the instance's database, at work."""
    query = "SELECT count(*) FROM heartbeat WHERE process = 'worker' AND beaten_at > %s"
    with instance.connect() as connection:
        now = one(connection, "SELECT clock_timestamp()")
        process = launch(
            "worker", (sys.executable, "-m", "workers.worker"), instance.environment, log
        )
        try:
            until(lambda: bool(one(connection, query, now) >= 2), "both workers have beaten")
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
