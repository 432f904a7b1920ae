"""Generic codec: any tree of values, such as a run, written alike in JSON and in XML.

Job documents have forms of their own in XML, which the spec gives: see xml_codec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import orjson
from lxml import etree

from app.api import negotiation, pages
from app.api.pages import Frame
from app.api.xml_text import printable

Value: TypeAlias = "str | int | float | Mapping[str, Value] | Sequence[Value] | None"

# The name of one element of a list in XML, by the name of the list.
_SINGULAR: Final = {
    "runs": "run",
    "attempts": "attempt",
    "headers": "header",
    "secrets": "secret",
    "next": "firing",
    "reasons": "reason",
    "warnings": "warning",
    "runners": "runner",
    "apps": "app",
    "upcoming": "firing",
    "counts": "bucket",
    "tags": "tag",
    "keys": "key",
    "audit": "entry",
    "jobs": "job",
    "destinations": "destination",
    "hours": "hour",
    "inboxes": "inbox",
    "calls": "call",
}


def to_json(_name: str, value: Value) -> bytes:
    """The value in JSON, which has no name for its root."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def to_xml(name: str, value: Value) -> bytes:
    """The value in XML under the root element `name`; the elements of a list have its singular.

    What is null in JSON has no element.
    """
    root = etree.Element(name)
    _fill(root, value)
    return laid_out(root)


def laid_out(root: etree._Element) -> bytes:
    """The document of this element, with each element on its own line."""
    etree.indent(root)
    return etree.tostring(root, encoding="utf-8")


def frame(name: str, media_type: str) -> Frame:
    """What is written around the elements of the list `name`."""
    if media_type == negotiation.JSON:
        return pages.JSON
    tag = name.encode("ascii")
    return Frame(b"<%b>\n" % tag, b"\n", b"\n</%b>" % tag, b"<%b/>" % tag)


def element(name: str, value: Value, media_type: str) -> bytes:
    """The value as an element of the list `name`, to be written within its frame."""
    if media_type == negotiation.JSON:
        return pages.element_to_json(value)
    root = etree.Element(name)
    _fill(root, [value])
    return within(root)


def within(root: etree._Element) -> bytes:
    """The elements of a list, without the frame around them."""
    around = frame(str(root.tag), negotiation.XML_TEXT)
    return laid_out(root)[len(around.opening) : -len(around.closing)]


def _fill(element: etree._Element, value: Value) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            # What is null in JSON has no element.
            if inner is not None:
                _fill(etree.SubElement(element, name), inner)
    elif isinstance(value, bool):
        element.text = str(value).lower()
    elif isinstance(value, str | int | float):
        element.text = printable(str(value))
    elif value is not None:
        for inner in value:
            _fill(etree.SubElement(element, _SINGULAR[str(element.tag)]), inner)
