"""Previews over HTTP: what a schedule would do, and what is wrong with one that cannot be read."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from app.api import previews
from app.domain import zones
from app.domain.preview import Preview
from tests.api.conftest import MakeApp, client_of
from tests.api.golden import golden
from tests.api.native.booked import ids, xml_of

AFTER = {"after": "2026-11-22T05:30:00Z"}


def shown(client: FlaskClient, **members: Any) -> dict[str, Any]:
    answer = client.post("/1/preview", json={**AFTER, **members})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


@pytest.mark.parametrize("asked", ["json", "xml"])
@pytest.mark.parametrize("answered", ["json", "xml"])
def test_a_preview_looks_as_documented(client: FlaskClient, asked: str, answered: str) -> None:
    types = {"json": "application/json", "xml": "text/xml"}
    answer = client.post(
        "/1/preview",
        data=golden(f"preview.request.{asked}"),
        headers={"Content-Type": types[asked], "Accept": types[answered]},
    )
    assert answer.status_code == 200
    assert answer.content_type.partition(";")[0] == types[answered]
    written = golden(f"preview.response.{answered}")
    assert answer.data == written.replace(b"2026f", zones.VERSION.encode())
    assert ids(client) == []


def test_in_utc_local_times_are_those_of_utc(client: FlaskClient) -> None:
    document = shown(client, cron="0 15 10 * * ?", count=1)
    assert document == {
        "summary": "every day at 10:15, UTC",
        "next": [{"utc": "2026-11-22T10:15:00Z", "local": "2026-11-22T10:15:00+00:00"}],
        "minimumGap": 86400,
        "bookable": True,
        "reasons": [],
        "warnings": [],
        "timezone": "UTC",
        "tzdata": zones.VERSION,
    }


@pytest.mark.parametrize(
    ("cron", "gap", "firings", "reason"),
    [
        ("0 0/5 * * * ?", 300, 5, "fires again after 300 seconds"),
        ("* * * * * ?", 1, 5, "fires again after 1 second."),
        ("0 0 0 30 2 ?", None, 0, "never fires again"),
        ("0 0 12 1 1 ? 2020", None, 0, "never fires again"),
    ],
)
def test_what_may_not_be_booked_is_shown_with_the_reason(
    client: FlaskClient, cron: str, gap: int | None, firings: int, reason: str
) -> None:
    document = shown(client, cron=cron)
    assert (document["bookable"], document["minimumGap"], len(document["next"])) == (
        False,
        gap,
        firings,
    )
    assert [reason in each for each in document["reasons"]] == [True]


def test_the_ten_minutes_are_judged_across_changes_of_the_clock(client: FlaskClient) -> None:
    document = shown(client, cron="0 5/10 * * * ?", timezone="America/New_York", onGap="next")
    assert (document["bookable"], document["minimumGap"]) == (False, 300)
    assert "2027-03-14T07:00:00Z" in document["reasons"][0]


def test_an_instant_is_previewed_too(client: FlaskClient) -> None:
    document = shown(client, when="2026-11-23T12:00:00+02:00")
    assert document["next"] == [
        {"utc": "2026-11-23T10:00:00Z", "local": "2026-11-23T10:00:00+00:00"}
    ]
    assert (document["bookable"], document["minimumGap"]) == (True, None)
    document = shown(client, when="2026-11-22T05:30:00Z")
    assert (document["bookable"], document["next"]) == (False, [])
    assert "not in the future" in document["reasons"][0]


@pytest.mark.parametrize(
    ("when", "rules", "local", "warns"),
    [
        ("2027-07-01T12:00", {}, "2027-07-01T12:00:00-04:00", None),
        ("2027-11-07T01:30", {}, "2027-11-07T01:30:00-05:00", "2027-11-07T05:30:00Z and"),
        ("2027-03-14T02:30", {"onGap": "next"}, "2027-03-14T03:00:00-04:00", "never shows"),
    ],
)
def test_a_local_time_is_shown_in_its_zone(
    client: FlaskClient, when: str, rules: dict[str, str], local: str, warns: str | None
) -> None:
    document = shown(client, when=when, timezone="America/New_York", **rules)
    assert [each["local"] for each in document["next"]] == [local]
    assert [warns in each for each in document["warnings"]] == ([True] if warns else [])


@pytest.mark.parametrize("count", [1, 7, 100])
def test_as_many_firings_as_asked_for_are_listed(client: FlaskClient, count: int) -> None:
    assert len(shown(client, cron="0 0 * * * ?", count=count)["next"]) == count


def test_without_more_it_counts_five_from_now(client: FlaskClient) -> None:
    document = client.post(
        "/1/preview", json={"cron": "0 0 12 * * ?", "dialect": "native"}
    ).get_json()
    assert len(document["next"]) == 5
    job = client.post(
        "/1/jobs?dryRun=true", json={"url": "http://127.0.0.1/", "cron": "0 0 12 * * ?"}
    )
    assert document["next"][0]["utc"] == job.get_json()["next"]


WRONG: tuple[tuple[Any, str | None], ...] = (
    ({}, "when"),
    ({"cron": "bad"}, "cron"),
    ({"cron": "0 0 12 * * ?", "when": "2030-01-01T00:00Z"}, "cron"),
    ({"cron": 5}, "cron"),
    ({"cron": None}, "when"),
    ({"cron": ["0 0 12 * * ?"]}, "cron"),
    ({"cron": "0 0 12 * * ?", "timezone": "Berlin"}, "timezone"),
    ({"cron": "0 0 12 * * ?", "onGap": "next"}, "onGap"),
    ({"cron": "0 0 12 * * ?", "url": "http://127.0.0.1/"}, "url"),
    ({"cron": "0 0 12 * * ?", "after": "now"}, "after"),
    ({"cron": "0 0 12 * * ?", "after": 0}, "after"),
    ({"cron": "0 0 12 * * ?", "dialect": "klingon"}, "dialect"),
    ({"cron": "0 0 12 * * ?", "dialect": ""}, "dialect"),
    ({"cron": "0 0 12 * * ?", "count": 0}, "count"),
    ({"cron": "0 0 12 * * ?", "count": 101}, "count"),
    ({"cron": "0 0 12 * * ?", "count": -1}, "count"),
    ({"cron": "0 0 12 * * ?", "count": 1.5}, "count"),
    ({"cron": "0 0 12 * * ?", "count": 10**300}, "count"),
    ({"cron": "0 0 12 * * ?", "count": True}, "count"),
    ({"cron": "0 0 12 * * ?", "count": "five"}, "count"),
    ({"cron": "0 0 12 * * ?", "count": "²"}, "count"),
    ({"when": "tomorrow"}, "when"),
    ({"when": "\ud800"}, "when"),
    ({"cron": "0 0 12 * * ?", "timezone": "\ud800"}, "timezone"),
    ([], None),
    ("0 0 12 * * ?", None),
)


@pytest.mark.parametrize(("document", "member"), WRONG, ids=repr)
def test_what_is_wrong_is_named(client: FlaskClient, document: Any, member: str | None) -> None:
    answer = client.post("/1/preview", json=document)
    assert answer.status_code == 400, answer.text
    assert answer.get_json().get("member") == member
    assert answer.get_json()["remedy"]


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b"", None),
        (b"<job/>", None),
        (b"<preview>0 0 12 * * ?</preview>", None),
        (b"<preview/>", "when"),
        (b"<preview><cron><x/></cron></preview>", "cron"),
        (b"<preview><cron a='b'>0 0 12 * * ?</cron></preview>", "cron"),
        (b"<preview><cron>0 0 12 * * ?</cron><cron>0 0 12 * * ?</cron></preview>", "cron"),
        (b"<preview><cron>0 0 12 * * ?</cron><count>x</count></preview>", "count"),
        (b"<preview><cron>0 0 12 * * ?</cron><x/></preview>", "x"),
        (b"<!DOCTYPE preview><preview/>", None),
    ],
)
def test_what_is_wrong_in_xml_is_named(
    client: FlaskClient, body: bytes, member: str | None
) -> None:
    answer = client.post("/1/preview", data=body, headers={"Content-Type": "text/xml"})
    assert answer.status_code == 400, answer.text
    assert answer.get_json().get("member") == member


def test_in_xml_what_is_not_there_is_left_out(client: FlaskClient) -> None:
    body = xml_of({"when": "2099-01-01T00:00Z"}).replace(b"job>", b"preview>")
    headers = {"Content-Type": "application/xml", "Accept": "application/xml"}
    root = etree.fromstring(client.post("/1/preview", data=body, headers=headers).data)
    assert [each.tag for each in root] == [
        "summary",
        "next",
        "bookable",
        "reasons",
        "warnings",
        "timezone",
        "tzdata",
    ]
    assert root.findtext("bookable") == "true"


def test_a_preview_needs_a_key_and_offers_no_plain_text(app: Flask, client: FlaskClient) -> None:
    assert app.test_client().post("/1/preview", json={}).status_code == 401
    refused = client.post("/1/preview", json={}, headers={"Accept": "text/plain"})
    assert refused.status_code == 406


@pytest.mark.parametrize(
    "after", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"]
)
@pytest.mark.parametrize("zone", [{}, {"timezone": "America/New_York"}])
def test_it_counts_from_any_instant(client: FlaskClient, after: str, zone: dict[str, str]) -> None:
    document = shown(client, cron="0 30 2 * * ?", after=after, **zone)
    assert (document["next"] == []) == after.startswith("9999")
    assert document["bookable"] == bool(document["next"])


def test_another_dialect_brings_its_own_members(make_app: MakeApp, key: str) -> None:
    app, asked = make_app(), []

    def preview(members: Any, after: Any, count: int) -> Preview:
        asked.append((dict(members), after.year, count))
        zone = zones.find("UTC")
        return Preview(next=(after,), minimum_gap=7, reasons=("no",), warnings=(), zone=zone)

    previews.offer(app, previews.Previewer(name="other", members=("every",), preview=preview))
    client = client_of(app, key)
    document = shown(client, dialect="other", every={"seconds": 7}, count=2)
    assert asked == [({"every": {"seconds": "7"}}, 2026, 2)]
    assert (document["minimumGap"], document["bookable"], document["reasons"]) == (7, False, ["no"])
    refused = client.post("/1/preview", json={"dialect": "other", "cron": "0 0 12 * * ?"})
    assert (refused.status_code, refused.get_json()["member"]) == (400, "cron")
    refused = client.post("/1/preview", json={"every": {}, "cron": "0 0 12 * * ?"})
    assert (refused.status_code, refused.get_json()["member"]) == (400, "every")
    unknown = client.post("/1/preview", json={"dialect": "third"})
    remedy = unknown.get_json()["remedy"]
    assert remedy.startswith('Use "native" or ')
    assert '"other"' in remedy


@pytest.mark.parametrize(
    ("dialect", "is_named"), [("native", True), ("dapr", False), ("fusion", False)]
)
def test_a_dry_run_is_named_to_those_alone_whose_jobs_it_checks(
    client: FlaskClient, dialect: str, *, is_named: bool
) -> None:
    refused = client.post("/1/preview", json={"dialect": dialect, "url": "https://example.com/"})
    assert refused.get_json()["member"] == "url"
    assert ("dryRun" in refused.get_json()["remedy"]) == is_named
    assert "The members are: dialect, after, count" in refused.get_json()["remedy"]


@pytest.mark.parametrize(
    ("after", "timezone", "first"),
    [
        # 08:30 in Berlin is 07:30 in UTC: the firing at 09:00 is still to come.
        ("2027-01-01T08:30:00", "Europe/Berlin", "2027-01-01T08:00:00Z"),
        ("2027-01-01T08:30:00Z", "Europe/Berlin", "2027-01-02T08:00:00Z"),
        ("2027-01-01T08:30:00+01:00", "Europe/Berlin", "2027-01-01T08:00:00Z"),
        ("2027-01-01T08:30:00", None, "2027-01-01T09:00:00Z"),
        # Never shown: from the end of the gap on. Shown twice: from the first time on.
        ("2027-03-28T02:30:00", "Europe/Berlin", "2027-03-28T07:00:00Z"),
        ("2027-10-31T02:30:00", "Europe/Berlin", "2027-10-31T08:00:00Z"),
    ],
)
def test_after_is_read_in_the_zone_as_when_is(
    client: FlaskClient, after: str, timezone: str | None, first: str
) -> None:
    zone = {} if timezone is None else {"timezone": timezone}
    response = client.post("/1/preview", json={"cron": "0 0 9 * * ?", "after": after, **zone})
    assert response.get_json()["next"][0]["utc"] == first


def test_an_after_that_a_zone_moves_out_of_the_calendar_is_refused(client: FlaskClient) -> None:
    document = {"cron": "0 0 9 * * ?", "after": "9999-12-31T23:30:00", "timezone": "Etc/GMT+12"}
    refused = client.post("/1/preview", json=document)
    assert (refused.status_code, refused.get_json()["member"]) == (400, "after")
