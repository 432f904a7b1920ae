"""XML codec: documents in XML 1.0, read strictly by their schema and without a DTD."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lxml import etree

from app.api import xml_text
from app.api.native.codecs import generic_codec, schema, xml_encoding, xml_values
from app.api.native.codecs.schema import Object, Value, Variants
from app.domain.checks import escaped, quoted
from app.errors import MalformedDocument

MAX_REASON: Final = 200
"""Characters of a parser's message that a refusal quotes: it may quote the document at length."""

_FLAT: Final = "Put one element for each member into the root element, and no text beside them."
_NO_NAMESPACE: Final = "Leave out xmlns and prefixes: no element here is in a namespace."
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_OF_SCHEMAS: Final = frozenset({_INSTANCE, "http://www.w3.org/2001/XMLSchema"})
"""The namespaces that a document may declare: tools that write XML by a schema declare them."""

_FOR_PROCESSORS: Final = tuple(
    f"{{{_INSTANCE}}}{name}" for name in ("type", "schemaLocation", "noNamespaceSchemaLocation")
)
"""Attributes for processors of XML Schema alone (XML Schema 1.0, 2.6), unlike `nil`."""

_MAX_DECLARED: Final = 4
_MAX_PREFIX: Final = 16


def read(body: bytes, charset: str | None, document: Object | Variants) -> dict[str, Any]:
    """The members of the document in `body`; `charset` is what Content-Type gives as its encoding.

    Raises MalformedDocument and InvalidMember.
    """
    root = parse(xml_encoding.decode(body, charset), document.root)
    if root.tag != document.root:
        raise MalformedDocument(
            f"The root element is {quoted(root.tag)}.",
            remedy=f"Send a {document.root} element, in no namespace.",
        )
    return read_element(root, document)


def read_element(root: etree._Element, document: Object | Variants) -> dict[str, Any]:
    """The members of the document that an element is, each in its shape.

    Raises MalformedDocument and InvalidMember.
    """
    found = children(root)
    if isinstance(document, Variants):
        chosen = next((each for each in found if each.tag == document.by), None)
        document = document.select(
            None if chosen is None else str(xml_values.read(document.by, chosen, schema.TEXT))
        )
    members = xml_values.read_members("", root, document)
    schema.require(members, document)
    return members


def write(members: Iterable[tuple[str, Value]], document: Object) -> bytes:
    """The XML document of these members, laid out as in the spec's examples."""
    return generic_codec.laid_out(element_of(members, document))


def element_of(members: Iterable[tuple[str, Value]], document: Object) -> etree._Element:
    """The element of a document that has these members."""
    root = etree.Element(document.root)
    for name, value in members:
        xml_values.write(etree.SubElement(root, name), value, document.members[name])
    return root


def children(element: etree._Element) -> Iterator[etree._Element]:
    """The elements in an element that holds nothing else; raises MalformedDocument, InvalidMember.

    Comments and processing instructions between them mean nothing.
    """
    xml_values.refuse_attributes(escaped(str(element.tag)), element, ())
    stray = xml_values.stray_text(element)
    if stray:
        raise MalformedDocument(
            f"There is text between the elements: {quoted(stray)}.", remedy=_FLAT
        )
    return xml_values.elements(element)


def parse(text: str, name: str) -> etree._Element:
    """The root element of a document without a DTD and without namespaces.

    `name` is the root element that is expected; only the remedies use it. Attributes for processors
    of XML Schema are removed. Takes time in proportion to the length of the text. Raises
    MalformedDocument.
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
    # Without a DTD, no entity can hide a declaration: a text without xmlns needs no walk.
    if "xmlns" in text:
        _refuse_namespaces(found)
        etree.strip_attributes(found, *_FOR_PROCESSORS)
    return found


def _refuse_namespaces(root: etree._Element) -> None:
    """Refuse declarations of namespaces: libxml2 copies all of them onto each element it writes.

    A few declarations of XML Schema's namespaces are allowed. Raises MalformedDocument with the
    name of the element.
    """
    # Parents come first: the first element with a declaration made it itself.
    for found in root.iter("*"):
        declared = found.nsmap
        if declared and not _are_of_schemas(declared):
            name = escaped(etree.QName(found).localname)
            raise MalformedDocument(
                f'The element "{name}" declares a namespace.',
                member=name,
                remedy=_NO_NAMESPACE,
            )


def _are_of_schemas(declared: Mapping[str | None, str]) -> bool:
    """Whether these declarations change no element's name, and are few and short."""
    # xmlns="" declares that there is no default namespace, which holds without it.
    prefixed = {prefix: uri for prefix, uri in declared.items() if prefix or uri}
    return len(declared) <= _MAX_DECLARED and all(
        prefix is not None and len(prefix) <= _MAX_PREFIX and uri in _OF_SCHEMAS
        for prefix, uri in prefixed.items()
    )
