"""Pages: what every page of the console has, shown by a page that uses every macro."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.console.rendering import POLICY
from tests.console import specimen
from tests.console.people import post
from tests.console.rules import check_page

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return specimen.make(tmp_path).test_client()


def test_every_macro_makes_a_page_that_keeps_the_rules(client: FlaskClient) -> None:
    answer = client.get("/console/specimen", headers=HTML)
    document = check_page(answer.data)

    assert answer.status_code == 200
    assert "ada@example.com" in answer.text
    assert "<b>&" not in answer.text
    assert len(document.xpath("//table/tbody/tr")) == len(specimen.STATES)


def test_a_page_has_the_headers_that_keep_it_safe(client: FlaskClient) -> None:
    headers = client.get("/console/specimen", headers=HTML).headers

    assert headers["Content-Security-Policy"] == POLICY
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["ETag"].startswith('W/"')


def test_a_page_of_the_same_data_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/console/specimen", headers=HTML)
    again = client.get(
        "/console/specimen", headers={**HTML, "If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Security-Policy" in again.headers


def test_another_zone_is_another_page(client: FlaskClient) -> None:
    first = client.get("/console/specimen", headers=HTML)
    client.set_cookie("wakecall_zone", "utc")
    again = client.get(
        "/console/specimen", headers={**HTML, "If-None-Match": first.headers["ETag"]}
    )

    assert again.status_code == 200
    assert "Sun 22 Nov 10:15:00 +01:00" in first.text
    assert "Sun 22 Nov 09:15:00 UTC" in again.text


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("http://localhost/console/specimen?q=1", "/console/specimen?q=1"),
        ("http://localhost/console/specimen", "/console/specimen"),
        ("http://[", "/console/"),
        ("http://other.example/console", "/console"),
        ("", "/console/"),
    ],
)
def test_the_theme_is_switched_on_the_answer_to_a_form(
    client: FlaskClient, before: str, place: str
) -> None:
    answer = client.post("/console/specimen", data={"url": "x"}, headers={"Referer": before})
    (back,) = check_page(answer.data).xpath("//details//input[@name='next']/@value")
    moved = post(client, "/console/display", {"theme": "dark", "next": back}, "/console/specimen")
    assert moved.headers["Location"] == place


def test_a_refused_form_shows_the_error_beside_its_field(client: FlaskClient) -> None:
    answer = client.post("/console/specimen", data={"url": '"><script>', "payload": "\n x"})
    document = check_page(answer.data)

    field = document.get_element_by_id("field-url")
    assert answer.status_code == 400
    assert field.get("value") == '"><script>'
    assert field.get("aria-invalid") == "true"
    assert field.get("autofocus") is not None
    assert "fault-url" in field.get("aria-describedby")
    assert "Begin with https." in document.get_element_by_id("fault-url").text_content()
    assert document.xpath("//*[@id='problem']//a/@href") == ["#field-url"]
    assert document.get_element_by_id("field-payload").text.endswith(" x")


def test_an_error_without_a_field_keeps_its_status(client: FlaskClient) -> None:
    answer = client.post("/console/specimen", data={"url": "x", "how": "conflict"})

    assert answer.status_code == 409
    assert "It exists." in check_page(answer.data).get_element_by_id("problem").text_content()


@pytest.mark.parametrize(
    ("name", "status"), [("not-found", 404), ("rate", 429), ("unavailable", 503), ("defect", 500)]
)
def test_a_browser_gets_errors_as_pages_and_others_as_problems(
    client: FlaskClient, name: str, status: int
) -> None:
    page = client.get(f"/console/specimen/{name}", headers=HTML)
    problem = client.get(f"/console/specimen/{name}", headers={"Accept": "application/json"})

    check_page(page.data)
    assert (page.status_code, problem.status_code) == (status, status)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert page.headers.get("Retry-After") == problem.headers.get("Retry-After")
    assert "secret detail" not in page.text


def test_a_path_without_a_page_is_a_page_for_browsers(client: FlaskClient) -> None:
    page = client.get("/console/nothing-here", headers=HTML)

    check_page(page.data)
    assert page.status_code == 404
    assert (
        client.get("/nothing-here", headers=HTML).headers["Content-Type"].startswith("application/")
    )


def test_paths_have_the_prefix_of_a_proxy(tmp_path: Path) -> None:
    client = specimen.make(tmp_path, WAKECALL_PATH_PREFIX="/wake").test_client()
    document = check_page(client.get("/console/specimen", headers=HTML).data)

    paths = document.xpath("//@href | //@src | //@action")
    assert {
        each for each in paths if not each.startswith(("/wake/console", "/wake/docs", "#"))
    } == set()
    form = {"theme": "dark", "next": "/console/specimen?q=1"}
    moved = post(client, "/console/display", form, page="/console/specimen")
    assert moved.headers["Location"] == "/wake/console/specimen?q=1"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/consolé", "/console/\\evil", "/1/jobs", ""],
)
def test_a_form_returns_to_pages_of_the_console_only(client: FlaskClient, target: str) -> None:
    form = {"theme": "dark", "next": target}
    moved = post(client, "/console/display", form, page="/console/specimen")

    assert moved.status_code == 303
    assert moved.headers["Location"] == "/console/"


def test_the_theme_and_the_zone_are_kept(client: FlaskClient) -> None:
    post(client, "/console/display", {"theme": "dark"}, page="/console/specimen")
    post(client, "/console/display", {"zone": "utc"}, page="/console/specimen")
    dark = client.get("/console/specimen", headers=HTML).text
    post(client, "/console/display", {"theme": "system"}, page="/console/specimen")
    system = client.get("/console/specimen", headers=HTML).text

    assert '<html lang="en" data-theme="dark">' in dark
    assert '<html lang="en">' in system
    assert re.search(r"Times in UTC", dark)


def test_a_form_that_is_too_long_says_so(client: FlaskClient) -> None:
    answer = client.post("/console/display", data={"next": "x" * 70_000}, headers=HTML)

    assert answer.status_code == 413
    assert "65536 bytes" in check_page(answer.data).get_element_by_id("main").text_content()
