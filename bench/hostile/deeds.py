"""Deeds: all that an account may do as fast as it can, and all that a stranger may."""

from __future__ import annotations

from typing import Final

from bench.hostile import bookers, readers, starters, strangers
from bench.hostile.deed import Deed

ACCOUNT: Final = (*bookers.DEEDS, *starters.DEEDS, *readers.DEEDS)
STRANGER: Final = strangers.DEEDS
DEEDS: Final[tuple[Deed, ...]] = (*ACCOUNT, *STRANGER)


def named(name: str) -> Deed:
    """The deed of that name. Raises KeyError where there is none."""
    return {deed.name: deed for deed in DEEDS}[name]
