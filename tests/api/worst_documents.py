"""Text inputs of the documents of jobs and runs, each with its costliest text."""

from __future__ import annotations

from app.api import negotiation
from app.api.native.codecs import xml_encoding
from app.api.native.codecs.reader import Body
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import completion as completion_document
from app.api.native.documents import job as job_document
from app.api.native.documents import (
    payload,
    redelivery,
)
from app.api.native.documents import rotation as rotation_document
from app.api.xml_text import printable
from app.domain import (
    booking,
)
from app.domain.url_rules import UrlRules
from tests.api.native.job_documents import read_json, read_xml
from tests.worst import TextInput, numbered, repeated

JOB = '{"url":"http://example.com/","when":"2031-01-01T00:00:00Z"}'
JOB_XML = "<job><url>http://example.com/</url><when>2031-01-01T00:00:00Z</when></job>"


def as_json(text: str) -> Body:
    return Body(text.encode(), negotiation.JSON)


def as_xml(text: str) -> Body:
    return Body(text.encode(), negotiation.XML_TEXT)


def job_json(text: str) -> None:
    booking.check(job_document.to_booking(read_json(text.encode())), UrlRules())


def job_xml(text: str) -> None:
    booking.check(job_document.to_booking(read_xml(text.encode())), UrlRules())


DOCUMENTS: dict[str, TextInput] = {
    "a job in JSON": TextInput(
        read=job_json,
        worst=(
            repeated("["),
            repeated('{"a":'),
            numbered('"a%d":1', "{", "}"),
            repeated('"a":1,', "{", '"a":1}'),
            numbered('"a%d":1', "{", ',"a0":1}'),
            repeated("\\u0041", '{"url":"', '"}'),
            repeated("1", '{"timeout":', "}"),
            numbered('"a%d":"1"', JOB[:-1] + ',"headers":{', "}}"),
            numbered('"a%d"', JOB[:-1] + ',"tags":[', "]}"),
            repeated("1,", JOB[:-1] + ',"retry":{"schedule":[', "1]}}"),
            repeated("a b", JOB[:-1] + ',"signature":"', '"}'),
            repeated(" ", after="x"),
            repeated("\n", "{"),
            repeated("\\\\", '{"a":"'),
            repeated("A", JOB[:-1] + ',"dataEncoding":"base64","data":"', '"}'),
            repeated("\\n", JOB[:-1] + ',"dataEncoding":"base64","data":"', '"}'),
        ),
        patterns=(
            "api.native.codecs.schema._NUMBER",
            "domain.call_options._TOKEN",
            "domain.call_options._VISIBLE",
        ),
    ),
    "jobs in JSON": TextInput(
        read=lambda text: bulk_document.read(as_json(text)),
        worst=(
            repeated("{},", "["),
            repeated(" ", "["),
            repeated(JOB + ",", "[", JOB + "]"),
            repeated(JOB + "," + " " * 100, "[", JOB + "]"),
            repeated(JOB + " " * 100, "["),
        ),
        patterns=(
            "api.native.documents.bulk._BEGINNING",
            "api.native.documents.bulk._AFTER_ELEMENT",
        ),
    ),
    "a completion in JSON": TextInput(
        read=lambda text: completion_document.read(as_json(text)),
        worst=(
            repeated("a", '{"status":"failed","message":"', '"}'),
            numbered('"a%d":"1"', "{", "}"),
            repeated("a", '{"status":"', '"}'),
        ),
    ),
    "a redelivery in JSON": TextInput(
        read=lambda text: redelivery.read(as_json(text)),
        worst=(
            repeated('"failed",', '{"state":[', '"dead"]}'),
            repeated("failed,", '{"state":"', 'dead"}'),
        ),
    ),
    "a redelivery in XML": TextInput(
        read=lambda text: redelivery.read(as_xml(text)),
        worst=(repeated("<state>failed</state>", "<redelivery>", "</redelivery>"),),
    ),
    "a rotation": TextInput(
        read=lambda text: rotation_document.read_overlap(as_json(text)),
        worst=(repeated("9", '{"overlap":', "}"), repeated("0", '{"overlap":0.', "}")),
    ),
    "payload in base64": TextInput(
        read=lambda text: payload.to_bytes(text, "base64"),
        worst=(repeated("A"), repeated("="), repeated("\n")),
    ),
    "an XML declaration": TextInput(
        read=lambda text: xml_encoding.decode(text.encode(), None),
        worst=(
            repeated(" ", '<?xml version="1.0"', "x"),
            repeated("a", '<?xml version="1.0" encoding="a', "x"),
            repeated(" ", '<?xml version="1.0" encoding="a"', "x"),
            repeated("1", "<?xml version='1."),
            repeated(" ", "<?xml", "x"),
            repeated("<!---->", after="<job/>"),
            repeated("<!--"),
            repeated("<?"),
            repeated("<?a?>"),
            repeated(" \n"),
            repeated("-", "<!--"),
        ),
        patterns=(
            "api.native.codecs.xml_encoding._DECLARATION",
            "api.native.codecs.xml_encoding._ANY_DECLARATION",
            "api.native.codecs.xml_encoding._BEFORE_ROOT",
        ),
    ),
    "a text that XML may not hold": TextInput(
        read=printable, worst=(repeated("\0"), repeated("a\0")), patterns=("api.xml_text._UNFIT",)
    ),
    "a job in XML": TextInput(
        read=job_xml,
        worst=(
            numbered(' xmlns:n%d="u"', "<job", "/>", separator=""),
            numbered(' a%d="u"', "<job", "/>", separator=""),
            repeated("&#65;", "<job><data>", "</data></job>"),
            repeated("&amp;", "<job><data>", "</data></job>"),
            repeated("&a;", "<job><data>", "</data></job>"),
            repeated("<![CDATA[a]]>b", "<job><data>", "</data></job>"),
            repeated("<!--a-->b", "<job><data>", "</data></job>"),
            repeated("<?a?>", "<job>", "</job>"),
            repeated("<a/>", "<job>", "</job>"),
            repeated("<a/>x", "<job>", "</job>"),
            repeated("<a:b/>", "<job>", "</job>"),
            repeated("<tag/>", "<job><tags>", "</tags></job>"),
            numbered('<header name="%d"/>', "<job><headers>", "</headers></job>", separator=""),
            repeated("<wait>5</wait>", "<job><retry><schedule>", "</schedule></retry></job>"),
            repeated("x", "<job><data>", "</data></job>"),
            repeated("\r\n", "<job><data>", "</data></job>"),
            repeated("<a>", "<job>"),
            repeated("a", "<job><", "/></job>"),
            repeated("<"),
            repeated("]]", "<job>"),
        ),
    ),
    "jobs in XML": TextInput(
        read=lambda text: bulk_document.read(as_xml(text)),
        worst=(
            repeated(JOB_XML, "<jobs>", "</jobs>"),
            repeated("<job/>", "<jobs>", "</jobs>"),
            repeated("<!---->", f"<jobs>{JOB_XML}", "</jobs>"),
        ),
    ),
}
