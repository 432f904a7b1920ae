"""Locks: the keys of PostgreSQL's advisory locks, each for one purpose."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Lock(IntEnum):
    """One process at a time does the work that a key is named after; the keys are all different."""

    PARTITIONS = 7233012458
    COUNT_OF_RUNS = 7233012459
    QUARANTINE = 7233012460
    TRUSTED_CLOCK = 7233012461
