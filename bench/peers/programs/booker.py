"""Booker: takes a batch a line on stdin, books it, and prints how long that took."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.peers.jobs import Job, parse


def serve(book: Callable[[Job], object], *, threads: int) -> None:
    """Say that it is ready, then book until stdin is closed; so many at once."""
    with ThreadPoolExecutor(threads) as pool:
        _progress({"ready": True})
        for line in sys.stdin:
            jobs = parse(line).jobs()
            began = time.perf_counter()
            for _ in pool.map(book, jobs):
                pass
            _progress({"seconds": time.perf_counter() - began})


def _progress(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
