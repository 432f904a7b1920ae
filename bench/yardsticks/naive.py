"""Naive: one RQ job for each firing, posted with `requests`; no database, no history.

python -m bench.yardsticks.naive   reads and prints one JSON document
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import redis
import requests
from rq import Queue, SimpleWorker
from rq.worker import Worker

from bench.yardsticks.bare import calls

_TIMEOUT_S: Final = 15
_KINDS: Final = {"Worker": Worker, "SimpleWorker": SimpleWorker}


def post(url: str, headers: dict[str, str], body: str) -> None:
    """One firing, as anybody would write it."""
    answer = requests.post(url, data=body.encode(), headers=headers, timeout=_TIMEOUT_S)
    answer.raise_for_status()


def measure(question: dict[str, Any]) -> dict[str, Any]:
    """Seconds that one worker of this kind takes for a queue of firings."""
    made = calls(
        question["count"],
        secret=question["secret"],
        scheme="http",
        port=question["port"],
        size=question["size"],
    )
    with redis.Redis.from_url(question["redis_url"]) as connection:
        queue = Queue("naive", connection=connection)
        queue.enqueue_many(
            [
                Queue.prepare_data(
                    post,
                    (
                        call.url,
                        dict(line.split(": ", 1) for line in call.headers),
                        call.body.decode(),
                    ),
                    result_ttl=0,
                )
                for call in made
            ]
        )
        worker = _KINDS[question["kind"]]([queue], connection=connection)
        began = time.perf_counter()
        worker.work(burst=True, logging_level="ERROR")
        seconds = time.perf_counter() - began
        failed = queue.failed_job_registry.count
    if failed:
        raise SystemExit(f"{failed} jobs failed")
    return {"seconds": seconds}


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
