"""XML documents cost time in proportion to their length, and declare no namespaces."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from lxml import etree

import app
from app.api import negotiation
from app.api.native.codecs.reader import Body
from app.api.native.documents import bulk as bulk_document
from tests.api.native.booked import ABSENT
from tests.worst import SIZE, cpu_seconds, is_fast, numbered, repeated

MAX_DOCUMENT = 4 * 1024 * 1024
JOB = "<job><url>http://example.com/</url><when>2031-01-01T00:00:00Z</when></job>"
SCHEMAS = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns:a='http://www.w3.org/2001/XMLSchema'"
DECLARED = numbered(' xmlns:n%d="u"', "<jobs", ">", separator="")


def half_and_half(
    first: Callable[[int], str], second: Callable[[int], str]
) -> Callable[[int], str]:
    return lambda size: first(size // 2) + second(size // 2)


# What the documents are made of, and whether they can be read at all.
DOCUMENTS = {
    "declarations on jobs, then jobs": half_and_half(DECLARED, repeated("<job/>", after="</jobs>")),
    "declarations on one job": numbered(' xmlns:n%d="u"', "<jobs><job", "/></jobs>", separator=""),
    "a declaration on each job": repeated('<job xmlns="u"/>', "<jobs>", "</jobs>"),
    "a declaration at depth": repeated(
        "<a>" * 250 + "<a xmlns='u'/>" + "</a>" * 250, "<jobs><job>", "</job></jobs>"
    ),
    "the word at depth": repeated(
        "<a>" * 250 + "<!--xmlns-->" + "</a>" * 250, "<jobs><job>", "</job></jobs>"
    ),
    "a declaration on the last job": repeated(JOB, "<jobs>", "<job xmlns='u'/></jobs>"),
    "declarations of schemas at depth": repeated(
        f"<a {SCHEMAS}>" * 250 + "<a xsi:type='a'/>" + "</a>" * 250, "<jobs><job>", "</job></jobs>"
    ),
    "attributes of schemas": repeated(
        JOB.replace("<job>", "<job xsi:type='a'>"), f"<jobs {SCHEMAS}>", "</jobs>"
    ),
    "the word alone": repeated(f"{JOB}<!--xmlns-->", "<jobs>", "</jobs>"),
    "jobs": repeated(JOB, "<jobs>", "</jobs>"),
    "attributes": numbered(' n%d="u"', "<jobs><job", "/></jobs>", separator=""),
    "attributes of jobs": numbered(' n%d="u"', "<jobs", "></jobs>", separator=""),
    "references": repeated("&#65;", "<jobs><job><data>", "</data></job></jobs>"),
    "entities": repeated("&amp;", "<jobs><job><data>", "</data></job></jobs>"),
    "unknown entities": repeated("&a;", "<jobs><job><data>", "</data></job></jobs>"),
    "comments": repeated("<!---->", f"<jobs>{JOB}", "</jobs>"),
    "comments in a value": repeated("a<!---->", "<jobs><job><data>", "</data></job></jobs>"),
    "instructions": repeated("<?a?>", f"<jobs>{JOB}", "</jobs>"),
    "CDATA": repeated("<![CDATA[a]]>b", "<jobs><job><data>", "</data></job></jobs>"),
    "depth": repeated("<a>", "<jobs>"),
    "depth over and over": repeated("<a>" * 250 + "</a>" * 250, "<jobs><job>", "</job></jobs>"),
    "siblings": repeated("<a/>", "<jobs><job>", "</job></jobs>"),
    "siblings with text between": repeated("<a/>b", "<jobs><job>", "</job></jobs>"),
    "tags": repeated("<tag/>", "<jobs><job><tags>", "</tags></job></jobs>"),
    "text": repeated("a", "<jobs><job><data>", "</data></job></jobs>"),
    "quotes": repeated('"', "<jobs><job><data>", "</data></job></jobs>"),
    "line ends": repeated("\r\n", "<jobs><job><data>", "</data></job></jobs>"),
    "a long name": repeated("a", "<jobs><", "/></jobs>"),
    "open elements": repeated("<a ", "<jobs>"),
    "brackets": repeated("]]", "<jobs>"),
}


@pytest.mark.parametrize("build", DOCUMENTS.values(), ids=DOCUMENTS)
def test_jobs_in_xml_take_time_in_proportion_to_their_length(build: Callable[[int], str]) -> None:
    assert is_fast(read, build(SIZE))

    short = min(cpu_seconds(read, build(SIZE)) for _ in range(5))
    # Some microseconds are there whatever the length; 64 times the time is meant, 4,096 the fault.
    allowed = 8 * (MAX_DOCUMENT // SIZE) * max(short, 0.001)
    assert is_fast(read, build(MAX_DOCUMENT), allowed)


def read(text: str) -> object:
    return bulk_document.read(Body(text.encode(), negotiation.XML_TEXT))


ROUTES = {
    ("POST", "/1/jobs"): "job",
    ("PUT", f"/1/jobs/{ABSENT}"): "job",
    ("PUT", "/1/jobs/by-name/a"): "job",
    ("POST", "/1/jobs/bulk"): "jobs",
    ("POST", "/1/preview"): "preview",
    ("POST", "/1/secrets/rotate"): "rotation",
    ("POST", "/1/keys"): "key",
    ("POST", "/1/runs/redeliver"): "redelivery",
    ("POST", f"/1/runs/{ABSENT}/complete"): "completion",
    ("PUT", "/1/dapr-apps/a"): "app",
    ("PUT", "/1/fusion-runners/spark"): "runner",
}


@pytest.mark.parametrize(("method", "path", "root"), [(*route, ROUTES[route]) for route in ROUTES])
@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("<{} xmlns:a='u'/>", None),
        ("<{} xmlns='u'/>", None),
        ("<{0}><b xmlns='u'/></{0}>", "b"),
    ],
)
def test_a_namespace_is_refused_by_every_document_with_the_element_and_the_remedy(
    client: FlaskClient, method: str, path: str, root: str, form: str, named: str | None
) -> None:
    body, element = form.format(root), named or root

    answer = client.open(path, method=method, data=body, content_type="text/xml")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["detail"] == f'The element "{element}" declares a namespace.'
    assert answer.json["member"] == element
    assert "Leave out xmlns and prefixes" in answer.json["remedy"]


def test_a_prefix_that_is_not_declared_is_refused_with_the_remedy(client: FlaskClient) -> None:
    answer = client.post("/1/jobs", data="<a:job/>", content_type="text/xml")

    assert answer.status_code == 400
    assert answer.json is not None
    assert "Namespace prefix a on job is not defined" in answer.json["detail"]
    assert "Leave out xmlns and prefixes" in answer.json["remedy"]


@pytest.mark.parametrize(
    "body",
    [
        f"<job><{'a' * 9000}/><{'a' * 9000}/></job>",
        f"<job><{'a' * 9000}></job>",
        f"<{'a' * 9000} b=''/>",
        f"<job><url {'a' * 9000}=''/></job>",
    ],
)
def test_a_long_name_is_shown_in_part(client: FlaskClient, body: str) -> None:
    answer = client.post("/1/jobs", data=body, content_type="text/xml")

    assert answer.status_code == 400
    assert len(answer.data) < 1500


def test_all_documents_are_read_by_one_parser() -> None:
    parsing = {
        path.name
        for path in Path(app.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in PARSERS
    }

    assert parsing == {"xml_codec.py"}


PARSERS = {name for name in dir(etree) if name.endswith("Parser")} | {"fromstring", "iterparse"}
