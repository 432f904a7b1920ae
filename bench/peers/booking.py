"""Booking: batches put in over HTTP, one request a job."""

from __future__ import annotations

from typing import Final

from bench.children import Failed, ask

CONNECTIONS: Final = 32


def each_once(port: int, requests: list[bytes], *, status: str = "201") -> float:
    """Seconds until all were answered. Raises Failed where an answer has another status."""
    found = ask(
        "bench.client",
        {
            "port": port,
            "requests": [each.decode("latin-1") for each in requests],
            "connections": min(CONNECTIONS, len(requests)),
            "seconds": None,
        },
    )
    if set(found["statuses"]) != {status}:
        raise Failed(f"bookings were answered {found['statuses']}: {found['refusal'][-200:]}")
    return float(found["took"])
