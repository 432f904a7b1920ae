"""Corpus: texts that were found, kept in a file for each parser."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzz.parser import Parser
from tests.fuzz.reached import Lines

FOLDER: Final = Path(__file__).parent / "corpus"
MAX_TEXTS: Final = 30
MAX_LENGTH: Final = 400


def load(name: str) -> tuple[str, ...]:
    """The texts that are kept for a parser."""
    path = _path(name)
    return tuple(json.loads(path.read_text())) if path.exists() else ()


def save(name: str, texts: Sequence[str]) -> None:
    """Keep these texts for a parser."""
    if texts:
        FOLDER.mkdir(exist_ok=True)
        _path(name).write_text(json.dumps(list(texts), indent=0) + "\n")


def worth_keeping(parser: Parser, texts: Sequence[str]) -> list[str]:
    """Of these texts the shortest that reach, together, the lines that all of them reach.

    Those that the samples reach need no further text.
    """
    lines = Lines()
    for each in parser.samples:
        lines.are_new(parser.read_quietly, each)
    short = sorted((each for each in texts if len(each) <= MAX_LENGTH), key=len)
    return [each for each in short if lines.are_new(parser.read_quietly, each)][:MAX_TEXTS]


def _path(name: str) -> Path:
    return FOLDER / f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
