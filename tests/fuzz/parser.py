"""Parser: code that reads text of a client or a receiver, with texts that it reads."""

from __future__ import annotations

import string
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hypothesis.strategies import SearchStrategy

from app.errors import Refused
from tests.worst import LIMIT_S

# Digits and spaces of other scripts, letters that change their number in upper case, a control
# character, a direction mark: what a reader of ASCII may take for something else.
_ODD: Final = (
    "\0\t\n\r\x0b\x1b\x7f\x80\x85\xa0\xad\xb2\xdf\xe9\xff\u0130\u0131\u0149\u0301\u0663\u1680"
    "\u200b\u2028\u202e\u3000\ufb01\ufeff\ufffd\uff11\U0001f600\U0010ffff"
)
TEXT: Final = string.printable + _ODD
"""Characters that are inserted into texts."""

UNDECODABLE: Final = TEXT + "\udc80\udcc3\udce2\udcff"
"""The same, and surrogates that `to_bytes` makes bytes of that are not UTF-8."""

HEADER: Final = "\t" + "".join(map(chr, range(32, 127))) + "\x80\x85\xa0\xb2\xbd\xe9\xff"
"""Characters of a header's value, as WSGI has them."""

BINARY: Final = "".join(map(chr, range(256)))
"""Characters that stand for bytes."""


@dataclass(frozen=True, kw_only=True)
class Parser:
    """Code that reads text: it returns a value or raises one of `refusals`, and nothing else."""

    read: Callable[[str], object]
    samples: tuple[str, ...]
    """Texts that it accepts, or nearly."""
    words: tuple[str, ...] = ()
    """Parts of its grammar, which are inserted as a whole."""
    drawn: SearchStrategy[str] | None = None
    """Texts by its grammar."""
    letters: str = TEXT
    refusals: tuple[type[BaseException], ...] = (Refused,)
    limit_s: float = LIMIT_S
    """Seconds of computing within which it reads 64 KiB."""

    def read_quietly(self, text: str) -> None:
        """Read a text; a refusal is as good as a value."""
        with suppress(*self.refusals):
            self.read(text)


def to_bytes(text: str) -> bytes:
    """The text in UTF-8, with bytes that are not UTF-8 for its surrogates of UNDECODABLE."""
    return text.encode("utf-8", "surrogateescape")
