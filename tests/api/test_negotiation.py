import time

import pytest

from app.api.negotiation import (
    DOCUMENTS,
    JSON,
    TEXT,
    WITH_TEXT,
    XML_APPLICATION,
    XML_TEXT,
    choose,
    parse,
)
from app.errors import NotAcceptable


@pytest.mark.parametrize("accept", [None, "", "*/*", "*", ",", ";;,", "nonsense", "text", "*/json"])
def test_without_a_preference_text_answers_where_it_is_offered_else_json(
    accept: str | None,
) -> None:
    assert choose(accept, WITH_TEXT) == TEXT
    assert choose(accept, DOCUMENTS) == JSON


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/json", JSON),
        ("APPLICATION/Json", JSON),
        ("text/xml", XML_TEXT),
        ("application/xml", XML_APPLICATION),
        ("text/plain", TEXT),
        ("application/*", JSON),
        ("text/*", TEXT),
        # Ties fall to the order of the offers.
        ("application/xml, application/json", JSON),
        ("application/xml, text/xml", XML_TEXT),
        ("*/*, application/json", TEXT),
        # Weights.
        ("text/plain;q=0.5, application/json;q=0.6", JSON),
        ("text/plain;q=0.5,application/xml", XML_APPLICATION),
        ("text/plain; q=0.001, text/xml; Q=0.002", XML_TEXT),
        ("application/json;q=1.0, text/plain;q=0.999", JSON),
        # The most specific range decides, wherever it stands and however little it weighs.
        ("*/*;q=0.9, text/plain;q=0.1", JSON),
        ("text/*;q=0.9, text/plain;q=0.1, */*;q=0.3", XML_TEXT),
        ("text/plain;q=0.1, */*", JSON),
        ("application/*;q=0.2, application/xml;q=0.9, text/*;q=0.5", XML_APPLICATION),
        # 0 excludes.
        ("text/plain;q=0, */*", JSON),
        ("text/plain;q=0, application/json;q=0, */*;q=0.1", XML_TEXT),
        ("text/*;q=0, application/json;q=0.0, */*", XML_APPLICATION),
        # Parameters: every answer is UTF-8, and has no others.
        ("application/json;charset=utf-8", JSON),
        ('application/json; charset="UTF-8"; q=0.5, text/plain;q=0.4', JSON),
        ("application/json;q=0.9, application/json;charset=utf-8;q=0.1, text/xml;q=0.5", XML_TEXT),
        ("application/json;version=1, text/xml;q=0.1", XML_TEXT),
        ("application/json;version=1;q=0, application/json", JSON),
        ("text/xml;charset=iso-8859-1, application/json;q=0.1", JSON),
        ('text/plain;a="x,y;q=0", text/xml;q=0.5', XML_TEXT),
        ("application/json;q=0.8;extension=1", JSON),
        # What old clients send.
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", TEXT),
        ("*; q=.2", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML_APPLICATION),
        # What cannot be read is passed over, an unreadable weight goes last.
        ("text/xml, ,, application", XML_TEXT),
        ("application/json;q=high, text/xml;q=0.1", XML_TEXT),
        ("application/json;q=1.5, text/xml;q=0.1", XML_TEXT),
        ("application/json;q=-1", JSON),
        ("application/json;q=", JSON),
        ("application/json;q=nan", JSON),
        ("application/json;q=0.12345, text/xml;q=0.1234", JSON),
        ("application/json; q = 0.5, text/xml;q=0.6", XML_TEXT),
        ("image/png, application/json ;q=0.1", JSON),
    ],
)
def test_the_client_s_preference_decides(accept: str | None, chosen: str) -> None:
    assert choose(accept, WITH_TEXT) == chosen


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "text/plain",
        "text/html, image/*",
        "*/*;q=0",
        "application/json;q=0, text/xml;q=0, application/xml;q=0.000",
        "application/json;version=2",
        "application/json;charset=utf-16",
        "application/problem+json",
        "json/application",
        'text/xml;a="never closed, application/json',
    ],
)
def test_where_nothing_offered_is_acceptable_the_offers_are_named(accept: str | None) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        choose(accept, DOCUMENTS)
    assert refusal.value.member == "Accept"
    for offer in DOCUMENTS:
        assert offer in refusal.value.remedy


def test_an_endless_field_is_read_in_bounded_time() -> None:
    started = time.monotonic()
    for field in (
        '"' * 60_000,
        ";" * 60_000,
        "a/b;q=" * 10_000,
        'a/b;c="\\' * 8_000,
        "*/*," * 15_000,
    ):
        parse(field)
    assert time.monotonic() - started < 10
