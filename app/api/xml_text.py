"""Which texts an XML document can hold (XML 1.0, 2.2), and what stands in for the others."""

from __future__ import annotations

import re
from typing import Final

_UNFIT: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fits(text: str) -> bool:
    """Whether XML can hold every character of `text`."""
    return _UNFIT.search(text) is None


def printable(text: str) -> str:
    """`text` with U+FFFD for what XML, or any encoding, cannot hold."""
    return _UNFIT.sub("\ufffd", text)
