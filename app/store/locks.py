"""Locks that no row stands for: the keys of PostgreSQL's advisory locks, each for one purpose."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Lock(IntEnum):
    """One process at a time does what these are named after; so no two may have the same key."""

    PARTITIONS = 7233012458
    COUNT_OF_RUNS = 7233012459
    QUARANTINE = 7233012460
    TRUSTED_CLOCK = 7233012461
