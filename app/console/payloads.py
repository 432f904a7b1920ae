"""Payloads: bytes as text for people: JSON on lines with its numbers as sent, text, or hex."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import Final

from app.domain.run import KEPT_BODY, Reply

MAX_SHOWN: Final = 16 * 1024
"""Bytes of a payload that a page shows."""

_MAX_DEPTH: Final = 40
_HEX_ROW: Final = 16
_UTF_8: Final = codecs.getincrementaldecoder("utf-8")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A payload as a page shows it."""

    text: str
    form: str
    """`JSON`, `text` or `hex`."""
    size: int
    """Bytes of the whole payload."""
    is_cut: bool


def shown(data: bytes, *, is_beginning: bool = False) -> Shown:
    """Return a payload for people: JSON on indented lines, other text as it is, the rest as hex.

    `is_beginning` is whether more of the payload may have followed, which is not kept.
    """
    part, is_cut = data[:MAX_SHOWN], len(data) > MAX_SHOWN
    try:
        # Where a text is cut, the last character may lack bytes.
        text = _UTF_8().decode(part, final=not (is_cut or is_beginning))
    except UnicodeDecodeError:
        return Shown(text=to_hex(part), form="hex", size=len(data), is_cut=is_cut)
    if _has_controls(text):
        return Shown(text=to_hex(part), form="hex", size=len(data), is_cut=is_cut)
    if not is_cut and text.lstrip()[:1] in {"{", "["}:
        laid_out = to_lines(text)
        if laid_out is not None:
            return Shown(text=laid_out, form="JSON", size=len(data), is_cut=False)
    return Shown(text=text, form="text", size=len(data), is_cut=is_cut)


def shown_reply(reply: Reply) -> Shown | None:
    """Return the body of a response for people; None without one."""
    body = reply.body
    return shown(body, is_beginning=len(body) >= KEPT_BODY) if body else None


def to_lines(text: str) -> str | None:
    """Return JSON on indented lines, every token as it was sent; None if it is not JSON.

    Parsing would round numbers and drop repeated members.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    made: list[str] = []
    depth, before = 0, ""
    for part in _TOKEN.findall(text):
        if part in {"}", "]"}:
            depth -= 1
            made.append(part if before in {"{", "["} else _line(depth) + part)
        else:
            if before in {"{", "[", ","}:
                made.append(_line(depth))
            made.append(": " if part == ":" else part)
        if part in {"{", "["}:
            depth += 1
        if depth > _MAX_DEPTH:
            return None
        before = part
    return "".join(made)


def to_hex(data: bytes) -> str:
    """Return bytes as lines of 16, in hexadecimal and as characters."""
    rows = []
    for start in range(0, len(data), _HEX_ROW):
        row = data[start : start + _HEX_ROW]
        characters = "".join(map(_character, row))
        rows.append(f"{start:06x}  {row.hex(' '):<47}  {characters}")
    return "\n".join(rows)


def _character(byte: int) -> str:
    character = chr(byte)
    return character if character.isascii() and character.isprintable() else "."


def _line(depth: int) -> str:
    return "\n" + "  " * depth


def _has_controls(text: str) -> bool:
    return any(each < " " and each not in "\n\r\t" for each in text)
