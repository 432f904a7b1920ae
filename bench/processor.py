"""Processor: the CPU time of process trees, by the kind of process."""

from __future__ import annotations

from collections.abc import Mapping

import psutil


def used(roots: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds, user and system, of each root with all below it, ended children included.

    A process that is gone counts nothing.
    """
    return {kind: _of_tree(pid) for kind, pid in roots.items()}


def since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two readings."""
    return {kind: after[kind] - before.get(kind, 0.0) for kind in after}


def _of_tree(pid: int) -> float:
    try:
        root = psutil.Process(pid)
        total = 0.0
        for each in [root, *root.children(recursive=True)]:
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    except psutil.NoSuchProcess:
        return 0.0
    return total
