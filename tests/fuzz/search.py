"""Search: texts for one parser, each of which must be read or refused, and in time."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from app.errors import InvalidMember, Refused
from tests.fuzz import reached
from tests.fuzz.mutation import Long, lengthened, mutated
from tests.fuzz.parser import Parser
from tests.worst import SIZE, cpu_seconds, is_fast

SIZES: Final = (SIZE // 256, SIZE // 64, SIZE // 16, SIZE // 4, SIZE)
"""Lengths of a long text: a shorter one shows first what would take minutes at the full length."""

_MEASURED_AGAIN: Final = 5
_SHRINKS: Final = 400
_MAX_MESSAGE: Final = 2000
_MAX_POOL: Final = 500
_SHOWN: Final = 300


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many texts are tried."""

    changed: int
    drawn: int
    long: int
    is_guided: bool = False
    """Whether texts that reach new lines of the code are changed further, which takes longer."""


SHORT: Final = Effort(changed=120, drawn=15, long=10)
THOROUGH: Final = Effort(changed=1000, drawn=60, long=40, is_guided=True)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A text that is not read as it should be."""

    parser: str
    text: str
    """As an expression of Python."""
    wrong: str

    def __str__(self) -> str:
        """What is wrong with which text."""
        return f"{self.parser}: {self.wrong}\n  {self.text}"


@dataclass(kw_only=True)
class Search:
    """A search for texts that one parser reads wrongly, or for too long.

    All is drawn from `drawn_from`. `texts` are those that are changed: the samples, and what was
    found to reach new lines of the code.
    """

    name: str
    parser: Parser
    drawn_from: str
    kept: tuple[str, ...] = ()
    """Texts of the corpus."""
    findings: list[Finding] = field(default_factory=list)
    tried: int = 0
    texts: list[str] = field(init=False)
    _random: random.Random = field(init=False)
    _lines: reached.Lines = field(default_factory=reached.Lines)

    def __post_init__(self) -> None:
        self.texts = [*self.parser.samples, *self.kept]
        self._random = random.Random(f"{self.drawn_from} {self.name}")

    def run(self, effort: Effort, *, until: float = float("inf")) -> list[Finding]:
        """Try as many texts, until one is read wrongly or `time.monotonic()` shows `until`."""
        for text in self._short(effort):
            self.tried += 1
            wrong = fault(self.parser, text)
            if wrong is not None:
                self._report_short(text, wrong)
            elif effort.is_guided:
                self._learn(text)
            if self.findings or time.monotonic() > until:
                return self.findings
        for _ in range(effort.long):
            self._try_long(lengthened(self._random, self.parser, self.texts))
            if self.findings or time.monotonic() > until:
                break
        return self.findings

    def _short(self, effort: Effort) -> Iterator[str]:
        yield from tuple(self.texts)
        if self.parser.drawn is not None:
            yield from self._drawn(effort.drawn)
        for _ in range(effort.changed):
            yield mutated(self._random, self.parser, self.texts)

    def _drawn(self, number: int) -> list[str]:
        """Texts by the grammar, which are changed further as the samples are."""
        found: list[str] = []
        assert self.parser.drawn is not None

        @seed(f"{self.drawn_from} {self.name}")
        @settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(self.parser.drawn)
        def draw(text: str) -> None:
            found.append(text)

        draw()
        self.texts += [each for each in found if len(each) < _SHOWN][:20]
        return found

    def _learn(self, text: str) -> None:
        if len(self.texts) < _MAX_POOL and self._lines.are_new(self.parser.read_quietly, text):
            self.texts.append(text)

    def _report_short(self, text: str, wrong: str) -> None:
        kind = wrong.partition(":")[0]

        def is_the_same(shorter: str) -> bool:
            return (fault(self.parser, shorter) or "").partition(":")[0] == kind

        smallest = shrunk(text, is_the_same)
        self._report(ascii(smallest), fault(self.parser, smallest) or wrong)

    def _try_long(self, long: Long) -> None:
        """Read the text at growing lengths; report the first at which it takes too long."""
        for size in SIZES:
            self.tried += 1
            sized = long.sized(size)
            wrong = fault(self.parser, sized.text)
            if wrong is not None:
                shown = f"{_shown(long.before)} + {_shown(long.unit)} * {sized.times}"
                shown += f"{' (numbered)' if long.is_numbered else ''} + {_shown(long.after)}"
                self._report(shown, wrong)
                return

    def _report(self, text: str, wrong: str) -> None:
        self.findings.append(Finding(parser=self.name, text=text, wrong=wrong))


def fault(parser: Parser, text: str) -> str | None:
    """What is wrong with how the text is read; None if it is read or refused, and in time."""
    began = time.thread_time()
    try:
        parser.read(text)
    except parser.refusals as refusal:
        return _unsound(refusal) or _too_slow(parser, text, time.thread_time() - began)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - argparse exits, and Rust panics
        return _described(error)
    return _too_slow(parser, text, time.thread_time() - began)


def shrunk(text: str, fails: Callable[[str], bool]) -> str:
    """The text without what it fails without, as far as a few hundred tries show."""
    tries, size = 0, max(1, len(text) // 2)
    while size and tries < _SHRINKS:
        at = 0
        while at < len(text) and tries < _SHRINKS:
            tries += 1
            shorter = text[:at] + text[at + size :]
            if fails(shorter):
                text = shorter
            else:
                at += size
        size //= 2
    return text


def _too_slow(parser: Parser, text: str, seconds: float) -> str | None:
    """The time that reading takes, where it is too long each time that it is measured."""
    if seconds < parser.limit_s or is_fast(
        parser.read_quietly, text, parser.limit_s, tries=_MEASURED_AGAIN
    ):
        return None
    least = min(seconds, cpu_seconds(partial(parser.read_quietly), text))
    return f"too slow: {least * 1000:.0f} ms for {len(text)} characters"


def _unsound(refusal: BaseException) -> str | None:
    """What is wrong with a refusal itself."""
    if not isinstance(refusal, Refused):
        return None
    parts = (refusal.message, refusal.remedy, refusal.member or "")
    if any(len(each) > _MAX_MESSAGE for each in parts):
        return f"long refusal: {type(refusal).__name__} repeats what it was sent"
    if any(not each.isascii() and _is_unwritable(each) for each in parts):
        return f"unwritable refusal: {type(refusal).__name__} cannot be encoded"
    if isinstance(refusal, InvalidMember) and not (refusal.member and refusal.remedy):
        return f"bare refusal: {refusal.message!r} has no member or no remedy"
    return None


def _is_unwritable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}, {frames[-1].name}" if frames else ""
    return f"{type(error).__name__} in {where}: {str(error)[:_SHOWN]}"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
