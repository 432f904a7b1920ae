"""Plan: the sizes of a run, the whole one and the quick one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much each phase measures; durations in seconds, rates in calls per second."""

    name: str
    rounds: int
    """How often a figure is measured in turn with its yardstick."""
    drain: tuple[int, ...]
    """Jobs due at one instant; the last size gives the figure."""
    steady: tuple[int, ...]
    steady_s: float
    create_s: float
    bulk_documents: int
    pending: tuple[int, int, int]
    """Pending jobs, ascending: the last is compared with the first."""
    claimed: int
    slow_rate: int
    slow_s: float
    slow_rounds: int
    overdue: int
    """Overdue jobs of a neighbour who stands alone."""
    overdue_each: int
    """Overdue jobs of each of fifty neighbours."""
    neighbour_s: float
    hostile_s: float
    hostile_patience_s: float
    """How long a call or a booking is waited for beside an attack."""
    console_s: float
    """How long calls are measured in each round, with tabs of the console and without."""
    restart_rate: int
    restart_s: float
    listed: int
    crons: int
    tls: int
    naive: int
    dapr_jobs: int
    """Dapr jobs that are booked each way, a round."""
    peer_jobs: int
    """Jobs of a peer's drain; some peers do a hundred a second."""
    peer_rate: int
    peer_s: float

    def sizes(self) -> dict[str, object]:
        """What was measured how much, as it is written down."""
        return {
            "plan": self.name,
            "rounds": self.rounds,
            "drain_jobs": list(self.drain),
            "steady_rates": list(self.steady),
            "steady_seconds": self.steady_s,
            "create_seconds": self.create_s,
            "bulk_documents_per_request": self.bulk_documents,
            "claim_pending_jobs": list(self.pending),
            "claim_compares": f"{self.pending[-1]} pending jobs with {self.pending[0]}",
            "claim_firings": self.claimed,
            "slow_receivers": f"1 in 1000 of {self.slow_rate}/s for {self.slow_s:g} s",
            "neighbour_overdue_jobs": {"one": self.overdue, "fifty": self.overdue_each},
            "hostile_seconds": self.hostile_s,
            "console_seconds": self.console_s,
            "restart": f"{self.restart_rate}/s for {self.restart_s:g} s",
            "listed_ids": self.listed,
            "cron_jobs": self.crons,
            "tls_handshakes": self.tls,
            "naive_jobs": self.naive,
            "dapr_jobs": self.dapr_jobs,
        }


FULL: Final = Plan(
    name="full",
    rounds=5,
    drain=(20_000, 100_000),
    steady=(100, 1000, 5000),
    steady_s=30.0,
    create_s=8.0,
    bulk_documents=1000,
    pending=(100_000, 1_000_000, 10_000_000),
    claimed=20_000,
    slow_rate=1000,
    slow_s=30.0,
    slow_rounds=5,
    overdue=100_000,
    overdue_each=100_000,
    neighbour_s=60.0,
    hostile_s=16.0,
    hostile_patience_s=20.0,
    console_s=20.0,
    restart_rate=500,
    restart_s=60.0,
    listed=1_000_000,
    crons=100_000,
    tls=1500,
    naive=1000,
    dapr_jobs=20_000,
    peer_jobs=3_000,
    peer_rate=50,
    peer_s=15.0,
)

QUICK: Final = Plan(
    name="quick",
    rounds=3,
    drain=(5_000, 20_000),
    steady=(100, 1000, 5000),
    steady_s=8.0,
    create_s=4.0,
    bulk_documents=1000,
    pending=(100_000, 300_000, 1_000_000),
    claimed=5_000,
    slow_rate=1000,
    slow_s=8.0,
    slow_rounds=2,
    overdue=50_000,
    overdue_each=5_000,
    neighbour_s=15.0,
    hostile_s=1.5,
    hostile_patience_s=10.0,
    console_s=8.0,
    restart_rate=500,
    restart_s=40.0,
    listed=200_000,
    crons=10_000,
    tls=1000,
    naive=200,
    dapr_jobs=6_000,
    peer_jobs=1_000,
    peer_rate=50,
    peer_s=8.0,
)
