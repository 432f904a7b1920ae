"""API key text: prefix, id, secret and checksum; a typing error is refused without a query."""

from __future__ import annotations

import hashlib
import re
import secrets as randomness
import string
import zlib
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "wk_"
ID_LENGTH: Final = 10
SECRET_LENGTH: Final = 32
_CHECK_LENGTH: Final = 6
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE: Final = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{ID_LENGTH}}})[0-9A-Za-z]{{{SECRET_LENGTH + _CHECK_LENGTH}}}"
)
_ID: Final = re.compile(rf"[0-9A-Za-z]{{{ID_LENGTH}}}")
_KEY_BYTES: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyText:
    """A well-formed key: the stored key has the same `id`, and the same `digest` (SHA-256)."""

    id: str
    digest: bytes


def compose(random: bytes) -> str:
    """Return the text of a new key from at least 58 random bytes; its secret has 190 bits."""
    needed = ID_LENGTH + SECRET_LENGTH
    if len(random) < needed + 16:
        raise ValueError(f"{needed + 16} random bytes are needed")
    # One big number, so that no character is likelier than another by more than 2^-120.
    number = int.from_bytes(random)
    body = PREFIX + _base62(number, needed)
    return body + _checksum(body)


def new() -> tuple[KeyText, str]:
    """Return a new random key, and its text."""
    text = compose(randomness.token_bytes(_KEY_BYTES))
    key = read(text)
    assert key is not None  # noqa: S101 - what compose writes, read reads
    return key, text


def is_id(text: str) -> bool:
    """Return whether a key can have this id."""
    return _ID.fullmatch(text) is not None


def read(text: str) -> KeyText | None:
    """Return the key in `text`; None if its form or its checksum is wrong."""
    match = _SHAPE.fullmatch(text)
    if match is None or _checksum(text[:-_CHECK_LENGTH]) != text[-_CHECK_LENGTH:]:
        return None
    return KeyText(id=match.group(1), digest=hashlib.sha256(text.encode("ascii")).digest())


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(digits)
