"""Table: the peers on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench.figures import format_ms
from bench.peers.merging import ABOUT, KEY

HEAD: Final = ("peer", "drain", "lateness p99", "creates", "durability")


def about(found: Mapping[str, Any]) -> str:
    """What was measured, when and with what."""
    run, sizes = found[ABOUT], found["sizes"][KEY]
    commit = f", commit {run['commit']}" if run.get("commit") else ""
    return (
        f"Peers, measured on {run['date'][:10]}, load {run['load_at_start']:g} before, receiver "
        f"{run['receiver']}{commit}: a drain of {sizes['drain_jobs']:,} jobs, and the lateness at "
        f"{sizes['rate']:,} calls a second for {sizes['seconds']:g} s."
    )


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each; why there are no figures where there are none."""
    for name, peer in found[KEY].items():
        called = f"{name} {peer['version']}".strip()
        if "error" in peer:
            yield called, "not measured", f"{peer['error']}".replace("|", "\\|"), "", ""
            continue
        yield (
            called,
            f"{peer['drain_per_s']:,.0f}/s",
            format_ms(peer["lateness_p99_ms"]),
            f"{peer['creates_per_s']:,.0f}/s",
            peer["durability"],
        )
