"""XML codec: job documents in XML 1.0, read strictly and without a DTD (job.xsd says the same)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NoReturn

from lxml import etree

from app.api import xml_text
from app.api.native import data, document, xml_encoding
from app.api.native.document import JobDocument
from app.domain.quotation import quoted
from app.errors import InvalidMember, MalformedDocument

_BLANKS: Final = " \t\r\n"
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_FLAT: Final = "The root holds one element for each member, and those hold text alone."


def read(body: bytes, charset: str | None = None) -> JobDocument:
    """The job in an XML document; `charset` is what Content-Type says of its encoding.

    Raises MalformedDocument and InvalidMember.
    """
    members: dict[str, str | bool] = {}
    for element in _elements(body, charset, "job"):
        # A name that is no member is refused by the document, with the names that are.
        members[element.tag] = _value(element) if element.tag in document.MEMBERS else ""
    return document.of_members(members)


def texts_of(body: bytes, charset: str | None, name: str) -> dict[str, str]:
    """The texts of the elements below the root element `name`, each of which comes once.

    Raises MalformedDocument and InvalidMember.
    """
    elements = _elements(body, charset, name)
    return {str(each.tag): _text(each).strip(_BLANKS) for each in elements}


def write(job: JobDocument) -> bytes:
    """The XML document, laid out as in the spec's examples; data it cannot hold is base64."""
    if job.data is not None and not xml_text.fits(job.data):
        encoded = data.to_base64(job.data.encode())
        job = replace(job, data=encoded, data_encoding=data.BASE64)
    root = etree.Element("job")
    for name, value in document.members(job):
        etree.SubElement(root, name).text = value if isinstance(value, str) else str(value).lower()
    etree.indent(root)
    return etree.tostring(root, encoding="utf-8")


def _elements(body: bytes, charset: str | None, name: str) -> list[etree._Element]:
    """The elements below the root element `name`; comments between them say nothing."""
    root = _parse(xml_encoding.decoded(body, charset), name)
    if root.tag != name:
        raise MalformedDocument(
            f"The root element is {quoted(root.tag)}.",
            remedy=f"Send a {name} element, in no namespace.",
        )
    _refuse_attributes(root)
    _refuse_text(root.text)
    for node in root:
        _refuse_text(node.tail)
    elements = list(root.iterchildren("*"))
    once: set[str] = set()
    for tag in (str(element.tag) for element in elements):
        if tag in once:
            raise InvalidMember(
                tag, f"The element {tag} is given more than once.", remedy="Give each element once."
            )
        once.add(tag)
    return elements


def _parse(text: str, name: str) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise MalformedDocument(
            f"The document is not well-formed XML: {xml_text.printable(str(error.msg))} "
            f"(line {line}, column {column}).",
            remedy=f"Send one {name} element.",
        ) from None


def _value(element: etree._Element) -> str | bool:
    """The text of a member; its surrounding white space counts in data alone."""
    name = str(element.tag)
    text = _text(element)
    if name == "data":
        return text
    text = text.strip(_BLANKS)
    if name != document.FLAG:
        return text
    if text not in _FLAGS:
        raise InvalidMember(name, f"{name} is {quoted(text)}.", remedy="Write true or false.")
    return _FLAGS[text]


def _text(element: etree._Element) -> str:
    name = str(element.tag)
    _refuse_attributes(element)
    if len(element):
        nested = next(element.iterchildren("*"), None) is not None
        what = "an element" if nested else "a comment or processing instruction"
        raise InvalidMember(name, f"{name} holds {what}.", remedy=_FLAT)
    return element.text or ""


def _refuse_attributes(element: etree._Element) -> None:
    if element.attrib:
        name, tag = str(next(iter(element.attrib))), str(element.tag)
        raise InvalidMember(
            tag, f"The element {tag} has an attribute {quoted(name)}.", remedy=_FLAT
        )


def _refuse_text(text: str | None) -> None:
    if text and text.strip(_BLANKS):
        _stray(text.strip(_BLANKS))


def _stray(text: str) -> NoReturn:
    raise MalformedDocument(f"There is text between the elements: {quoted(text)}.", remedy=_FLAT)
