"""Duration: reads Go's durations, as in `1h30m`, and those of protobuf, as in `1.5s`."""

from __future__ import annotations

import re
from typing import Final

from app.domain.checks import quoted
from app.domain.dapr.refusal import Refusal

SECOND: Final = 1_000_000_000
MAX_TEXT: Final = 128

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_PART: Final = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<unit>[^.0-9]*)")
_MIN_NANOSECONDS: Final = -(1 << 63)
_MAX_NANOSECONDS: Final = (1 << 63) - 1
_FORMS: Final = (
    'write numbers with the units h, m, s, ms, us and ns, as in "1h30m" or ".5s"; '
    "days have no unit, write 24h"
)
_PROTOBUF: Final = re.compile(
    r"(?P<sign>[-+]?)(?=[0-9.])(?P<whole>0|[1-9][0-9]*)?(?:\.(?P<fraction>[0-9]{0,9}))?s"
)
_MAX_SECONDS: Final = 315_576_000_000


def parse(text: str, *, member: str) -> int:
    """The nanoseconds of a Go duration; raises Refusal for `member`.

    Fractions of a nanosecond are cut off, as in Go.
    """
    sign, rest = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if rest == "0":
        return 0
    if not rest or len(text) > MAX_TEXT:
        raise _invalid(text, member)
    total, begin = 0, 0
    while begin < len(rest):
        part = _PART.match(rest, begin)
        if part is None or not (part["whole"] or part["fraction"]):
            raise _invalid(text, member)
        total += _nanoseconds(part, text, member)
        begin = part.end()
    total = -total if sign == "-" else total
    if not _MIN_NANOSECONDS <= total <= _MAX_NANOSECONDS:
        raise _invalid(text, member)
    return total


def _nanoseconds(part: re.Match[str], text: str, member: str) -> int:
    unit = part["unit"]
    if not unit:
        raise Refusal(member, f"time: missing unit in duration {quoted(text)}", remedy=_FORMS)
    if unit not in _NANOSECONDS:
        reason = f"time: unknown unit {quoted(unit)} in duration {quoted(text)}"
        raise Refusal(member, reason, remedy=_FORMS)
    fraction = part["fraction"] or ""
    scale: int = 10 ** len(fraction)
    whole = int(part["whole"] or 0) * _NANOSECONDS[unit]
    return whole + int(fraction or 0) * _NANOSECONDS[unit] // scale


def _invalid(text: str, member: str) -> Refusal:
    return Refusal(member, f"time: invalid duration {quoted(text)}", remedy=_FORMS)


def interval(text: str, *, member: str) -> float:
    """The seconds of a protobuf Duration as JSON has it, `[-]N[.fraction]s`.

    Raises Refusal for `member`. A negative Duration is 0: a retry that would be due before its run
    is due at once.
    """
    return max(_protobuf(text, member), 0) / SECOND


def canonical(text: str, *, member: str) -> str:
    """A protobuf Duration as protobuf writes it: with no, 3, 6 or 9 digits of fraction."""
    return of_nanoseconds(_protobuf(text, member))


def of_nanoseconds(value: int) -> str:
    """As `canonical`; what is longer than a Duration can be is the longest one."""
    value = max(-_MAX_SECONDS * SECOND, min(value, _MAX_SECONDS * SECOND))
    seconds, rest = divmod(abs(value), SECOND)
    fraction = f"{rest:09}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    point = "." if fraction else ""
    return f"{'-' if value < 0 else ''}{seconds}{point}{fraction}s"


def _protobuf(text: str, member: str) -> int:
    found = _PROTOBUF.fullmatch(text) if len(text) <= MAX_TEXT else None
    if found is None or int(found["whole"] or 0) > _MAX_SECONDS:
        raise Refusal(
            member,
            f"invalid google.protobuf.Duration value {quoted(text)}",
            remedy='write seconds, as in "3s" or "0.2s"; no other unit is taken here',
        )
    fraction = found["fraction"] or ""
    total = int(found["whole"] or 0) * SECOND + int(fraction.ljust(9, "0"))
    return -total if found["sign"] == "-" else total
