"""XML encoding: the bytes of a body decoded as its declarations tell, and any DTD refused."""

from __future__ import annotations

import codecs
import re
from typing import Final

from app.domain.checks import quoted
from app.errors import MalformedDocument

_UTF_8: Final = "utf-8"
_UTF_16: Final = "utf-16"
_CODECS: Final = {
    "utf-8": _UTF_8,
    # Python's spelling: ElementTree's tostring(…, encoding="UTF8").
    "utf8": _UTF_8,
    "utf-16": _UTF_16,
    "iso-8859-1": "iso-8859-1",
    "us-ascii": "ascii",
    "ascii": "ascii",
}
CHARSETS: Final = frozenset(_CODECS)
_SUPPORTED: Final = (
    "Send UTF-8, UTF-16, ISO-8859-1 or US-ASCII, and name the encoding in the XML declaration."
)

# Byte order marks, and how "<" begins without one (XML 1.0, appendix F).
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
_STARTS: Final = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))

_S: Final = r"[ \t\r\n]"
_DECLARATION: Final = re.compile(
    rf"<\?xml{_S}+version{_S}*={_S}*(?:'1\.[0-9]+'|\"1\.[0-9]+\")"
    rf"(?:{_S}+encoding{_S}*={_S}*(?P<quote>['\"])(?P<encoding>[A-Za-z][\w.-]*)(?P=quote))?"
    rf"(?:{_S}+standalone{_S}*={_S}*(?:'(?:yes|no)'|\"(?:yes|no)\"))?{_S}*\?>",
    re.ASCII,
)
_ANY_DECLARATION: Final = re.compile(rf"<\?xml{_S}")
_BEFORE_ROOT: Final = re.compile(rf"{_S}+|<!--.*?-->|<\?.*?\?>", re.DOTALL)


def decode(body: bytes, charset: str | None) -> str:
    """The text of the document without its XML declaration; raises MalformedDocument.

    A byte order mark overrides `charset` (of Content-Type), which overrides the declaration
    (RFC 7303, 3). Without any of these the encoding is UTF-8. A `charset` that is not of Unicode is
    refused if the declaration names another, since a proxy may have added it.
    """
    if not body:
        raise MalformedDocument("The body is empty.", remedy="Send a job element.")
    family, mark = _family(body)
    body = body[len(mark) :]
    declared = _declared(body.decode(family or "iso-8859-1", "replace"))
    codec = family if mark and family else _codec(family, charset, declared)
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        raise MalformedDocument(
            f"The document is not {codec.upper()} (at byte {error.start + len(mark)}).",
            remedy=_SUPPORTED,
        ) from None
    text = _DECLARATION.sub("", text, count=1) if _DECLARATION.match(text) else text
    _refuse_doctype(text)
    return text


def _family(body: bytes) -> tuple[str | None, bytes]:
    """The codec that the first bytes prove, None if they only prove ASCII; and their mark.

    UTF-32 is not recognised: it is refused later for the NUL characters that it then contains.
    """
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return codec, mark
    for start, codec in _STARTS:
        if body.startswith(start):
            return codec, b""
    return None, b""


def _declared(text: str) -> str | None:
    if not _ANY_DECLARATION.match(text):
        return None
    declaration = _DECLARATION.match(text)
    if declaration is None:
        raise MalformedDocument(
            "The XML declaration is not well-formed.",
            remedy='Write <?xml version="1.0" encoding="UTF-8"?>, or leave it out.',
        )
    encoding: str | None = declaration["encoding"]
    return encoding


def _codec(family: str | None, charset: str | None, declared: str | None) -> str:
    """The codec of a body without a mark: the first that is named, which the bytes must confirm."""
    codec = family
    is_unicode = charset is not None and _CODECS.get(charset.lower()) in {_UTF_8, _UTF_16}
    for name in (charset,) if is_unicode else (charset, declared):
        if name is None:
            continue
        named = _CODECS.get(name.lower())
        if named is None:
            raise MalformedDocument(
                f"The encoding {quoted(name)} is not supported.", remedy=_SUPPORTED
            )
        if named == _UTF_16 and codec in {"utf-16-le", "utf-16-be"}:
            continue
        if named == _UTF_16 or codec not in {None, named}:
            raise MalformedDocument(
                f"The document declares the encoding {quoted(name)}, which contradicts its bytes, "
                "its XML declaration or its Content-Type.",
                remedy=_SUPPORTED,
            )
        codec = named
    return codec or "utf-8"


def _refuse_doctype(text: str) -> None:
    """Refuse a DTD before any parser sees it; it can only precede the root element."""
    if text.startswith(_MARK):
        # The parser would pass over this one, too, and then read a DTD.
        raise MalformedDocument(
            "The document has a byte order mark after its beginning.", remedy="Leave it out."
        )
    position = 0
    while match := _BEFORE_ROOT.match(text, position):
        position = match.end()
    if text.startswith("<!DOCTYPE", position):
        raise MalformedDocument(
            "The document has a DOCTYPE.",
            remedy="Leave it out: DTDs and entities are not supported.",
        )
