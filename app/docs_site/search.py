"""Search: finds sections of the pages by their words, in memory and within fixed bounds."""

from __future__ import annotations

import heapq
import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_QUERY: Final = 200
"""The most characters of a query that are read."""

MAX_TERMS: Final = 8
MAX_COMPLETIONS: Final = 40
"""The most words that the beginning of a word stands for."""

MAX_RESULTS: Final = 20
_EXCERPT: Final = 220
_BEFORE: Final = 60
_TITLE_WEIGHT: Final = 6.0
_HEADING_WEIGHT: Final = 4.0
_MIN_COMPLETED: Final = 2
_COMMON_SHARE: Final = 0.3
_FILLERS: Final = frozenset({
    "a", "an", "and", "are", "at", "be", "by", "can", "do", "does", "for", "from", "how", "i", "if",
    "in", "is", "it", "my", "of", "on", "or", "the", "to", "what", "when", "why", "with", "you",
    "your",
})  # fmt: skip
_COMPLETION_WEIGHT: Final = 0.6
_WORD: Final = re.compile(r"\w+")
_NOT_WORD: Final = re.compile(r"\W")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What is found: one section of a page."""

    slug: str
    page: str
    """The title of the page."""
    anchor: str
    heading: str
    text: str
    weight: float = 1.0
    """Below 1 for a page that fewer readers look for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of an excerpt; `hit` if it is a word of the query."""

    text: str
    hit: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A result, with the part of its text in which words of the query are."""

    unit: Unit
    excerpt: tuple[Piece, ...]


def words_of(text: str) -> list[str]:
    """Return the words of a text in a form in which inflections are alike.

    A word of several humps, as `misfireWindow`, counts as itself and as its parts.
    """
    found = []
    for word in _WORD.findall(text):
        parts = _HUMP.split(word)
        if "_" in word:
            parts = [part for each in parts for part in each.split("_") if part]
        found += [_stem(each.lower()) for each in ([word, *parts] if len(parts) > 1 else [word])]
    return found


def _stem(word: str) -> str:
    """Return the word without the ending of a plural."""
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - shorter words are not plurals
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004 - as above
        return word[:-1]
    return word


class Index:
    """The words of all sections, and how much each counts: more for a word that few have."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units = tuple(units)
        self._searched = [_searched(each.text) for each in self._units]
        weights: dict[str, dict[int, float]] = defaultdict(dict)
        for number, unit in enumerate(self._units):
            for word, weight in _weights(unit).items():
                weights[word][number] = weight * unit.weight
        for having in weights.values():
            rarity = math.log(1 + len(self._units) / (1 + len(having)))
            for number in having:
                having[number] *= rarity
        self._weights = dict(weights)
        self._words = sorted(self._weights)

    def find(self, query: str, limit: int = MAX_RESULTS) -> list[Found]:
        """Return the sections that match the query, the best first.

        A section with more of its words comes before one with fewer, unless these count much more.
        The last word may be the beginning of one.
        """
        asked = (_stem(each.lower()) for each in _WORD.findall(query[:MAX_QUERY]))
        words = list(dict.fromkeys(asked))
        # A word that distinguishes nothing is looked for only if there is no other.
        telling = [each for each in words if not self._is_common(each)][:MAX_TERMS]
        has_any = any(each in self._weights for each in telling)
        terms = telling if has_any else words[:MAX_TERMS]
        if not terms:
            return []
        scores: dict[int, float] = defaultdict(float)
        matched: dict[int, int] = defaultdict(int)
        for term in terms:
            for number, score in self._matches(term, is_last=term == terms[-1]).items():
                scores[number] += score
                matched[number] += 1
        rank = {each: (-score * matched[each] ** 2, each) for each, score in scores.items()}
        return [
            Found(
                unit=self._units[each],
                excerpt=_excerpt(self._units[each].text, self._searched[each], terms),
            )
            for each in heapq.nsmallest(limit, rank, key=rank.__getitem__)
        ]

    def _is_common(self, term: str) -> bool:
        is_everywhere = len(self._weights.get(term, ())) > len(self._units) * _COMMON_SHARE
        return is_everywhere or term in _FILLERS

    def _matches(self, term: str, *, is_last: bool) -> Mapping[int, float]:
        """Return the score of each section for one word, or for the words that begin with it."""
        exact = self._weights.get(term, {})
        if not is_last:
            return exact
        found = dict(exact)
        for word in self._completions(term):
            if word == term:
                continue
            for number, weight in self._weights.get(word, {}).items():
                score = weight * _COMPLETION_WEIGHT
                if score > found.get(number, 0.0):
                    found[number] = score
        return found

    def _completions(self, term: str) -> Sequence[str]:
        if len(term) < _MIN_COMPLETED:
            return (term,)
        first = bisect_left(self._words, term)
        last = bisect_left(self._words, f"{term}\uffff", first)
        return self._words[first : min(last, first + MAX_COMPLETIONS)]


def _weights(unit: Unit) -> dict[str, float]:
    """Return how much each word counts for the section: a repeated word counts a little more."""
    counts = Counter(words_of(unit.text))
    found = {word: number / (number + 1.5) for word, number in counts.items()}
    is_lead = not unit.heading or unit.heading == unit.page
    for word in set(words_of(unit.heading)):
        found[word] = found.get(word, 0.0) + _HEADING_WEIGHT
    for word in set(words_of(unit.page)):
        found[word] = found.get(word, 0.0) + (_TITLE_WEIGHT if is_lead else 1.0)
    return found


def _searched(text: str) -> str:
    """Return the text in lower case with spaces between words, each of which is one place later.

    To look for the words of a query in it takes less time than to compile a pattern of them.
    """
    lower = text.lower()
    return f" {_NOT_WORD.sub(' ', lower if len(lower) == len(text) else text)}"


def _places(searched: str, beginning: str, start: int, end: int) -> Iterator[int]:
    """Yield where words between two places of the text have this beginning."""
    at = searched.find(beginning, start, end + 1)
    while at >= 0:
        yield at
        at = searched.find(beginning, at + 1, end + 1)


def _excerpt(text: str, searched: str, terms: Sequence[str]) -> tuple[Piece, ...]:
    """Return the part of the text that begins a little before the first word of the query."""
    beginnings = [f" {each}" for each in terms]
    first = min((at for at in map(searched.find, beginnings) if at >= 0), default=0)
    start = max(0, first - _BEFORE)
    if start:
        start = text.find(" ", start) + 1
    end = min(len(text), start + _EXCERPT)
    pieces, at = [Piece(text="… " if start else "", hit=False)], start
    for begins in sorted({n for each in beginnings for n in _places(searched, each, start, end)}):
        ends = _WORD.match(text, begins, end).end()  # type: ignore[union-attr] # a word begins there
        pieces.append(Piece(text=text[at:begins], hit=False))
        pieces.append(Piece(text=text[begins:ends], hit=True))
        at = ends
    pieces.append(Piece(text=text[at:end] + (" …" if end < len(text) else ""), hit=False))
    return tuple(each for each in pieces if each.text)
