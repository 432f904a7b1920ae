"""Attacks: all that an account, and a client without a key, may do as fast as it can."""

from __future__ import annotations

from typing import Final

from bench.hostile import bookers, readers, starters, without_key
from bench.hostile.attack import Attack

ACCOUNT: Final = (*bookers.ATTACKS, *starters.ATTACKS, *readers.ATTACKS)
WITHOUT_KEY: Final = without_key.ATTACKS
ATTACKS: Final[tuple[Attack, ...]] = (*ACCOUNT, *WITHOUT_KEY)


def named(name: str) -> Attack:
    """The attack of that name. Raises KeyError where there is none."""
    return {attack.name: attack for attack in ATTACKS}[name]
