"""XML text: which characters an XML document can contain (XML 1.0, 2.2); replaces the others."""

from __future__ import annotations

import re
from typing import Final

_UNFIT: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fits(text: str) -> bool:
    """Whether XML can contain every character of `text`."""
    return _UNFIT.search(text) is None


def printable(text: str) -> str:
    """Return `text` with U+FFFD for each character that XML, or any encoding, cannot contain."""
    return _UNFIT.sub("\ufffd", text)
