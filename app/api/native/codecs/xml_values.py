"""XML values: what one element holds, read and written by the shape of its member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lxml import etree

from app.api.native.codecs import schema
from app.api.native.codecs.schema import (
    Anything,
    Choice,
    Flag,
    Integer,
    List,
    Map,
    Number,
    Object,
    Repeatable,
    Scalar,
    Shape,
    Text,
    Value,
)
from app.domain.checks import escaped, member_name, quoted
from app.errors import InvalidMember

_SPACE: Final = " \t\r\n"
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_TEXT_ALONE: Final = "Write text alone between its tags."


def read_members(path: str, element: etree._Element, shape: Object) -> dict[str, Value]:
    """The members of the object at `path` (the document, if it is empty); raises InvalidMember.

    All names are judged before any value, as in JSON.
    """
    found: dict[str, list[etree._Element]] = {}
    for child in elements(element):
        name = str(child.tag)
        if not isinstance(shape.members.get(name), Repeatable):
            _refuse_second(schema.join(path, member_name(name)), name, found)
        found.setdefault(name, []).append(child)
    schema.refuse_unknown(found, shape, path)
    return {
        name: _read_all(schema.join(path, name), given, shape.members[name])
        for name, given in found.items()
    }


def read(path: str, element: etree._Element, shape: Shape) -> Value:
    """The value of a member's element; raises InvalidMember for `path` or a member within."""
    if not isinstance(shape, Map):
        refuse_attributes(path, element, ())
    match shape:
        case Text() | Choice() | Number() | Integer():
            return shape.parse(path, _scalar(path, element, shape))
        case Anything() | Repeatable():
            return _text(path, element)
        case Flag():
            return _flag(path, _text(path, element))
        case List():
            return list(_items(path, element, shape))
        case Map():
            return dict(_entries(path, element, shape))
        case Object():
            _refuse_text(path, element, f"Its elements are: {', '.join(shape.members)}.")
            return read_members(path, element, shape)


def write(element: etree._Element, value: Any, shape: Shape) -> None:  # noqa: ANN401 - a Value of that shape
    """Fill an element with a value of this shape."""
    match shape:
        case Flag():
            element.text = str(value).lower()
        case List(item=item, of=of):
            for each in value:
                write(etree.SubElement(element, item), each, of)
        case Map(item=item, key=key):
            for name, text in value.items():
                etree.SubElement(element, item, {key: name}).text = text
        case Object(members=members):
            for name, each in value.items():
                write(etree.SubElement(element, name), each, members[name])
        case _:
            element.text = str(value)


def elements(element: etree._Element) -> Iterator[etree._Element]:
    """The elements in one that holds elements; text between them is not looked at."""
    # Comments and processing instructions between the elements mean nothing.
    return element.iterchildren("*")


def stray_text(element: etree._Element) -> str:
    """The text beside the elements in one that holds elements."""
    texts = (element.text, *(node.tail for node in element))
    return "".join(filter(None, texts)).strip(_SPACE)


def refuse_attributes(path: str, element: etree._Element, allowed: Sequence[str]) -> None:
    """Refuse attributes other than these. Raises InvalidMember."""
    for name in element.attrib:
        if name not in allowed:
            tag = escaped(str(element.tag))
            raise InvalidMember(
                path,
                f"The element {tag} has an attribute {quoted(str(name))}.",
                remedy=f"Its attributes are: {', '.join(allowed)}."
                if allowed
                else "Remove it: this element has no attributes.",
            )


def _read_all(path: str, given: Sequence[etree._Element], shape: Shape) -> Value:
    """The value of a member's elements: one, or at least one where the member is repeatable."""
    values = [read(path, each, shape) for each in given]
    return values if isinstance(shape, Repeatable) else values[0]


def _refuse_second(path: str, name: str, given: Mapping[str, object]) -> None:
    if name in given:
        raise InvalidMember(
            path,
            f"The element {escaped(name)} is given more than once.",
            remedy="Give each element once.",
        )


def _scalar(path: str, element: etree._Element, shape: Scalar) -> str:
    if not isinstance(shape, Text):
        return _text(path, element)
    if shape.is_read_only and next(elements(element), None) is not None:
        return "an element"
    return _text(path, element, keeps_space=shape.keeps_space)


def _text(path: str, element: etree._Element, *, keeps_space: bool = False) -> str:
    if len(element):
        nested = next(element.iterchildren("*"), None) is not None
        what = "an element" if nested else "a comment or processing instruction"
        raise InvalidMember(path, f"{path} contains {what}.", remedy=_TEXT_ALONE)
    text = element.text or ""
    return text if keeps_space else text.strip(_SPACE)


def _flag(path: str, text: str) -> bool:
    """What XML Schema calls a boolean; raises InvalidMember."""
    if text not in _FLAGS:
        raise InvalidMember(
            path, f"{path} is {quoted(text)}, not true or false.", remedy="Give true or false."
        )
    return _FLAGS[text]


def _items(path: str, element: etree._Element, shape: List) -> Iterator[Value]:
    for number, child in enumerate(_named(path, element, shape.item)):
        yield read(f"{path}[{number}]", child, shape.of)


def _entries(path: str, element: etree._Element, shape: Map) -> Iterator[tuple[str, str]]:
    refuse_attributes(path, element, ())
    given: dict[str, str] = {}
    for child in _named(path, element, shape.item):
        refuse_attributes(path, child, (shape.key,))
        name = child.get(shape.key)
        if name is None:
            raise InvalidMember(
                path,
                f"An element {shape.item} has no attribute {shape.key}.",
                remedy=f'Write <{shape.item} {shape.key}="…">…</{shape.item}>.',
            )
        inner = schema.join(path, member_name(name))
        _refuse_second(inner, name, given)
        given[name] = text = _text(inner, child)
        yield name, text


def _named(path: str, element: etree._Element, item: str) -> Iterator[etree._Element]:
    """The elements in a list, all of which have one name."""
    remedy = f"Write <{item}>…</{item}> for each value."
    _refuse_text(path, element, remedy)
    for child in elements(element):
        if child.tag != item:
            raise InvalidMember(
                path, f"{path} contains an element {quoted(str(child.tag))}.", remedy=remedy
            )
        yield child


def _refuse_text(path: str, element: etree._Element, remedy: str) -> None:
    text = stray_text(element)
    if text:
        raise InvalidMember(path, f"{path} contains the text {quoted(text)}.", remedy=remedy)
