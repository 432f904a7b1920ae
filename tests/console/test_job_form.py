"""The form of a job: its document, its checks, test calls, and what is pasted."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import HtmlElement

from app.api.native.documents import job as job_document
from app.console import booking_form
from app.domain.role import Role
from app.errors import InvalidMember
from app.service import inboxes, jobs, pauses
from tests.console.job_scene import OFTEN, book, context, get, text
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.factories import one

NEW = "/console/jobs/new"
ALL = {
    "url": "https://example.com/wake",
    "signature": "sig",
    "contentType": "application/json",
    "data": '{"a": 1}\nb',
    "cron": "0 30 2 ? * SUN",
    "timezone": "Europe/Berlin",
    "onGap": "next",
    "onOverlap": "first",
    "enabled": False,
    "name": "all",
    "tags": ["a", "b"],
    "method": "PUT",
    "headers": {"X-A": "1", "X-B": "a: b"},
    "timeout": 2.5,
    "retry": {"maxAttempts": 5, "backoff": {"initial": 1.5, "factor": 3, "max": 60}, "maxAge": 900},
    "misfire": "skip",
    "misfireWindow": 30,
    "onSuccess": "https://example.com/good",
    "onFailure": "https://example.com/bad",
}


def fields_of(page: str | bytes) -> dict[str, str]:
    """What a browser sends of the form of the page, without a button."""
    form: HtmlElement = check_page(page).get_element_by_id("job-form")
    found = {}
    for field in form.xpath(".//*[@name]"):
        name, kind = field.get("name"), field.get("type")
        if name == "csrf_token" or field.tag == "button":
            continue
        if kind in {"radio", "checkbox"} and field.get("checked") is None:
            continue
        if field.tag == "select":
            chosen = field.xpath("./option[@selected]") or field.xpath("./option")
            found[name] = chosen[0].get("value")
        elif field.tag == "textarea":
            # Browsers drop the first line break, and send the others as CR and LF.
            found[name] = (field.text or "").removeprefix("\n").replace("\n", "\r\n")
        else:
            found[name] = field.get("value") or ("on" if kind == "checkbox" else "")
    return found


def document_shown(page: str | bytes) -> dict[str, object]:
    blocks = check_page(page).xpath("//section[@aria-labelledby='h-document']//pre")
    found: dict[str, object] = json.loads(blocks[0].text_content())
    return found


def test_every_member_survives_the_form(signed_in: SignedIn) -> None:
    job_id = book(signed_in, **ALL)
    before = get(signed_in, job_id)
    page = signed_in.get(f"/console/jobs/{job_id}/edit")
    assert document_shown(page) == ALL
    moved = signed_in.post(f"/console/jobs/{job_id}/edit", fields_of(page))
    assert (moved.status_code, moved.headers["Location"]) == (303, f"/console/jobs/{job_id}")
    after = get(signed_in, job_id)
    assert (after.version, after.booking) == (2, before.booking)

    copy = fields_of(signed_in.get(f"{NEW}?from={job_id}"))
    assert copy.pop("name") == ""
    moved = signed_in.post(NEW, {**copy, "name": "copy"})
    made = UUID(moved.headers["Location"].rpartition("/")[2])
    assert get(signed_in, made).booking.call_options == before.booking.call_options


@pytest.mark.parametrize(
    "members",
    [
        {"retry": {"maxAttempts": 1}},
        {"retry": {"schedule": [1, 5, 15, 60]}},
        {"retry": {"schedule": [1, 2.5]}},
        {"data": "\r\n\x01", "contentType": "text/plain"},
        {"data": "AP8=", "dataEncoding": "base64"},
        {"data": "\n  <b>é\n"},
        {"tags": ["a,b", '"c"', 'd"', 'say "e, f"', "g h", ",", '"']},
        {"when": "2099-01-01T00:00:00.25Z"},
        {},
    ],
)
def test_a_job_survives_the_form(signed_in: SignedIn, members: dict[str, object]) -> None:
    job_id = book(signed_in, **members)
    before = get(signed_in, job_id).booking
    sent = fields_of(signed_in.get(f"/console/jobs/{job_id}/edit"))
    assert signed_in.post(f"/console/jobs/{job_id}/edit", sent).status_code == 303
    assert get(signed_in, job_id).booking == before


def test_a_job_is_booked_as_its_document_says(signed_in: SignedIn) -> None:
    sent = fields_of(signed_in.get(NEW))
    assert sent["how"] == "at"
    sent |= {"how": "cron", "cron": "0 30 9 ? * MON", "url": "https://example.com/", "tags": "a, b"}
    moved = signed_in.post(NEW, {**sent, "do": "book"})
    assert moved.status_code == 303
    booking = get(signed_in, UUID(moved.headers["Location"].rpartition("/")[2])).booking
    assert (booking.url, booking.tags) == ("https://example.com/", ("a", "b"))
    assert "is booked" in signed_in.get(moved.headers["Location"])


def test_a_check_books_nothing(signed_in: SignedIn, connection: psycopg.Connection) -> None:
    sent = {**fields_of(signed_in.get(NEW)), "url": "https://example.com/", "do": "check"}
    answer = signed_in.post(NEW, sent)
    assert answer.status_code == 200
    assert "All checks pass. Nothing was booked." in text(check_page(answer.data))
    assert fields_of(answer.data)["url"] == "https://example.com/"
    assert one(connection, "SELECT count(*) FROM job") == 0

    job_id = book(signed_in, name="n")
    page = signed_in.get(f"/console/jobs/{job_id}/edit")
    answer = signed_in.post(f"/console/jobs/{job_id}/edit", {**fields_of(page), "do": "check"})
    assert "All checks pass. Nothing was changed." in text(check_page(answer.data))
    assert get(signed_in, job_id).version == 1


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"url": ""}, "url", "url is missing"),
        ({"url": "ftp://example.com/"}, "url", "ftp"),
        ({"when": "tomorrow"}, "when", "does not begin with an ISO 8601 date"),
        ({"when": "2020-01-01T00:00"}, "when", "not in the future"),
        ({"when": ""}, "when", "Neither when nor cron"),
        ({"how": "cron", "cron": "0 * * * * ?"}, "cron", "fires again after 60 seconds"),
        ({"timezone": "Mars"}, "timezone", "Mars"),
        ({"timeout": "soon"}, "timeout", "timeout is a string"),
        ({"timeout": "99"}, "timeout", "timeout"),
        ({"headers": "nonsense"}, "headers", "is not a header"),
        ({"headers": "X-A: 1\nX-A: 2"}, "headers", "more than once"),
        ({"headers": "Host: x"}, "headers", "is set by Wakecall"),
        ({"tags": "a, a"}, "tags", "more than once"),
        ({"retry": "custom", "retryWaits": "0"}, "retryWaits", "retry.schedule"),
        ({"retry": "custom", "retryFactor": "2"}, "retryInitial", "initial is missing"),
        ({"retry": "custom", "retryMaxAttempts": "99"}, "retryMaxAttempts", "maxAttempts"),
        ({"misfireWindow": "0"}, "misfireWindow", "misfireWindow"),
        ({"method": "GET", "data": "x"}, "data", "has no body"),
        ({"data": "x", "dataEncoding": "base64"}, "data", "is not base64"),
        ({"onFailure": "x"}, "onFailure", "not an absolute URL"),
        ({"data": "x" * 2049}, "data", "2049 bytes"),
    ],
)
def test_an_error_stands_beside_its_field_and_the_form_is_kept(
    signed_in: SignedIn, changes: dict[str, str], field: str, reason: str
) -> None:
    sent = fields_of(signed_in.get(NEW)) | {"url": "https://example.com/", "name": "kept"} | changes
    answer = signed_in.post(NEW, sent)
    document = check_page(answer.data)
    assert answer.status_code in {400, 413, 422}
    wrong = document.get_element_by_id(f"field-{field}")
    assert wrong.get("aria-invalid") == "true"
    assert reason in text(document.get_element_by_id(f"fault-{field}"))
    assert reason in text(document.get_element_by_id("problem"))
    # Nothing hides the field.
    assert not wrong.xpath("ancestor::details[not(@open)]")
    kept = fields_of(answer.data)
    assert kept["name"] == "kept"
    assert {name: kept[name].replace("\r\n", "\n") for name in changes} == changes


def test_a_name_that_is_taken_is_refused_beside_its_field(signed_in: SignedIn) -> None:
    book(signed_in, name="taken")
    sent = fields_of(signed_in.get(NEW)) | {"url": "https://example.com/", "name": "taken"}
    answer = signed_in.post(NEW, sent)
    assert answer.status_code == 409
    assert check_page(answer.data).get_element_by_id("fault-name") is not None


def test_a_change_of_another_person_is_not_overwritten(signed_in: SignedIn) -> None:
    job_id = book(signed_in, name="n")
    sent = fields_of(signed_in.get(f"/console/jobs/{job_id}/edit"))
    assert signed_in.post(f"/console/jobs/{job_id}/edit", sent).status_code == 303
    answer = signed_in.post(f"/console/jobs/{job_id}/edit", {**sent, "name": "mine"})
    assert answer.status_code == 409
    assert "its version is now 2" in text(check_page(answer.data))
    assert fields_of(answer.data)["name"] == "mine"
    assert get(signed_in, job_id).booking.name == "n"


def test_a_change_that_comes_between_the_check_and_the_update_is_not_overwritten(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = book(signed_in)
    sent = fields_of(signed_in.get(f"/console/jobs/{job_id}/edit"))
    own = jobs.update

    def pausing(context: Any, caller: Any, *args: Any, **options: Any) -> Any:
        pauses.pause(context, caller, job_id)
        return own(context, caller, *args, **options)

    monkeypatch.setattr(jobs, "update", pausing)

    answer = signed_in.post(f"/console/jobs/{job_id}/edit", {**sent, "name": "mine"})

    assert "its version is now 2" in text(check_page(answer.data))
    after = get(signed_in, job_id)
    assert (after.version, after.booking.enabled, after.booking.name) == (2, False, None)


def test_fields_that_no_form_has_change_nothing(signed_in: SignedIn, other_user: SignedIn) -> None:
    sent = fields_of(signed_in.get(NEW)) | {"url": "https://example.com/"}
    sent |= {"account": other_user.account.name, "id": str(UUID(int=1)), "dialect": "dapr"}
    moved = signed_in.post(NEW, sent)
    found = get(signed_in, UUID(moved.headers["Location"].rpartition("/")[2]))
    assert (found.account, found.booking.dialect) == ("demo", "native")
    assert found.id != UUID(int=1)


def test_a_test_call_is_a_job_of_its_own_that_is_due_at_once(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    sent = fields_of(signed_in.get(NEW)) | {"url": "https://example.com/", "name": "n", "data": "x"}
    sent |= {"retry": "fast", "headers": "X-A: 1", "do": "test"}
    answer = signed_in.post(NEW, sent)
    assert answer.status_code == 200
    (place,) = check_page(answer.data).xpath("//section[@id='test']//a/@href")
    assert fields_of(answer.data)["name"] == "n"
    found = get(signed_in, UUID(place.split("/")[3]))
    options = found.booking.call_options
    assert (found.booking.name, found.booking.data, options.headers) == (
        None,
        b"x",
        (("X-A", "1"),),
    )
    assert options.retry is not None
    assert one(connection, "SELECT next_at - now() < interval '2 s' FROM due")
    assert "about to be made" in signed_in.get(place)
    part = signed_in.client.get(place, headers={"HX-Request": "true"})
    assert 'data-hx-trigger="every 1s"' in part.text
    assert "<html" not in part.text


def test_the_result_of_a_test_call_is_shown(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    job_id, run_id = book(signed_in), UUID(int=7)
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) VALUES (%s, %s, %s, 1, 'scheduled', now(), 0, 'failed', 1, now())",
        (run_id, job_id, signed_in.account.id),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, number, due_at, started_at, lateness_ms, status, headers,"
        " body, dns_ms, connect_ms, first_byte_ms, total_ms)"
        ' SELECT id, 1, due_at, due_at, 1.5, 503, \'[["X-A", "<b>"]]\', %s, 1, 2, 3, 4 FROM run',
        (b"<script>alert(1)</script>",),
    )
    for headers in ({}, {"HX-Request": "true"}):
        answer = signed_in.client.get(f"/console/jobs/{job_id}/result", headers=headers)
        assert "<b>503</b>" in answer.text
        assert "1.5 ms" in answer.text
        assert "&lt;script&gt;alert(1)" in answer.text
        assert "every 1s" not in answer.text


@pytest.mark.parametrize(
    ("pasted", "expected", "note"),
    [
        (
            "curl -X PUT https://example.com/a -H 'X-A: 1' -L -d 'x y'",
            {"url": "https://example.com/a", "method": "PUT", "data": "x y", "headers": "X-A: 1"},
            "Redirects are not followed",
        ),
        (
            "30 9 * * 1-5",
            {"how": "cron", "cron": "30 9 * * 1-5"},
            "Choose the time zone",
        ),
        (
            "@daily curl https://example.com/b",
            {"how": "cron", "cron": "@daily", "url": "https://example.com/b", "method": "GET"},
            "Choose the time zone",
        ),
        ("0 1 * * * /usr/bin/backup", {"cron": "0 1 * * *"}, "The command is ignored"),
    ],
)
def test_a_pasted_text_fills_the_form(
    signed_in: SignedIn,
    connection: psycopg.Connection,
    pasted: str,
    expected: dict[str, str],
    note: str,
) -> None:
    answer = signed_in.post(f"{NEW}/paste", {"paste": pasted})
    assert answer.status_code == 200
    filled = fields_of(answer.data)
    assert {name: filled[name] for name in expected} == expected
    assert note in text(check_page(answer.data))
    assert one(connection, "SELECT count(*) FROM job") == 0


@pytest.mark.parametrize("pasted", ["", "wget x", "curl", "@reboot x", "0 0 L * * x", "x " * 9000])
def test_a_text_that_is_neither_is_refused_and_kept(signed_in: SignedIn, pasted: str) -> None:
    answer = signed_in.post(f"{NEW}/paste", {"paste": pasted})
    assert answer.status_code == 400
    document = check_page(answer.data, most_bytes=80_000)
    assert document.get_element_by_id("fault-paste") is not None
    assert document.get_element_by_id("field-paste").text.removeprefix("\n") == pasted


def test_a_reader_books_nothing(signed_in: SignedIn, connection: psycopg.Connection) -> None:
    reader = signed_in.with_role(Role.READER)
    assert reader.client.get(NEW).status_code == 403
    for path in (NEW, f"{NEW}/paste", f"{NEW}/shown"):
        assert reader.post(path, {"url": "https://example.com/"}).status_code == 403
        assert signed_in.client.post(path, data={"url": "x"}).status_code == 403
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_link_fills_the_form(signed_in: SignedIn, other_user: SignedIn) -> None:
    filled = fields_of(signed_in.get(f"{NEW}?cron=0+0+12+*+*+%3F&timezone=Asia/Tokyo"))
    assert (filled["how"], filled["cron"]) == ("cron", "0 0 12 * * ?")
    assert filled["timezone"] == "Asia/Tokyo"
    assert signed_in.client.get(f"{NEW}?from=x").status_code == 400
    assert signed_in.client.get(f"{NEW}?colour=x").status_code == 400
    assert other_user.client.get(f"{NEW}?from={book(signed_in)}").status_code == 404


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@given(st.dictionaries(st.sampled_from(booking_form.FIELDS), TEXTS))
def test_any_fields_are_a_document_or_refused(values: dict[str, str]) -> None:
    with suppress(InvalidMember):
        document = booking_form.read(booking_form.members({**OFTEN, "how": "cron", **values}))
        assert job_document.to_booking(document).url


def test_the_inboxes_of_the_account_are_offered(signed_in: SignedIn, other_user: SignedIn) -> None:
    with context(signed_in).database.transaction() as connection:
        inbox = inboxes.create(connection, signed_in.account.id, label="<orders>")
    options = "//datalist[@id='inboxes']/option"
    (offered,) = check_page(signed_in.get(NEW)).xpath(options)
    assert offered.get("value").endswith(f"/in/{inbox.token}")
    assert text(offered) == "<orders>"
    assert not check_page(other_user.get(NEW)).xpath(options)
