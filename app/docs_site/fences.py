"""Fences: what the info string of a fenced code block states about the block.

    ```sh run tab=curl
    ```json output
    ```sh skip="needs a mail server"
    ```sh skip needs a mail server

The first word is the language, which a code host highlights too. A word after it is the mode:
tests/docs_site executes `run` and `file` blocks, compares an `output` block with what the block
before it prints, and leaves out a `skip` block, whose reason is given.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

MODES = ("run", "output", "file", "skip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fence:
    """The parts of an info string."""

    language: str
    mode: str = ""
    value: str = ""
    """What follows the mode: the name of a file, the reason of a skip, `background` of a run."""
    tab: str = ""
    """The label of the tab; adjacent blocks that have one are shown as tabs."""


def read_info(info: str) -> Fence:
    """Return the parts of an info string; words that mean nothing here are ignored."""
    try:
        words = shlex.split(info)
    except ValueError:
        words = info.split()
    language, mode, value, tab = words[0] if words else "", "", "", ""
    for at, word in enumerate(words[1:], start=1):
        name, _, text = word.partition("=")
        if word == "skip":
            return Fence(language=language, mode=word, value=" ".join(words[at + 1 :]), tab=tab)
        if name in MODES:
            mode, value = name, text
        elif name == "tab":
            tab = text
    return Fence(language=language, mode=mode, value=value, tab=tab)
