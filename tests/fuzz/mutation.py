"""Mutation: changes texts at random, and makes long ones of their parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.parser import Parser

MAX_SHORT: Final = 2000
_DIGITS: Final = re.compile("[0-9]+")
_NUMBERS: Final = (
    *("0", "00", "1", "-1", "+1", "1.5", "1e9", "1e400", "0x1", "NaN", "\u0663", "\xb2", ""),
    *("59", "60", "61", "24", "31", "32", "366", "999", "4294967296", "9223372036854775808"),
    *("9" * 20, "9" * 120, "9" * 5000),
)


@dataclass(frozen=True, kw_only=True)
class Long:
    """A long text: one unit many times between two others."""

    before: str
    unit: str
    after: str
    times: int
    is_numbered: bool = False
    """Whether each unit is followed by its number."""

    @property
    def text(self) -> str:
        """The text itself."""
        units = (
            "".join(f"{self.unit}{number}" for number in range(self.times))
            if self.is_numbered
            else self.unit * self.times
        )
        return f"{self.before}{units}{self.after}"

    def sized(self, size: int) -> Long:
        """The same with as many units as fit into so many characters."""
        room = size - len(self.before) - len(self.after)
        width = len(self.unit) + (4 if self.is_numbered else 0)
        return Long(
            before=self.before,
            unit=self.unit,
            after=self.after,
            times=max(1, room // width),
            is_numbered=self.is_numbered,
        )


def mutated(random: Random, parser: Parser, texts: Sequence[str]) -> str:
    """One of the texts with a few changes."""
    text = random.choice(texts)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        text = random.choice(_CHANGES)(random, text, parser, texts)
    return _fitting(parser, text[:MAX_SHORT])


def lengthened(random: Random, parser: Parser, texts: Sequence[str]) -> Long:
    """A text in which a part of one of the texts is repeated."""
    text = random.choice(texts)
    begin, end = _part(random, text, most=40)
    unit = text[begin:end]
    if not unit or random.random() < 0.2:
        unit = _fitting(parser, _piece(random, parser)) or "a"
    return Long(
        before=text[:begin] if random.random() < 0.8 else "",
        unit=unit,
        after=text[end:] if random.random() < 0.7 else random.choice(("", "\\", "x", '"')),
        times=1,
        is_numbered=random.random() < 0.2,
    )


def _fitting(parser: Parser, text: str) -> str:
    """The text without characters that stand for no byte, where characters stand for bytes."""
    stands_for_bytes = max(parser.letters) < "\u0100"
    return text.encode("latin-1", "ignore").decode("latin-1") if stands_for_bytes else text


def _remove(random: Random, text: str, _parser: Parser, _texts: Sequence[str]) -> str:
    begin, end = _part(random, text, most=20)
    return text[:begin] + text[end:]


def _repeat(random: Random, text: str, _parser: Parser, _texts: Sequence[str]) -> str:
    begin, end = _part(random, text, most=20)
    return text[:begin] + text[begin:end] * random.randint(2, 20) + text[end:]


def _insert(random: Random, text: str, parser: Parser, _texts: Sequence[str]) -> str:
    at = random.randint(0, len(text))
    return text[:at] + _piece(random, parser) + text[at:]


def _replace(random: Random, text: str, parser: Parser, _texts: Sequence[str]) -> str:
    begin, end = _part(random, text, most=4)
    return text[:begin] + _piece(random, parser) + text[end:]


def _number(random: Random, text: str, _parser: Parser, _texts: Sequence[str]) -> str:
    found = list(_DIGITS.finditer(text))
    if not found:
        return text
    one = random.choice(found)
    return text[: one.start()] + random.choice(_NUMBERS) + text[one.end() :]


def _splice(random: Random, text: str, _parser: Parser, texts: Sequence[str]) -> str:
    other = random.choice(texts)
    return text[: random.randint(0, len(text))] + other[random.randint(0, len(other)) :]


def _case(random: Random, text: str, _parser: Parser, _texts: Sequence[str]) -> str:
    begin, end = _part(random, text, most=20)
    return text[:begin] + text[begin:end].swapcase() + text[end:]


def _end(random: Random, text: str, _parser: Parser, _texts: Sequence[str]) -> str:
    return text[: random.randint(0, len(text))]


_CHANGES: Final[tuple[Callable[[Random, str, Parser, Sequence[str]], str], ...]] = (
    *(_remove, _repeat, _insert, _insert, _replace, _replace, _number, _splice, _case, _end),
)


def _part(random: Random, text: str, *, most: int) -> tuple[int, int]:
    begin = random.randint(0, len(text))
    return begin, min(len(text), begin + random.randint(0, most))


def _piece(random: Random, parser: Parser) -> str:
    if parser.words and random.random() < 0.5:
        return random.choice(parser.words)
    return random.choice(parser.letters)
