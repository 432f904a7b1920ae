"""Database: a primary and a standby that follows it and can replace it.

The primary answers a commit when its standby has it, so that nothing acknowledged is lost when
the standby takes its place.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
from psycopg import sql

from local.postgres import ROLE
from tests import stepped_clock
from tests.e2e.instance import until
from tests.pair import Node, Pair, follow, primary_and_standby

_FOLLOWS = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


class Database:
    """The two servers; `url` finds the one that takes writes."""

    def __init__(self, pair: Pair) -> None:
        self.primary, self.standby = pair.primary, pair.standby
        first, second = self.primary.port, self.standby.port
        password = self.primary.cluster.password
        self.url = (
            f"postgresql://{ROLE}:{password}@127.0.0.1:{first},127.0.0.1:{second}/{ROLE}"
            "?target_session_attrs=read-write"
        )
        self._wait_for_standby()

    def set_read_only(self, value: str) -> None:
        """As `Node.set_read_only`, of the primary."""
        self.primary.set_read_only(value)

    def freeze(self) -> None:
        """Stop every process of the primary: it accepts what is sent to it, and answers nothing."""
        for each in _tree(self.primary):
            with suppress(psutil.Error):
                each.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """Stop the primary in good order."""
        self.primary.server.stop()

    def promote(self) -> None:
        """Let the standby take the primary's place, for good; the old one is killed."""
        old = self.primary
        with self.standby.superuser() as connection:
            connection.execute("SELECT pg_promote()")
        self.primary, self.standby = self.standby, old

    def rejoin(self) -> None:
        """Have the one that was primary before follow the other, with a copy of its data."""
        for each in _tree(self.standby):
            with suppress(psutil.Error):
                each.kill()
        if self.standby.server.process is not None:
            self.standby.server.process.wait(30)
        shutil.rmtree(self.standby.cluster.data)
        follow(self.primary, self.standby)
        self.standby.start()
        self._wait_for_standby()

    def _wait_for_standby(self) -> None:
        with self.primary.superuser() as connection:

            def follows() -> bool:
                row = connection.execute(_FOLLOWS).fetchone()
                return row is not None and row[0] == 1

            until(follows, "the standby follows")
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def database() -> Iterator[Database]:
    """Both running, with a migrated database whose clock can be set."""
    with primary_and_standby() as pair:
        made = Database(pair)
        try:
            with made.primary.superuser() as connection:
                connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(ROLE)))
            stepped_clock.install(made.url)
            yield made
        finally:
            # What was stopped does not end otherwise.
            for node in (made.primary, made.standby):
                for each in _tree(node):
                    with suppress(psutil.Error):
                        each.send_signal(signal.SIGCONT)


def _tree(node: Node) -> list[psutil.Process]:
    """The server's processes, the one that starts the others first."""
    if node.server.process is None or not node.server.alive():
        return []
    try:
        root = psutil.Process(node.server.process.pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
