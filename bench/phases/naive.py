"""Naive: how fast one RQ job per firing would be, on the same machine and the same receiver."""

from __future__ import annotations

from typing import Final

from bench.bookings import BODY_BYTES
from bench.children import Failed, ask
from bench.figures import rounded
from bench.harness import BenchHarness, Findings, Progress

_KINDS: Final = ("SimpleWorker", "Worker")


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`naive_drain_per_s`: the faster kind of worker, without the database it would need."""
    found: dict[str, float] = {}
    count = harness.plan.naive
    # A database of its own, beside the doorbell's.
    redis_url = harness.instance.facts()["redis_url"].replace("db=0", "db=1")
    for kind in _KINDS:
        progress(f"rq {kind}: {count} jobs")
        calls = harness.receiver.count()
        answer = ask(
            "bench.yardsticks.naive",
            {
                "kind": kind,
                "count": count,
                "redis_url": redis_url,
                "secret": harness.account.secret,
                "port": harness.receiver.plain,
                "size": BODY_BYTES,
            },
        )
        arrived = harness.receiver.count() - calls
        if arrived != count:
            raise Failed(f"rq {kind} made {arrived} calls for {count} jobs")
        found[kind] = rounded(count / answer["seconds"])
    return {"naive_drain_per_s": max(found.values()), "details": {"naive": found}}
