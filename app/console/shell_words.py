"""Shell words: splits a command into words as bash does, escapes in $'…' included. Pure."""

from __future__ import annotations

import shlex
from typing import Final

_ESCAPES: Final = {
    **{each: each for each in "\\'\"?"},
    **dict(zip("abeEfnrtv", "\a\b\x1b\x1b\f\n\r\t\v", strict=True)),
}
_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
"""What stands before a number in hexadecimal, and its most digits."""

_HEX: Final = frozenset("0123456789abcdefABCDEF")
_OCTAL: Final = frozenset("01234567")
_OCTAL_DIGITS: Final = 3


def split(command: str) -> list[str]:
    """Return the words of a command; raises ValueError for one that no shell would read.

    Browsers copy a payload with control characters, quotes or exclamation marks as $'…', which
    shlex does not know.
    """
    made: list[str] = []
    at = 0
    while at < len(command):
        if command.startswith("$'", at):
            text, at = _quoted(command, at + 2)
            made.append(shlex.quote(text))
        else:
            end = _end(command, at)
            made.append(command[at:end])
            at = end
    return shlex.split("".join(made))


def _end(command: str, at: int) -> int:
    """Return where a quoted text, an escape or a single character ends that begins here."""
    match command[at]:
        case "'":
            return command.find("'", at + 1) + 1 or len(command)
        case '"':
            at += 1
            while at < len(command) and command[at] != '"':
                at += 2 if command[at] == "\\" else 1
            return at + 1
        case "\\":
            return at + 2
        case _:
            return at + 1


def _quoted(command: str, at: int) -> tuple[str, int]:
    """Return the text of $'…' whose first character is here, and where it ends.

    Escapes may be bytes, which together are characters in UTF-8.
    """
    made = bytearray()
    while at < len(command):
        if command[at] == "'":
            return made.decode(), at + 1
        if command[at] == "\\" and at + 1 < len(command):
            part, at = _escaped(command, at + 1)
            made += part
        else:
            made += command[at].encode()
            at += 1
    raise ValueError("No closing quotation")


def _escaped(command: str, at: int) -> tuple[bytes, int]:
    """Return what the escape stands for whose letter is here, and where it ends."""
    letter = command[at]
    if letter in _ESCAPES:
        return _ESCAPES[letter].encode(), at + 1
    if letter in _OCTAL:
        end = _end_of_digits(command, at, _OCTAL, _OCTAL_DIGITS)
        return bytes([int(command[at:end], 8) & 0xFF]), end
    end = _end_of_digits(command, at + 1, _HEX, _DIGITS.get(letter, 0))
    if end == at + 1:
        return f"\\{letter}".encode(), end
    number = int(command[at + 1 : end], 16)
    return bytes([number]) if letter == "x" else _character(number), end


def _end_of_digits(command: str, at: int, digits: frozenset[str], most: int) -> int:
    end = at
    while end < min(at + most, len(command)) and command[end] in digits:
        end += 1
    return end


def _character(number: int) -> bytes:
    try:
        return chr(number).encode()
    except (OverflowError, ValueError):
        raise ValueError(f"There is no character U+{number:X}") from None
