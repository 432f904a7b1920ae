"""Forms of a job that are sent twice, as by a double click in a browser without JavaScript."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.console.job_scene import book
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.factories import one

NEW = "/console/jobs/new"


def fields(signed_in: SignedIn, path: str, **changes: str) -> dict[str, Any]:
    """What a browser sends of the form of a page."""
    form = check_page(signed_in.get(path)).get_element_by_id("job-form")
    return {**dict(form.form_values()), "do": "book", **changes}


def blank(signed_in: SignedIn, **changes: str) -> dict[str, Any]:
    return fields(signed_in, NEW, **{"url": "https://example.com/wake", "data": "x", **changes})


def count(connection: psycopg.Connection) -> Any:
    return one(connection, "SELECT count(*) FROM job")


def test_a_form_that_is_sent_twice_books_once(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    form = blank(signed_in)

    first, second = (signed_in.client.post(NEW, data=form) for _ in range(2))

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert count(connection) == 1


def test_forms_that_are_sent_at_once_book_once(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    form = blank(signed_in)
    cookie = {"Cookie": f"wakecall={signed_in.token}"}

    def send(_: int) -> str:
        client = signed_in.app.test_client(use_cookies=False)
        return client.post(NEW, data=form, headers=cookie).headers["Location"]

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(send, range(4)))) == 1
    assert count(connection) == 1


def test_a_changed_form_and_a_fresh_one_book_again(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    form = blank(signed_in)

    for sent in (form, {**form, "data": "y"}, blank(signed_in), {**form, "key": "a key"}):
        assert signed_in.client.post(NEW, data=sent).status_code == 303

    assert count(connection) == 4


def test_a_form_that_was_refused_can_be_sent_again(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    form = blank(signed_in, url="")
    assert signed_in.client.post(NEW, data=form).status_code == 400
    assert signed_in.client.post(NEW, data={**form, "url": "https://a.test/"}).status_code == 303
    assert count(connection) == 1


def test_a_change_that_is_saved_twice_is_saved(signed_in: SignedIn) -> None:
    job = book(signed_in)
    path = f"/console/jobs/{job}/edit"
    form = fields(signed_in, path, data="changed")

    answers = [signed_in.client.post(path, data=form) for _ in range(2)]
    other = signed_in.client.post(path, data={**form, "data": "other"})

    assert [each.status_code for each in answers] == [303, 303]
    assert other.status_code == 409
