"""Worker: takes runs and sends their calls. Run it with `python -m workers.worker`."""

from __future__ import annotations

import os

from app.config import Settings
from app.errors import Misconfigured
from app.log import logger
from app.store.connection import ReconnectingConnection
from app.store.overdue import Slots
from app.store.takes import Ticket
from workers.dispatch.runtime import WorkerRuntime
from workers.notifier import SUSPECT, redis_client
from workers.process import (
    await_schema,
    configure,
    exit_in_order,
    exit_misconfigured,
    identity,
    on_stop,
    prepare_for_calls,
)
from workers.quarantine_process import QuarantineProcess
from workers.rq_worker import RQListener


class Worker:
    """The runtime of a worker, and the listener through which batches reach it."""

    def __init__(self, settings: Settings) -> None:
        name = identity()
        self._listener = RQListener(lambda: redis_client(settings.redis_url), self, name)
        self._quarantine = QuarantineProcess(os.environ, grace=settings.grace)
        self._runtime = WorkerRuntime(
            settings,
            name,
            redis_is_connected=lambda: self._listener.is_connected,
            on_suspects=self._quarantine.start_if_needed,
        )
        self._database = ReconnectingConnection(settings.database_url, "rq_listener")
        self.stopping = False

    @property
    def saturated(self) -> bool:
        """Whether overdue batches should stay in their queue for now."""
        return self._runtime.dispatcher.saturated

    def accept(self, name: str, tickets: list[Ticket]) -> None:
        """Take a batch of runs; suspects are left to the quarantine process, which is started."""
        if name == SUSPECT:
            with self._database.use() as connection:
                self._quarantine.start_if_needed(connection)
        else:
            self._runtime.take(self._database, tickets)

    def begin_overdue(self, slots: Slots) -> None:
        """Claim and take what is overdue in these slots."""
        self._runtime.begin_overdue(self._database, slots)

    def run(self) -> None:
        """Work until `stop` was called and all calls have ended."""
        self._listener.start()
        self._runtime.run()
        self._quarantine.join()
        self._listener.join(timeout=5)
        self._database.close()

    def stop(self) -> None:
        """Take no further run, and end when the calls under way have ended."""
        self.stopping = True
        self._quarantine.stop()
        self._runtime.stop()

    def hurry(self) -> None:
        """Break off the calls under way."""
        self._quarantine.hurry()
        self._runtime.hurry()


def main() -> None:
    """Run one worker until SIGTERM or SIGINT."""
    settings = configure("worker")
    prepare_for_calls(settings.concurrency)
    try:
        worker = Worker(settings)
    except Misconfigured as error:
        exit_misconfigured(error)
    on_stop(worker.stop, hurry=worker.hurry)
    logger.info("process.started", concurrency=settings.concurrency)
    if await_schema(settings.database_url, has_ended=lambda: worker.stopping):
        worker.run()
    exit_in_order()


if __name__ == "__main__":
    main()
