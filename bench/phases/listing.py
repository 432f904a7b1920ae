"""Listing: the ids of very many jobs in one answer, and the memory it takes."""

from __future__ import annotations

import http.client
import time
from typing import Any, Final

from bench import bookings
from bench.bookings import Batch
from bench.children import Failed
from bench.figures import rounded
from bench.harness import BenchHarness, Findings, Progress
from bench.memory import Memory

_FORMS: Final = ("text/plain", "application/json", "application/xml")
_UUID: Final = 36
_PIECE: Final = 1 << 20
_WAIT_S: Final = 120.0


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """Seconds, rate and memory of a list, in each format."""
    count = harness.plan.listed
    far = harness.now().replace(year=harness.now().year + 10)
    batch = Batch(
        accounts=[harness.account.id], count=count, first=far, port=harness.receiver.plain
    )
    bookings.book(harness.connection, batch, progress)
    found = {}
    for form in _FORMS:
        progress(f"listing {count:,} ids as {form}")
        found[form] = _listed(harness, form, count)
    return {"details": {"list": {"ids": count, **found}}}


def _listed(harness: BenchHarness, form: str, count: int) -> dict[str, Any]:
    with Memory(harness.instance.pids()["web"]) as memory:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", harness.instance.port, timeout=_WAIT_S)
        headers = {"Authorization": f"Bearer {harness.account.key}", "Accept": form}
        connection.request("GET", "/1/jobs", headers=headers)
        answer = connection.getresponse()
        first = time.perf_counter() - began
        size = 0
        while piece := answer.read(_PIECE):
            size += len(piece)
        seconds = time.perf_counter() - began
        connection.close()
    announced = int(answer.headers["Content-Length"])
    if answer.status != http.client.OK or size != announced or size < count * _UUID:
        raise Failed(f"the list was {answer.status}, {size} of {announced} bytes")
    return {
        "seconds": rounded(seconds),
        "first_byte_s": rounded(first),
        "ids_per_s": rounded(count / seconds),
        "web_memory_growth_mib": memory.growth_mib,
    }
