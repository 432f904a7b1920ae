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
FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_FLAT: Final = "A job element holds one element for each member, and those hold text alone."


def read(body: bytes, charset: str | None = None) -> JobDocument:
    """The job in an XML document; `charset` is what Content-Type says of its encoding.

    Raises MalformedDocument and InvalidMember.
    """
    root = parse(body, charset, "job")
    members: dict[str, str | bool] = {}
    # Comments and processing instructions between the members say nothing.
    for element in root.iterchildren("*"):
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
    """The XML document, laid out as in the spec's examples; data it cannot hold is base64."""
    if job.data is not None and not xml_text.fits(job.data):
        encoded = data.to_base64(job.data.encode())
        job = replace(job, data=encoded, data_encoding=data.BASE64)
    root = etree.Element("job")
    for name, value in document.members(job):
        etree.SubElement(root, name).text = value if isinstance(value, str) else str(value).lower()
    etree.indent(root)
    return etree.tostring(root, encoding="utf-8")


def parse(body: bytes, charset: str | None, name: str) -> etree._Element:
    """The root element of a document, which must be called `name` and hold elements alone.

    Raises MalformedDocument and InvalidMember.
    """
    root = _parse(xml_encoding.decoded(body, charset))
    if root.tag != name:
        raise MalformedDocument(
            f"The root element is {quoted(root.tag)}.",
            remedy=f"Send a {name} element, in no namespace.",
        )
    _refuse_attributes(root)
    _refuse_text(root.text)
    for node in root:
        _refuse_text(node.tail)
    return root


def text_of(element: etree._Element) -> str:
    """The text of a member, without the white space around it. Raises InvalidMember."""
    return _text(element).strip(_BLANKS)


def _parse(text: str) -> etree._Element:
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
    text = _text(element)
    if name == "data":
        return text
    text = text.strip(_BLANKS)
    if name != document.FLAG:
        return text
    if text not in FLAGS:
        raise InvalidMember(name, f"{name} is {quoted(text)}.", remedy="Write true or false.")
    return FLAGS[text]


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
