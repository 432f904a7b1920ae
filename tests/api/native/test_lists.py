import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

from tests.api.native.booked import JSON, ONCE, booked
from tests.factories import connect

FORMATS = ("text/plain", "application/json", "text/xml", "application/xml")


def tagged(client: FlaskClient, *tags: str) -> str:
    job_id: str = booked(client, {**ONCE, **({"tags": list(tags)} if tags else {})})["id"]
    return job_id


def listed(answer: TestResponse) -> list[str]:
    """The ids in an answer, whatever its format."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert "Accept" in answer.vary
    if answer.mimetype == "text/plain":
        return answer.text.split(",") if answer.text else []
    if answer.mimetype == "application/json":
        found: list[str] = answer.get_json()
        return found
    return [str(each.text) for each in etree.fromstring(answer.data)]


def following(answer: TestResponse) -> str | None:
    """Where the Link of an answer leads, if it has one."""
    if "Link" not in answer.headers:
        return None
    link = re.fullmatch(r'<(/1/jobs\?[!-;=?-~]+)>; rel="next"', answer.headers["Link"])
    assert link is not None, answer.headers["Link"]
    return link[1]


def pages(client: FlaskClient, path: str, accept: str = "application/json") -> Iterator[list[str]]:
    at: str | None = path
    seen: set[str] = set()
    while at is not None:
        assert at not in seen
        seen.add(at)
        answer = client.get(at, headers={"Accept": accept})
        yield listed(answer)
        at = following(answer)


@pytest.mark.parametrize("accept", FORMATS)
def test_tags_filter_the_list_in_every_format(
    client: FlaskClient, other_client: FlaskClient, accept: str
) -> None:
    tagged(client)
    a, both, b = tagged(client, "a"), tagged(client, "b", "a"), tagged(client, "b", "ü & 😀")
    tagged(other_client, "a", "b")
    for query, meant in (
        ("tag=a", [a, both]),
        ("tag=b", [both, b]),
        ("tag=a&tag=b", [both]),
        ("tag=b&tag=a&tag=b", [both]),
        (f"tag={quote('ü & 😀')}", [b]),
        ("tag=A", []),
        ("tag=none", []),
    ):
        answer = client.get(f"/1/jobs?{query}", headers={"Accept": accept})
        assert listed(answer) == meant
        assert "Link" not in answer.headers
        head = client.head(f"/1/jobs?{query}", headers={"Accept": accept})
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize("accept", FORMATS)
def test_pages_lead_through_the_list(client: FlaskClient, accept: str) -> None:
    made = [tagged(client, "a/b?&") if number % 3 else tagged(client) for number in range(9)]
    some = [each for number, each in enumerate(made) if number % 3]
    for limit, query, meant in (
        (4, "", made),
        (9, "", made),
        (3, "", made),
        (1, "&tag=a%2Fb%3F%26", some),
        (4, "&tag=a%2Fb%3F%26", some),
        (1000, "", made),
        (5, "&tag=none", []),
    ):
        found = list(pages(client, f"/1/jobs?limit={limit}{query}", accept))
        assert list(chain(*found)) == meant
        assert all(len(page) == limit for page in found[:-1])
        assert len(found) == max(1, -(-len(meant) // limit))


def test_without_parameters_the_list_is_whole_and_has_no_link(client: FlaskClient) -> None:
    made = [tagged(client) for _ in range(3)]
    answer = client.get("/1/jobs")
    assert (listed(answer), following(answer)) == (made, None)


def test_head_has_the_fields_of_get_for_a_page(client: FlaskClient) -> None:
    for _ in range(3):
        tagged(client)
    got, head = client.get("/1/jobs?limit=2"), client.head("/1/jobs?limit=2")
    assert head.data == b""
    for name in ("Content-Length", "Content-Type", "Link"):
        assert head.headers[name] == got.headers[name]


def test_what_comes_and_goes_between_pages_moves_nothing(client: FlaskClient) -> None:
    made = [tagged(client) for _ in range(4)]
    first = client.get("/1/jobs?limit=2", headers=JSON)
    for job_id in made[:2]:
        client.delete(f"/1/jobs/{job_id}")
    late = tagged(client)
    path = following(first)
    assert path is not None
    assert list(chain(*pages(client, path))) == [*made[2:], late]


def test_a_cursor_without_a_limit_leads_to_a_page_of_default_length(client: FlaskClient) -> None:
    made = [tagged(client) for _ in range(3)]
    path = following(client.get("/1/jobs?limit=1"))
    assert path is not None
    assert listed(client.get(path.replace("limit=1&", ""), headers=JSON)) == made[1:]
    # How long pages are does not matter to the place.
    assert listed(client.get(path.replace("limit=1", "limit=2"), headers=JSON)) == made[1:]


def test_a_cursor_is_of_one_list_and_one_account(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    for caller in (client, other_client):
        for _ in range(2):
            tagged(caller, "a", "b")
    path = following(client.get("/1/jobs?limit=1&tag=a&tag=b"))
    assert path is not None
    cursor = path.partition("cursor=")[2]
    assert len(listed(client.get(f"/1/jobs?tag=b&tag=a&cursor={cursor}", headers=JSON))) == 1
    for caller, query in (
        (other_client, "tag=a&tag=b&"),
        (client, ""),
        (client, "tag=a&"),
        (client, "tag=a&tag=b&tag=c&"),
    ):
        refused = caller.get(f"/1/jobs?{query}cursor={cursor}")
        assert (refused.status_code, refused.get_json()["member"]) == (400, "cursor"), query


def test_a_cursor_that_was_altered_is_refused(client: FlaskClient) -> None:
    for _ in range(2):
        tagged(client)
    path = following(client.get("/1/jobs?limit=1"))
    assert path is not None
    start, _, cursor = path.partition("cursor=")
    assert client.get(f"{start}cursor={cursor}").status_code == 200
    other = {path: "B" if character == "A" else "A" for path, character in enumerate(cursor)}
    altered = [cursor[:at] + new + cursor[at + 1 :] for at, new in other.items()]
    for wrong in (*altered, "", "x", cursor[:-1], f"{cursor}A", f"{cursor}=", "%00", "%ff", "ü"):
        refused = client.get(f"{start}cursor={wrong}")
        assert (refused.status_code, refused.get_json()["member"]) == (400, "cursor"), wrong


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1e2", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=a&cursor=a", "cursor"),
        ("tag=", "tag"),
        ("tag=a%00", "tag"),
        ("tag=+a", "tag"),
        (f"tag={'x' * 65}", "tag"),
        ("&".join(f"tag={number}" for number in range(21)), "tag"),
        ("tags=a", "tags"),
        ("Tag=a", "Tag"),
        ("name=a", "name"),
        ("dryRun=true", "dryRun"),
        ("x", "x"),
        ("%00=1", "\\x00"),
    ],
)
def test_a_query_that_cannot_be_taken_is_refused_by_name(
    client: FlaskClient, query: str, member: str
) -> None:
    for accept in ("application/json", "text/xml", "text/plain"):
        answer = client.get(f"/1/jobs?{query}", headers={"Accept": accept})
        assert answer.status_code == 400, answer.text
        assert "remedy" in answer.text
        assert member in answer.text
    assert client.get(f"/1/jobs?{query}").get_json()["member"] == member
    assert client.head(f"/1/jobs?{query}").status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_list_that_is_not_found_in_time_is_to_be_read_in_pages(
    client: FlaskClient, database: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    tagged(client)
    monkeypatch.setattr("app.store.job_list.MAX_STATEMENT_MS", 100)
    with connect(database) as other, other.transaction():
        # It takes as long as somebody holds the table.
        other.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        refused = client.open("/1/jobs", method=method, headers={"Accept": "application/json"})
    assert refused.status_code == 400
    if method == "GET":
        assert refused.get_json()["member"] == "limit"
        assert "follow the Link" in refused.get_json()["remedy"]
    assert client.get("/1/jobs").status_code == 200
