"""Celery: one task with an ETA for each call.

celery -A bench.peers.programs.celery_tasks worker   runs them
python -m bench.peers.programs.celery_tasks          books them, as `booker` has it
"""

from __future__ import annotations

import os
import sys

from celery import Celery

from bench.peers.jobs import URL, Job
from bench.peers.programs import booker
from bench.peers.programs.post import post

app = Celery("peer", broker=os.environ[URL])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
task = app.task(post, name="post")


def book(job: Job) -> None:
    """Have it called at its instant."""
    task.apply_async((job.url, job.headers(), job.body), eta=job.due)


if __name__ == "__main__":
    booker.serve(book, threads=int(sys.argv[1]))
