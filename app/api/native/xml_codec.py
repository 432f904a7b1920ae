"""XML codec: job documents in XML 1.0, read strictly and without a DTD (job.xsd says the same)."""

from __future__ import annotations

from collections.abc import Iterator
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
_FLAT: Final = "A job element holds one element for each member, and those hold text alone."


def read(body: bytes, charset: str | None = None) -> JobDocument:
    """The job in an XML document; `charset` is what Content-Type says of its encoding.

    Raises MalformedDocument and InvalidMember.
    """
    root = parse(xml_encoding.decoded(body, charset))
    if root.tag != "job":
        raise MalformedDocument(
            f"The root element is {quoted(root.tag)}.",
            remedy="Send a job element, in no namespace.",
        )
    return job_of(root)


def job_of(job: etree._Element) -> JobDocument:
    """The job in a job element; raises MalformedDocument and InvalidMember."""
    members: dict[str, str | bool] = {}
    for element in children(job):
        if element.tag in members:
            raise InvalidMember(
                element.tag,
                f"The element {element.tag} is given more than once.",
                remedy="Give each element once.",
            )
        # A name that is no member is refused by the document, with the names that are.
        members[element.tag] = _value(element) if element.tag in document.MEMBERS else ""
    return document.of_members(members)


def write(job: JobDocument) -> bytes:
    """The XML document, laid out as in the spec's examples."""
    return laid_out(element_of(job))


def element_of(job: JobDocument) -> etree._Element:
    """The job element; data that XML cannot hold is base64."""
    if job.data is not None and not xml_text.fits(job.data):
        encoded = data.to_base64(job.data.encode())
        job = replace(job, data=encoded, data_encoding=data.BASE64)
    root = etree.Element("job")
    for name, value in document.members(job):
        etree.SubElement(root, name).text = value if isinstance(value, str) else str(value).lower()
    return root


def laid_out(root: etree._Element) -> bytes:
    """The document of this element, an element to a line."""
    etree.indent(root)
    return etree.tostring(root, encoding="utf-8")


def children(element: etree._Element) -> Iterator[etree._Element]:
    """The elements in an element that holds nothing else; raises MalformedDocument, InvalidMember.

    Comments and processing instructions between them say nothing.
    """
    _refuse_attributes(element)
    _refuse_text(element.text)
    for node in element:
        _refuse_text(node.tail)
    return element.iterchildren("*")


def parse(text: str) -> etree._Element:
    """The root of a document without a DTD; raises MalformedDocument."""
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
            remedy="Send one job element.",
        ) from None


def _value(element: etree._Element) -> str | bool:
    """The text of a member; its surrounding white space counts in data alone."""
    name = str(element.tag)
    _refuse_attributes(element)
    if len(element):
        nested = next(element.iterchildren("*"), None) is not None
        what = "an element" if nested else "a comment or processing instruction"
        raise InvalidMember(name, f"{name} holds {what}.", remedy=_FLAT)
    text = element.text or ""
    if name == "data":
        return text
    text = text.strip(_BLANKS)
    if name != document.FLAG:
        return text
    if text not in _FLAGS:
        raise InvalidMember(name, f"{name} is {quoted(text)}.", remedy="Write true or false.")
    return _FLAGS[text]


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
