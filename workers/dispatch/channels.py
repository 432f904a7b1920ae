"""Channels: the queues through which the loop's thread hands work to a worker's other threads."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue

from app.store.parking import Parking
from app.store.settling import Settlement
from workers.dispatch.leased_run import LeasedRun
from workers.dispatch.unparking import UnparkRequest


@dataclass(frozen=True, slots=True)
class Channels:
    """One queue for each kind of work. Both ends of each may be used from any thread."""

    settlements: deque[tuple[LeasedRun, Settlement]] = field(default_factory=deque)
    """Settlements that the settler is to write."""
    parked: deque[tuple[LeasedRun, Parking]] = field(default_factory=deque)
    """Runs that the settler is to park."""
    unpark_requests: deque[UnparkRequest] = field(default_factory=deque)
    """Destinations that have room for parked runs, which the database poller is to take."""
    payload_orders: SimpleQueue[LeasedRun] = field(default_factory=SimpleQueue)
    """Runs whose payloads the payload loader is to read, while `payload_reserved` is set."""
