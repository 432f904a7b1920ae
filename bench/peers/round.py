"""Round: all peers one after the other, and what is kept of it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.errors import Misconfigured
from bench import instance, receiver, report, results
from bench.children import Failed
from bench.harness import Progress
from bench.peers import apscheduler, celery, install, merging, procrastinate, quirrel, wakecall
from bench.peers.measure import measure
from bench.peers.peer import Peer, PeerSetup
from bench.plan import Plan
from bench.receiver import Receiver
from local.terminal import say, shown, step

PEERS: Final = (wakecall.PEER, quirrel.PEER, procrastinate.PEER, celery.PEER, apscheduler.PEER)
"""In the order in which they are measured; Wakecall first, which must not fail."""


def are_installed() -> bool:
    """Whether all peers stand as their locks have them."""
    others = (peer.package for peer in PEERS if peer is not wakecall.PEER)
    return all(install.is_installed(package) for package in others)


def run(
    plan: Plan, peers: Sequence[Peer], *, commit: str, folder: Path = instance.FOLDER
) -> dict[str, Any]:
    """Peers with their figures, with what and how much was measured. Raises Failed."""
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory(prefix="wakecall-bench-") as made:
        files = Path(made)
        files.chmod(0o711)
        with receiver.running(files) as calls:
            say("Receiver", f"{calls.name}, {len(receiver.ADDRESSES)} addresses")
            found = {peer.name: one(peer, plan, calls, folder) for peer in peers}
            return {
                "peers": found,
                "about": {
                    "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                    "load_at_start": load,
                    "receiver": calls.name,
                    "commit": commit,
                    "node": _node(),
                },
                "sizes": {
                    "drain_jobs": plan.peer_jobs,
                    "rate": plan.peer_rate,
                    "seconds": plan.peer_s,
                },
            }


def keep(found: dict[str, Any]) -> None:
    """Let these peers join the results kept last, and the page. Raises Failed without any."""
    whole = merging.merged(kept(), **found)
    results.write(whole)
    report.write_page(whole)


def kept() -> dict[str, Any]:
    """The results kept last, which the peers are to join. Raises Failed where there are none."""
    try:
        return results.read()
    except FileNotFoundError:
        raise Failed(f"There is no {shown(results.LATEST)} yet: run `make bench` first.") from None


def one(peer: Peer, plan: Plan, calls: Receiver, folder: Path) -> dict[str, Any]:
    """The figures of one, or why there are none. Raises Failed where Wakecall has none."""
    ours = peer is wakecall.PEER
    about: dict[str, Any] = {"version": "" if ours else install.version(peer.package)}
    with step(peer.name, "beginning") as begun:
        try:
            figures = _figures(peer, plan, calls, folder, begun.doing)
        except (Failed, Misconfigured, OSError) as error:
            if ours:
                raise
            figures = {"error": " ".join(f"{error}".split())}
        begun.result = _summary(figures)
    return {**about, **figures, "settings": dict(peer.settings), "durability": peer.durability}


def _figures(
    peer: Peer, plan: Plan, calls: Receiver, folder: Path, progress: Progress
) -> dict[str, Any]:
    into = install.FOLDER if peer is wakecall.PEER else install.install(peer.package, progress)
    progress("starting")
    with peer.start(PeerSetup(installed=into, folder=folder, receiver=calls)) as book:
        return measure(book, calls, plan, progress)


def _summary(figures: dict[str, Any]) -> str:
    if "error" in figures:
        return f"not measured: {figures['error']}"
    return (
        f"drain {figures['drain_per_s']:g}/s, p99 {figures['lateness_p99_ms']:g} ms, "
        f"creates {figures['creates_per_s']:g}/s"
    )


def _node() -> str:
    try:
        said = subprocess.run(
            ["node", "--version"],  # noqa: S607 - the user's
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return said.stdout.strip()
