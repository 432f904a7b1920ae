"""Negotiation: chooses the media type of a response from those offered (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.errors import NotAcceptable

TEXT: Final = "text/plain"
JSON: Final = "application/json"
XML_TEXT: Final = "text/xml"
XML_APPLICATION: Final = "application/xml"

# If the client prefers several offers equally, the first one is used.
DOCUMENTS: Final = (JSON, XML_TEXT, XML_APPLICATION)
WITH_TEXT: Final = (TEXT, *DOCUMENTS)
TEXT_LAST: Final = (*DOCUMENTS, TEXT)

MAX_ACCEPT: Final = 1024
"""The most characters of an Accept field that is parsed; a longer field counts as absent."""

_MIN_QUALITY: Final = 0.001
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE: Final = re.compile(rf"({_NAME})/({_NAME})")
# A quote that is not closed ends with the text, also after a lone backslash. If it did not match,
# each quote would be read to the end of the text again, in time quadratic in the text's length.
_QUOTED: Final = r'"(?:\\.|[^"\\])*+(?:"|\\?\Z)'
_ELEMENT: Final = re.compile(rf'(?:[^,"]|{_QUOTED})++', re.DOTALL)
_PART: Final = re.compile(rf'(?:[^;"]|{_QUOTED})++', re.DOTALL)
_WEIGHT: Final = re.compile(r"[01]\.?|[01]?\.[0-9]{1,20}")


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaRange:
    """One element of an Accept field; `precision` ranks how specific it is, `weight` is its q."""

    type: str
    subtype: str
    precision: int
    weight: float

    def covers(self, media_type: str) -> bool:
        """Whether an offered media type lies in this range."""
        major, _, minor = media_type.partition("/")
        return self.type in {"*", major} and self.subtype in {"*", minor}


def choose(accept: str | None, offers: tuple[str, ...]) -> str:
    """Return the offer with the highest weight, the earlier one on a tie; raises NotAcceptable.

    The most specific range that covers an offer gives its weight; 0 excludes it. An Accept field
    accepts every offer if it is absent, has more than MAX_ACCEPT characters, or contains no range
    that can be parsed.
    """
    return _choose("" if accept is None or len(accept) > MAX_ACCEPT else accept, offers)


@lru_cache(maxsize=256)
def _choose(accept: str, offers: tuple[str, ...]) -> str:
    ranges = parse(accept)
    if ranges is None:
        return offers[0]
    weights = {offer: _weight(ranges, offer) for offer in offers}
    best = max(offers, key=lambda offer: weights[offer])
    if weights[best] == 0:
        raise NotAcceptable(
            "None of the media types in Accept is available here.",
            member="Accept",
            remedy=f"Accept one of: {', '.join(offers)}.",
        )
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding names gzip without a weight, as all browsers send it."""
    return any(each.strip(" \t").lower() == "gzip" for each in accept_encoding.split(","))


def parse(accept: str) -> tuple[MediaRange, ...] | None:
    """Return the ranges of an Accept field; None if no element has the form of a media range.

    The parser is lenient. An element that is not a range is skipped. A lone `*` is `*/*`, because
    old Java clients send it. A weight may lack its leading 0. An invalid weight becomes the
    smallest weight, so that the type stays acceptable after all types with a valid weight.
    """
    elements = [_PART.findall(element) for element in _ELEMENT.findall(accept)]
    read = [_range(*parts) for parts in elements if parts]
    known = [each for each in read if each is not None]
    if not known:
        return None
    return tuple(each for each in known if each.precision >= 0)


def _range(name: str, *parameters: str) -> MediaRange | None:
    name = name.strip().lower()
    match = _RANGE.fullmatch("*/*" if name == "*" else name)
    if match is None or (match[1] == "*" and match[2] != "*"):
        return None
    wildcards = [match[1], match[2]].count("*")
    precision, weight = 2 - wildcards, 1.0
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        if key.lower() == "q":
            # Parameters after the weight do not belong to the media type.
            weight = _read_weight(value)
            break
        if key.lower() == "charset" and value.strip('"').lower() == "utf-8":
            precision = 3 - wildcards
        elif key:
            # No response here has this parameter, so the range covers none of them.
            precision = -1
            break
    return MediaRange(type=match[1], subtype=match[2], precision=precision, weight=weight)


def _read_weight(text: str) -> float:
    if not _WEIGHT.fullmatch(text):
        return _MIN_QUALITY
    weight = float(text)
    return weight if weight <= 1 else _MIN_QUALITY


def _weight(ranges: tuple[MediaRange, ...], offer: str) -> float:
    covering = [each for each in ranges if each.covers(offer)]
    if not covering:
        return 0.0
    closest = max(covering, key=lambda each: (each.precision, each.weight))
    return closest.weight
