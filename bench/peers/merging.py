"""Merging: peers into the results kept last, and on into those of the next whole run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

KEY: Final = "peers"
ABOUT: Final = "peers_measured"
"""Keys of the results: the peers by name, and when and with what they were measured."""

Results = Mapping[str, Any]


def merged(kept: Results, peers: Results, about: Results, sizes: Results) -> dict[str, Any]:
    """The results kept last, with these peers in the place of any before them."""
    return {
        **kept,
        "sizes": {**kept["sizes"], KEY: dict(sizes)},
        KEY: dict(peers),
        ABOUT: dict(about),
    }


def carried(found: Results, path: Path) -> dict[str, Any]:
    """What a whole run found, with the peers of the results in `path`, where it has some.

    A whole run does not measure peers; so their results say when they were measured.
    """
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        return merged(found, kept[KEY], kept[ABOUT], kept["sizes"][KEY])
    return dict(found)
