"""Merging: peers into the results kept last, and on into those of the next whole run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bench.figures import rounded

KEY: Final = "peers"
ABOUT: Final = "peers_measured"
"""Keys of the results: the peers by name, and when and with what they were measured."""

VS_QUIRREL: Final = "create_vs_quirrel"

Results = Mapping[str, Any]


def merged(kept: Results, peers: Results, about: Results, sizes: Results) -> dict[str, Any]:
    """The results kept last, with these peers in the place of any before them."""
    return {
        **kept,
        "sizes": {**kept["sizes"], KEY: dict(sizes)},
        KEY: dict(peers),
        ABOUT: dict(about),
        VS_QUIRREL: _vs_quirrel(peers),
    }


def _vs_quirrel(peers: Results) -> float | None:
    """How many times as much as Quirrel Wakecall books in a second; None if not both are there."""
    rates = [peers.get(name, {}).get("creates_per_s") for name in ("wakecall", "quirrel")]
    return rounded(rates[0] / rates[1]) if all(rates) else None


def carried(found: Results, path: Path) -> dict[str, Any]:
    """What a whole run found, with the peers of the results in `path`, where it has some.

    A whole run does not measure peers; so their results say when they were measured.
    """
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        return merged(found, kept[KEY], kept[ABOUT], kept["sizes"][KEY])
    return dict(found)
