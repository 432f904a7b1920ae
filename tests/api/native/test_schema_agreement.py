"""The schema that is served and the reader: both take the same documents, and refuse the same.

Documents are put together of elements of which each may be right or wrong. What only the reader can
judge, or passes over, is listed in docs/api.md and not drawn here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from app.api.native.documents import job as job_document
from app.domain import booking
from app.domain.url_rules import UrlRules
from app.errors import WakecallError
from tests.api.native.job_documents import read_xml

URL = "https://example.com/"
NUMBERS = (
    *(
        "1",
        "1.0",
        "2.50",
        "1e1",
        "0.5E+1",
        "10e-1",
        "60",
        "60.5",
        "3",
        "20",
        "21",
        "86400",
        "86401",
    ),
    *("0", "0.5", "01", "+1", "-1", "1.", ".5", "1e", "NaN", "INF", "1,5", "0x1", "", "1 2"),
    *("3.00000000000000000000000000001", "3.0000000000000000000000000001", "1e400", " 5 ", "5\n"),
)
WORDS = (
    *("a", "nightly run", "ü", "日本", "a\tb", "a\nb", " a ", "", " ", "a\u00a0b", "\u200b", "😀"),
    *("x" * 64, "x" * 65, "x" * 128, "x" * 129, f" {'x' * 128} "),
)
VALUES = ("a", "text/plain; charset=utf-8", "a b", "ü", "a\tb", "", " a ", "x" * 1024, "x" * 1025)
LONG = (f" {'x' * 1024}\n", f"{URL}{'x' * 2028}", f"{URL}{'x' * 2029}")
HEADERS = ("X-A", "x-b", "a b", "", "ü", "a:b", "Prefer", "~x", " X-A")
FLAGS = ("true", "false", "1", "0", "TRUE", "yes", "", " true ")
SKELETON = "<url>https://example.com/</url><when>2099-01-01T00:00:00Z</when>"


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(Path(job_document.__file__).parent / "job.xsd"))


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def plain(name: str, values: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(values).map(lambda text: f"<{name}>{escaped(text)}</{name}>")


def listed(name: str, item: str, values: tuple[str, ...], most: int) -> st.SearchStrategy[str]:
    """A list of what may be wrong, or of one value too many."""
    # Each once: only the reader knows that a tag must not come twice.
    once = {text.strip(): text for text in values}
    items = st.lists(plain(item, (*once.values(),)), max_size=3, unique=True).map("".join)
    # As many as there may be, and one more, each another.
    many = st.sampled_from([most, most + 1]).map(
        lambda count: "".join(f"<{item}>{number + 1}</{item}>" for number in range(count))
    )
    return (items | many).map(lambda inside: f"<{name}>{inside}</{name}>")


def within(name: str, *members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An element of some of these members, in any order, one of them perhaps twice."""
    some = st.lists(st.one_of(*members), max_size=3).map("".join)
    return some.map(lambda inside: f"<{name}>{inside}</{name}>")


def many_headers(count: int) -> str:
    inside = "".join(f'<header name="X-{number}">a</header>' for number in range(count))
    return f"<headers>{inside}</headers>"


HEADER = st.builds(
    lambda name, text: f'<header name="{escaped(name)}">{escaped(text)}</header>',
    st.sampled_from(HEADERS),
    st.sampled_from(VALUES),
)
ODD = st.sampled_from(
    [
        *("<x/>", "text", "<!-- nothing -->", "<?nothing?>", "<url>https://example.com/</url>"),
        *('<retry xml:lang="en"/>', "<tags>a</tags>", "<tags><x/></tags>", "<tags a='b'/>"),
        *("<headers><header>x</header></headers>", "<enabled><x/></enabled>", "<job/>"),
        *('<retry xmlns=""/>', '<retry xmlns="urn:x"/>', "<retry><x/></retry>", "<retry/>"),
        *('<tags xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>', "<headers/>", "<tags/>"),
    ]
)
ELEMENTS = st.one_of(
    plain("signature", (*VALUES, LONG[0])),
    plain("contentType", VALUES),
    plain("data", ("", " a ", "ü")),
    plain("enabled", FLAGS),
    plain("name", WORDS),
    plain("method", ("POST", "PUT", " PATCH ", "DELETE", "post", "TRACE", "")),
    plain("timeout", NUMBERS),
    plain("misfire", ("all", "one", "skip ", "All", "")),
    plain("misfireWindow", (*NUMBERS, "2592000", "2592001")),
    plain("onGap", ("skip", "next", "both", "")).map("<timezone>UTC</timezone>{}".format),
    plain("onOverlap", ("first", "third", "")).map("<timezone>UTC</timezone>{}".format),
    plain("onSuccess", (URL, f" {URL} ", *LONG[1:])),
    plain("onFailure", (URL, *LONG[1:])),
    listed("tags", "tag", WORDS, 20),
    st.lists(HEADER, max_size=1).map("".join).map("<headers>{}</headers>".format),
    st.sampled_from([20, 21]).map(many_headers),
    within("retry", plain("maxAttempts", NUMBERS), plain("maxAge", (*NUMBERS, "604800", "604801"))),
    listed("schedule", "wait", NUMBERS, 19).map("<retry><maxAge>9</maxAge>{}</retry>".format),
    within(
        "backoff",
        plain("initial", ("1", "1e0", "0", "")),
        plain("factor", NUMBERS),
        plain("max", NUMBERS),
    ).map("<retry><maxAge>9</maxAge>{}</retry>".format),
    ODD,
)


BODILESS = re.compile(r"<method>(?:GET|HEAD|DELETE)</method>")
PAYLOAD = re.compile(r"<(?:data|contentType)>[^<]")


def is_taken(body: str) -> bool:
    """Whether the reader takes the document, and a booking of it is not refused."""
    try:
        booking.check(job_document.to_booking(read_xml(body.encode())), UrlRules())
    except WakecallError:
        return False
    return True


def is_valid(body: str) -> bool:
    return schema().validate(etree.fromstring(body.encode()))


def document_of(inside: str) -> str:
    return f"<job>{SKELETON}{inside}</job>"


# What once was judged in two ways.
@example(["<retry/>"])
@example(["<timeout>1e1</timeout>"])
@example(["<retry><maxAttempts>3.0</maxAttempts></retry>"])
@example(['<retry xmlns=""/>'])
@example([f"<signature>{LONG[0]}</signature>"])
@example(["<name>a\tb</name>"])
@example(['<headers><header name="X-A"/></headers>'])
@settings(deadline=None, max_examples=300)
@given(st.lists(ELEMENTS, max_size=3))
def test_the_schema_takes_what_the_reader_takes_and_refuses_what_it_refuses(
    elements: list[str],
) -> None:
    inside = "".join(elements)
    # That a method has no payload cannot be said in XML Schema 1.0.
    assume(not (BODILESS.search(inside) and PAYLOAD.search(inside)))
    # A zone is for a when without an offset, and stands once.
    zone = "<timezone>UTC</timezone>"
    body = document_of(inside)
    if zone in inside:
        body = document_of(zone + inside.replace(zone, "")).replace("00Z</when>", "00</when>")

    assert is_valid(body) == is_taken(body), body


def test_what_is_drawn_is_right_and_wrong() -> None:
    """Each value of the pools by itself: none of them hides behind another that is wrong."""
    judged = {
        (name, text): is_valid(document_of(f"<{name}>{escaped(text)}</{name}>"))
        for name, values in (
            ("timeout", NUMBERS),
            ("name", WORDS),
            ("signature", (*VALUES, LONG[0])),
            ("enabled", FLAGS),
            ("onSuccess", LONG[1:]),
        )
        for text in values
    }
    for (name, text), valid in judged.items():
        assert is_taken(document_of(f"<{name}>{escaped(text)}</{name}>")) is valid, (name, text)
    assert 20 < sum(judged.values()) < len(judged) - 20
