"""Search: finds sections of the pages by their words, in memory and within fixed bounds."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
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
    """The words of all sections, and how much each counts."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units = tuple(units)
        weights: dict[str, dict[int, float]] = defaultdict(dict)
        for number, unit in enumerate(self._units):
            for word, weight in _weights(unit).items():
                weights[word][number] = weight * unit.weight
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
        scores: Counter[int] = Counter()
        matched: Counter[int] = Counter()
        for term in terms:
            for number, score in self._matches(term, is_last=term == terms[-1]).items():
                scores[number] += score  # type: ignore[assignment] # a Counter adds floats too
                matched[number] += 1
        best = sorted(scores, key=lambda number: (-scores[number] * matched[number] ** 2, number))
        return [
            Found(unit=self._units[each], excerpt=_excerpt(self._units[each].text, terms))
            for each in best[:limit]
        ]

    def _is_common(self, term: str) -> bool:
        is_everywhere = len(self._weights.get(term, ())) > len(self._units) * _COMMON_SHARE
        return is_everywhere or term in _FILLERS

    def _matches(self, term: str, *, is_last: bool) -> dict[int, float]:
        """Return the score of each section for one word, or for the words that begin with it."""
        found: dict[int, float] = {}
        for word in self._completions(term) if is_last else (term,):
            having = self._weights.get(word, {})
            rarity = math.log(1 + len(self._units) / (1 + len(having)))
            factor = rarity if word == term else rarity * _COMPLETION_WEIGHT
            for number, weight in having.items():
                found[number] = max(found.get(number, 0.0), weight * factor)
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


def _excerpt(text: str, terms: Sequence[str]) -> tuple[Piece, ...]:
    """Return the part of the text that begins a little before the first word of the query."""
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, terms))})\w*", re.IGNORECASE)
    first = pattern.search(text)
    start = max(0, first.start() - _BEFORE) if first else 0
    if start:
        start = text.find(" ", start) + 1
    end = min(len(text), start + _EXCERPT)
    pieces, at = [Piece(text="… " if start else "", hit=False)], start
    for each in pattern.finditer(text, start, end):
        pieces += [Piece(text=text[at : each.start()], hit=False), Piece(text=each[0], hit=True)]
        at = each.end()
    pieces.append(Piece(text=text[at:end] + (" …" if end < len(text) else ""), hit=False))
    return tuple(each for each in pieces if each.text)
