"""XML codec: job documents in XML 1.0, read strictly and without a DTD (job.xsd says the same)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from lxml import etree

from app.api import xml_text
from app.api.native.codecs import generic_codec, schema, xml_encoding, xml_values
from app.api.native.codecs.schema import Value
from app.api.native.documents import job as job_document
from app.api.native.documents import payload
from app.api.native.documents.job import JobDocument
from app.domain.checks import escaped, quoted
from app.errors import MalformedDocument

MAX_REASON: Final = 200
"""Characters of a parser's message that are told: it may quote the document at length."""

_FLAT: Final = "The root holds one element for each member, and no text beside them."
_NO_NAMESPACE: Final = "Leave out xmlns and prefixes: no element here is in a namespace."
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_OF_SCHEMAS: Final = frozenset({_INSTANCE, "http://www.w3.org/2001/XMLSchema"})
"""The namespaces that a document may declare, as what writes it by a schema does unasked."""

_FOR_PROCESSORS: Final = tuple(
    f"{{{_INSTANCE}}}{name}" for name in ("type", "schemaLocation", "noNamespaceSchemaLocation")
)
"""Attributes for them alone (XML Schema 1.0, 2.6); `nil` would say something of a job."""

_MAX_DECLARED: Final = 4
_MAX_PREFIX: Final = 16


def read(body: bytes, charset: str | None = None) -> JobDocument:
    """The job in an XML document; `charset` is what Content-Type says of its encoding.

    Raises MalformedDocument and InvalidMember.
    """
    return job_of(root(body, charset, "job"))


def job_of(job: etree._Element) -> JobDocument:
    """The job in a job element; raises MalformedDocument and InvalidMember."""
    members: dict[str, Value] = {}
    for element in children(job):
        name = str(element.tag)
        xml_values.refuse_second(escaped(name), name, members)
        # A name that is not a member is refused below, with the names that are.
        known = name in job_document.MEMBERS
        members[name] = xml_values.read(name, element, schema.of_member(name)) if known else ""
    job_document.refuse_unknown(members)
    return job_document.of_members(members)


def texts_of(body: bytes, charset: str | None, name: str) -> dict[str, str]:
    """The texts of the elements below the root element `name`, each of which comes once.

    Raises MalformedDocument and InvalidMember.
    """
    texts: dict[str, str] = {}
    for element in children(root(body, charset, name)):
        tag = str(element.tag)
        xml_values.refuse_second(escaped(tag), tag, texts)
        texts[tag] = str(xml_values.read(tag, element, schema.TEXT)).strip(xml_values.BLANKS)
    return texts


def write(job: JobDocument) -> bytes:
    """The XML document, laid out as in the spec's examples."""
    return generic_codec.laid_out(element_of(job))


def element_of(job: JobDocument) -> etree._Element:
    """The job element; data that XML cannot hold is base64."""
    if job.data is not None and not xml_text.fits(job.data):
        encoded = payload.to_base64(job.data.encode())
        job = replace(job, data=encoded, data_encoding=payload.BASE64)
    root = etree.Element("job")
    for name, value in job_document.members(job):
        xml_values.write(etree.SubElement(root, name), value, schema.of_member(name))
    return root


def children(element: etree._Element) -> Iterator[etree._Element]:
    """The elements in an element that holds nothing else; raises MalformedDocument, InvalidMember.

    Comments and processing instructions between them say nothing.
    """
    xml_values.refuse_attributes(escaped(str(element.tag)), element, ())
    stray = xml_values.stray_text(element)
    if stray:
        raise MalformedDocument(
            f"There is text between the elements: {quoted(stray)}.", remedy=_FLAT
        )
    return xml_values.elements(element)


def root(body: bytes, charset: str | None, name: str) -> etree._Element:
    """The root element of a document, which must be called `name`; raises MalformedDocument."""
    found = parse(xml_encoding.decoded(body, charset), name)
    if found.tag != name:
        raise MalformedDocument(
            f"The root element is {quoted(found.tag)}.",
            remedy=f"Send a {name} element, in no namespace.",
        )
    return found


def parse(text: str, name: str) -> etree._Element:
    """The root of a document of which `name` is wanted, without a DTD and without namespaces.

    What it says to processors of XML Schema is taken out. Takes time in proportion to the length
    of the text. Raises MalformedDocument.
    """
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        found = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        reason = xml_text.printable(str(error.msg)[:MAX_REASON])
        raise MalformedDocument(
            f"The document is not well-formed XML: {reason} (line {line}, column {column}).",
            remedy=_NO_NAMESPACE
            if error.code == etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE  # type: ignore[attr-defined] # lxml has it
            else f"Send one {name} element.",
        ) from None
    # Without a DTD a declaration stands in the text as it is: most documents need no walk.
    if "xmlns" in text:
        _refuse_namespaces(found)
        etree.strip_attributes(found, *_FOR_PROCESSORS)
    return found


def _refuse_namespaces(root: etree._Element) -> None:
    """Refuse declarations of namespaces: libxml2 copies all of them onto each element it writes.

    A few of those of XML Schema are taken. Raises MalformedDocument with the name of the element.
    """
    # Parents come first: what is there of the first element is its own.
    for found in root.iter("*"):
        declared = found.nsmap
        if declared and not _are_of_schemas(declared):
            element = quoted(etree.QName(found).localname)
            raise MalformedDocument(
                f"The element {element} declares a namespace.",
                member=element[1:-1],
                remedy=_NO_NAMESPACE,
            )


def _are_of_schemas(declared: Mapping[str | None, str]) -> bool:
    """Whether these declarations change no element's name, and are few and short."""
    # xmlns="" says that there is no default namespace, which is so anyhow.
    prefixed = {prefix: uri for prefix, uri in declared.items() if prefix or uri}
    return len(declared) <= _MAX_DECLARED and all(
        prefix is not None and len(prefix) <= _MAX_PREFIX and uri in _OF_SCHEMAS
        for prefix, uri in prefixed.items()
    )
