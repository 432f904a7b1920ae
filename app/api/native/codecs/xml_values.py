"""XML values: what one member's element holds, read and written by the member's shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lxml import etree

from app.api.native.codecs import schema
from app.api.native.codecs.schema import Flag, List, Map, Number, Object, Shape, Text, Value
from app.domain.checks import escaped, quoted
from app.errors import InvalidMember

BLANKS: Final = " \t\r\n"
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_PLAIN: Final = "Write text alone between its tags."


def read(path: str, element: etree._Element, shape: Shape) -> Value:
    """The value of a member's element; raises InvalidMember for `path` or what is in it."""
    if not isinstance(shape, Map):
        refuse_attributes(path, element, ())
    match shape:
        case Text():
            return _text(path, element)
        case Flag():
            return flag(path, _text(path, element))
        case Number():
            return schema.number(path, _text(path, element), shape)
        case List():
            return list(_items(path, element, shape))
        case Map():
            return dict(_entries(path, element, shape))
        case Object():
            return dict(_members(path, element, shape))


def write(element: etree._Element, value: Any, shape: Shape) -> None:  # noqa: ANN401 - a Value of that shape
    """Fill an element with a value of this shape."""
    match shape:
        case Flag():
            element.text = str(value).lower()
        case Text() | Number():
            element.text = str(value)
        case List(item=item, of=of):
            for each in value:
                write(etree.SubElement(element, item), each, of)
        case Map(item=item, key=key):
            for name, text in value.items():
                etree.SubElement(element, item, {key: name}).text = text
        case Object(members=members):
            for name, each in value.items():
                write(etree.SubElement(element, name), each, members[name])


def elements(element: etree._Element) -> Iterator[etree._Element]:
    """The elements in one that holds elements; what stands between them is not looked at."""
    # Comments and processing instructions between the elements say nothing.
    return element.iterchildren("*")


def stray_text(element: etree._Element) -> str:
    """The text beside the elements in one that holds elements."""
    texts = (element.text, *(node.tail for node in element))
    return "".join(filter(None, texts)).strip(BLANKS)


def refuse_attributes(path: str, element: etree._Element, taken: Sequence[str]) -> None:
    """Refuse attributes other than these."""
    for name in element.attrib:
        if name not in taken:
            tag = escaped(str(element.tag))
            raise InvalidMember(
                path,
                f"The element {tag} has an attribute {quoted(str(name))}.",
                remedy=f"Its attributes are: {', '.join(taken)}." if taken else "It takes none.",
            )


def refuse_second(path: str, name: str, given: Mapping[str, Value]) -> None:
    """Refuse a name that was given already."""
    if name in given:
        raise InvalidMember(
            path,
            f"The element {escaped(name)} is given more than once.",
            remedy="Give each element once.",
        )


def _text(path: str, element: etree._Element) -> str:
    """The text of an element; its surrounding white space counts in data alone."""
    if len(element):
        nested = next(element.iterchildren("*"), None) is not None
        what = "an element" if nested else "a comment or processing instruction"
        raise InvalidMember(path, f"{path} holds {what}.", remedy=_PLAIN)
    text = element.text or ""
    return text if path == "data" else text.strip(BLANKS)


def flag(path: str, text: str) -> bool:
    """What XML Schema calls a boolean; raises InvalidMember."""
    if text not in _FLAGS:
        raise InvalidMember(path, f"{path} is {quoted(text)}.", remedy="Write true or false.")
    return _FLAGS[text]


def _items(path: str, element: etree._Element, shape: List) -> Iterator[Value]:
    for number, child in enumerate(_named(path, element, shape.item)):
        yield read(f"{path}[{number}]", child, shape.of)


def _entries(path: str, element: etree._Element, shape: Map) -> Iterator[tuple[str, str]]:
    refuse_attributes(path, element, ())
    given: dict[str, Value] = {}
    for child in _named(path, element, shape.item):
        refuse_attributes(path, child, (shape.key,))
        name = child.get(shape.key)
        if name is None:
            raise InvalidMember(
                path,
                f"An element {shape.item} has no attribute {shape.key}.",
                remedy=f'Write <{shape.item} {shape.key}="…">…</{shape.item}>.',
            )
        inner = f"{path}.{escaped(name)}"
        refuse_second(inner, name, given)
        given[name] = text = _text(inner, child)
        yield name, text


def _members(path: str, element: etree._Element, shape: Object) -> Iterator[tuple[str, Value]]:
    _refuse_text(path, element, f"Its elements are: {', '.join(shape.members)}.")
    given: dict[str, Value] = {}
    for child in elements(element):
        name = str(child.tag)
        schema.refuse_unknown(path, name, shape)
        inner = f"{path}.{name}"
        refuse_second(inner, name, given)
        given[name] = value = read(inner, child, shape.members[name])
        yield name, value


def _named(path: str, element: etree._Element, item: str) -> Iterator[etree._Element]:
    """The elements in a list, all of which bear one name."""
    remedy = f"Write <{item}>…</{item}> for each."
    _refuse_text(path, element, remedy)
    for child in elements(element):
        if child.tag != item:
            raise InvalidMember(
                path, f"{path} holds an element {quoted(str(child.tag))}.", remedy=remedy
            )
        yield child


def _refuse_text(path: str, element: etree._Element, remedy: str) -> None:
    text = stray_text(element)
    if text:
        raise InvalidMember(path, f"{path} holds the text {quoted(text)}.", remedy=remedy)
