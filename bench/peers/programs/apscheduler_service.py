"""APScheduler: scheduler, executor and bookings in one process, as its version 3 wants it.

python -m bench.peers.programs.apscheduler_service THREADS_THAT_BOOK THREADS_THAT_POST
"""

from __future__ import annotations

import logging
import os
import sys

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from bench.peers.jobs import URL, Job
from bench.peers.programs import booker
from bench.peers.programs.post import post


def main(booking: int, posting: int) -> None:
    """Run jobs and take bookings until stdin is closed."""
    logging.basicConfig(level=logging.WARNING)
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=os.environ[URL])},
        executors={"default": ThreadPoolExecutor(posting)},
        # Its default, one second, drops whatever is later than that.
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.start()

    def book(job: Job) -> None:
        scheduler.add_job(
            post, "date", run_date=job.due, id=job.id, args=(job.url, job.headers(), job.body)
        )

    booker.serve(book, threads=booking)
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
