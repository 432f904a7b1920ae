"""Console: how late calls are while tabs of the console are open, and without them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import cycle, islice
from typing import Any, Final

from bench import users
from bench.bookings import seconds_for
from bench.children import Failed, ask
from bench.figures import lateness, percentile
from bench.harness import MISSED_AIMS, BenchHarness, Findings, Progress
from bench.phases.steady import WARM_UP_S, after, arrivals_at_rate

KEY: Final = "console"
TABS: Final = 100
RATE: Final = 100
MAX_LATER_MS: Final = 10.0
"""The aim: the p99 beside the tabs is at most so much above that without them."""

_USERS: Final = 20
_ROUNDS: Final = 2
_PAGES: Final = ("", "jobs", "runs", "upcoming")
_OPENED_WITHIN_S: Final = 5.0
_CLOSED_BEFORE_S: Final = 1.0


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`console`: the lateness of calls with and without tabs, and how long pages took."""
    people = users.sign_in(harness.connection, harness.account.id, _USERS)
    tabs = [
        {"path": f"/console/{page}", "cookie": user.cookie}
        for page, user in islice(zip(cycle(_PAGES), cycle(people), strict=False), TABS)
    ]
    late: dict[str, list[float]] = {"alone": [], "beside": []}
    pages: dict[str, Any] = {"took": [], "statuses": {}}
    for _ in range(_ROUNDS):
        late["alone"] += _late(harness, lambda text: progress(f"no tabs, {text}"))
        with ThreadPoolExecutor(1) as thread:
            watching = thread.submit(_watch, harness, tabs)
            late["beside"] += _late(harness, lambda text: progress(f"{TABS} tabs, {text}"))
            progress("waiting for the tabs to be closed")
            found = watching.result()
        pages["took"] += found["took"]
        for status, number in found["statuses"].items():
            pages["statuses"][status] = pages["statuses"].get(status, 0) + number
    return measured(late, pages, seconds=_ROUNDS * _watched_s(harness))


def measured(
    late: Mapping[str, list[float]], pages: Mapping[str, Any], *, seconds: float
) -> Findings:
    """The figures, and what misses the aim. Raises Failed if a page was not answered."""
    failed = {status: n for status, n in pages["statuses"].items() if status not in {"200", "304"}}
    if failed:
        raise Failed(f"pages of the console were answered otherwise: {failed}")
    took = sorted(pages["took"])
    figures: dict[str, Any] = {
        "tabs": TABS,
        "calls_per_s": RATE,
        "pages_per_s": round(len(took) / seconds, 1),
        "unchanged": round(pages["statuses"].get("304", 0) / len(took), 2),
        "page_ms": {
            name: round(percentile(took, share) * 1000, 1)
            for name, share in (("p50", 0.5), ("p99", 0.99))
        },
    }
    for name, values in late.items():
        each = lateness(values)
        figures[name] = {"p50": each.p50, "p99": each.p99, "max": each.max, "calls": each.samples}
    later = figures["beside"]["p99"] - figures["alone"]["p99"]
    missed = f"console: the p99 beside {TABS} tabs is {later:.1f} ms above that without them"
    return {KEY: figures, **({MISSED_AIMS: [missed]} if later > MAX_LATER_MS else {})}


def _late(harness: BenchHarness, progress: Progress) -> list[float]:
    arrivals, fired = arrivals_at_rate(harness, progress, RATE, harness.plan.console_s)
    return after(arrivals, fired.first + timedelta(seconds=WARM_UP_S))


def _watched_s(harness: BenchHarness) -> float:
    """How long the tabs are open: almost until the last call, after which the jobs are purged."""
    lead = seconds_for(int(RATE * (harness.plan.console_s + WARM_UP_S)))
    return lead + WARM_UP_S + harness.plan.console_s - _CLOSED_BEFORE_S


def _watch(harness: BenchHarness, tabs: list[dict[str, str]]) -> dict[str, Any]:
    return ask(
        "bench.tabs",
        {
            "port": harness.instance.port,
            "tabs": tabs,
            "opened_within": _OPENED_WITHIN_S,
            "seconds": _watched_s(harness),
        },
    )
