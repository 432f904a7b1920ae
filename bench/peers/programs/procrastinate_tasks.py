"""Procrastinate: one deferred job for each call.

procrastinate --app bench.peers.programs.procrastinate_tasks.app worker   runs them
python -m bench.peers.programs.procrastinate_tasks 4                      books them
"""

from __future__ import annotations

import os
import sys

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from bench.peers.jobs import URL, Job
from bench.peers.programs import booker
from bench.peers.programs.post import post

app = App(connector=PsycopgConnector(conninfo=os.environ[URL]))
app.task(post, name="post")


def main(threads: int) -> None:
    """Book over a synchronous connector, as a web application does."""
    connector = SyncPsycopgConnector(conninfo=os.environ[URL], min_size=threads, max_size=threads)
    with app.replace_connector(connector) as booking, booking.open():

        def book(job: Job) -> None:
            deferrer = booking.configure_task("post", schedule_at=job.due)
            deferrer.defer(url=job.url, headers=job.headers(), body=job.body)

        booker.serve(book, threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]))
