from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus, unquote, unquote_to_bytes

import pytest
from flask.testing import FlaskClient

from app.api.native.documents import request_path
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.trigger import Trigger
from app.errors import InvalidMember
from tests.api.native.booked import ids

WHEN = At(instant=datetime(2099, 5, 11, 15, 30, tzinfo=UTC))
CALLBACK = "https://example.com/a%20b/%2F?x=%26&y=1+2#f"
TWICE = quote(CALLBACK, safe="")


def read_both_ways(path: str) -> Iterator[request_path.PathBooking]:
    """As a server that hands over the path as it came reads it, and as one that decodes it."""
    yield request_path.read_booking(f"/1/jobs/{path}", b"never looked at")
    yield request_path.read_booking(None, unquote_to_bytes(f"/1/jobs/{path}"))


@pytest.mark.parametrize(
    ("time", "trigger"),
    [
        ("2099-05-11T15%3A30%3A00Z", WHEN),
        ("2099-05-11T15%3a30%3a00Z", WHEN),
        ("2099-05-11T15:30:00Z", WHEN),
        ("2099-05-11t15:30z", WHEN),
        ("20990511T153000Z", WHEN),
        ("2099-131T15:30Z", WHEN),
        ("2099-05-11T15%3A30%3A00.000%2B00%3A00", WHEN),
        ("2099-05-11T17%3A30%3A00%2B02%3A00", WHEN),
        ("2099-05-11T17:30:00+02:00", WHEN),
        ("2099-05-11T17:30:00%2002:00", WHEN),
        ("2099-05-11T13:30:00-02", WHEN),
        ("2099-05-11T15%3A30%3A00%2C0Z", WHEN),
        ("0+15+10+%3F+*+*", Cron(expression="0 15 10 ? * *")),
        ("0%2015%2010%20%3F%20%2A%20%2A", Cron(expression="0 15 10 ? * *")),
        ("0%2B15+10 %3f+*+*", Cron(expression="0 15 10 ? * *")),
        ("0+0%2F15+*+*+*+%3F", Cron(expression="0 0/15 * * * ?")),
        ("0+0%2f15+*+*+*+%3f", Cron(expression="0 0/15 * * * ?")),
        ("0+0/15+*+*+*+%3F", Cron(expression="0 0/15 * * * ?")),
        ("0+0%2F15+0%2F6+1%2F2+*+%3F+2099%2F1", Cron(expression="0 0/15 0/6 1/2 * ? 2099/1")),
        ("0+0+12+%3F+*+MON%235", Cron(expression="0 0 12 ? * MON#5")),
        ("0+0+12+L-3W+*+%3F", Cron(expression="0 0 12 L-3W * ?")),
        ("*/15+9-17+*+*+mon-fri", Cron(expression="*/15 9-17 * * mon-fri")),
        ("*%2F15%209-17%20*%20*%201", Cron(expression="*/15 9-17 * * 1")),
        ("@daily", Cron(expression="@daily")),
        ("%40daily", Cron(expression="@daily")),
    ],
)
@pytest.mark.parametrize("callback", [TWICE, TWICE.replace("%2F", "%2f").replace("%3A", "%3a")])
def test_the_time_and_the_callback_are_decoded_exactly_once(
    time: str, trigger: Trigger, callback: str
) -> None:
    for form in read_both_ways(f"{time}/{callback}"):
        assert (form.url, form.trigger) == (CALLBACK, trigger)


@pytest.mark.parametrize(
    ("callback", "url"),
    [
        ("http%3A%2F%2Fa", "http://a"),
        ("HTTP%3A%2F%2FA%2F", "HTTP://A/"),
        ("https://example.com/x", "https://example.com/x"),
        # Slashes merged on the way.
        ("https:/example.com/x", "https://example.com/x"),
        ("https:/example.com/x%3Fu=http:/b/c", "https://example.com/x?u=http://b/c"),
        ("https:/example.com/x%3Fu=http%253A%252F%252Fb", "https://example.com/x?u=http%3A%2F%2Fb"),
        ("https://example.com/x%3Fu=http:/b/c", "https://example.com/x?u=http:/b/c"),
        ("https%3A%2Fexample.com", "https://example.com"),
        ("http%3A%2F%2Fa%2Fhttp%3A%2F%2Fb", "http://a/http://b"),
        ("http%3A%2F%2Fa%3Fnext%3Dhttps%3A%2F%2Fb%2F", "http://a?next=https://b/"),
        ("http%3A%2F%2Fa%2F%2F%2Fb", "http://a///b"),
        ("http%3A%2F%2Fa%2F%2525", "http://a/%25"),
        ("http%3A%2F%2Fa%2F%C3%A9", "http://a/é"),
        ("http%3A%2F%2Fa%2F%00%0A", "http://a/\0\n"),
        ("http%3A%2F%2Fa%2F+%2B", "http://a/++"),
        ("http%3A", "http://"),
        ("http%3A%2F%2Fa%2F" + "%25ab" * 680, "http://a/" + "%ab" * 680),
    ],
)
def test_the_callback_begins_at_its_scheme(callback: str, url: str) -> None:
    for time in ("2099-05-11T15:30Z", "0+0%2F15+*+*+*+%3F"):
        for form in read_both_ways(f"{time}/{callback}"):
            assert form.url == url


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("2099-05-11T15:30Z/", "url"),
        ("2099-05-11T15:30Z/example.com", "url"),
        ("2099-05-11T15:30Z/ftp%3A%2F%2Fa", "url"),
        ("2099-05-11T15:30Z/httpx%3A%2F%2Fa", "url"),
        ("2099-05-11T15:30Z/x/http%3A%2F%2Fa", "when"),
        ("0+15+10+%3F+*+*/javascript%3Aalert", "url"),
        ("/http%3A%2F%2Fa", "when"),
        ("+/http%3A%2F%2Fa", "when"),
        ("tomorrow/http%3A%2F%2Fa", "when"),
        ("2099-05-11/http%3A%2F%2Fa", "when"),
        ("2099-05-11T25:00Z/http%3A%2F%2Fa", "when"),
        ("2099-05-11T15:30Z%00/http%3A%2F%2Fa", "when"),
        ("2099-05-11T15:30Z/http%3A%2F%2Fa%FF", "path"),
        ("%ED%A0%80/http%3A%2F%2Fa", "path"),
    ],
)
def test_what_is_wrong_with_a_path_is_named(path: str, member: str) -> None:
    for refused in (f"/1/jobs/{path}", None):
        with pytest.raises(InvalidMember) as refusal:
            request_path.read_booking(refused, unquote_to_bytes(f"/1/jobs/{path}"))
        assert refusal.value.member == member
        assert refusal.value.remedy


@pytest.mark.parametrize(
    "blank", ["%20", "+", "%09", "%0A", "%0D%0A", "%0B", "%C2%A0", "%E2%80%A8"]
)
def test_an_instant_with_a_blank_is_refused_as_in_a_document(
    client: FlaskClient, blank: str
) -> None:
    instant = "2099-05-11T15:30:00Z"
    for path in (instant + blank, blank + instant, instant.replace("T", f"T{blank}")):
        when = unquote(path.replace("+", "%20"))
        document = client.post("/1/jobs", json={"url": "https://example.com/", "when": when})
        status, problem = book(client, f"/1/jobs/{path}/https%3A%2F%2Fexample.com%2F")

        assert (document.status_code, status) == (400, 400)
        assert (document.get_json()["member"], problem["member"]) == ("when", "when")


@pytest.mark.parametrize("escape", ["%", "%4", "%zz", "%%20", "%u0041"])
def test_a_broken_escape_is_refused_where_the_path_comes_as_it_was_sent(escape: str) -> None:
    with pytest.raises(InvalidMember) as refusal:
        request_path.read_booking(f"/1/jobs/2099-05-11T15:30Z/http%3A%2F%2Fa%2F{escape}", b"")
    assert refusal.value.member == "path"
    assert "%25" in refusal.value.remedy


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/1/jobs/x?y=/z", "/1/jobs/x"),
        ("/1/jobs/x#y", "/1/jobs/x"),
        ("http://host/1/jobs/x?y", "/1/jobs/x"),
        ("/1/jobs/http://a/b", "/1/jobs/http://a/b"),
        ("//x", "//x"),
        ("*", "/"),
    ],
)
def test_the_path_of_a_request_target(target: str, path: str) -> None:
    assert request_path.raw_path(target) == path


def book(
    client: FlaskClient, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(path, data=body, headers={"Accept": "application/json", **named})
    return answer.status_code, answer.get_json()


@pytest.mark.parametrize("callback", ["http://127.0.0.1/x?a=1&b=%26", CALLBACK.partition("#")[0]])
@pytest.mark.parametrize("encode", [quote, quote_plus])
def test_a_job_is_booked_by_its_address(client: FlaskClient, callback: str, encode: type) -> None:
    for time, member, value in (
        ("2099-05-11T17:30:00+02:00", "when", "2099-05-11T15:30:00Z"),
        ("0 0/15 * * * ?", "cron", "0 0/15 * * * ?"),
    ):
        path = f"/1/jobs/{quote_plus(time)}/{encode(callback, safe='')}"
        status, job = book(client, path)
        assert status == 201
        assert (job["url"], job[member]) == (callback, value)
        assert not {"data", "contentType", "signature"} & job.keys()


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (b"testing", "text/plain", ("testing", None)),
        (bytes(range(256)), "application/octet-stream", None),
        (b"\0", "a/b", ("\0", None)),
        (b'{"url": "http://x"}', "application/json", ('{"url": "http://x"}', None)),
        (b"<job/>", "text/xml; charset=utf-16", ("<job/>", None)),
        (b"a=1&b=2", "application/x-www-form-urlencoded", ("a=1&b=2", None)),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", ("--x\r\n\r\n--x--", None)),
        (b"{broken", "application/json", ("{broken", None)),
        (b"x" * 2048, "text/plain", ("x" * 2048, None)),
    ],
)
def test_the_body_is_the_payload_whatever_it_looks_like(
    client: FlaskClient, body: bytes, content_type: str, shown: tuple[str, str | None] | None
) -> None:
    path = f"/1/jobs/2099-05-11T15%3A30Z/{quote('http://127.0.0.1/', safe='')}"
    status, job = book(client, path, body, Content_Type=content_type, X_Content_Signature="abc")
    assert status == 201
    assert (job["contentType"], job["signature"]) == (content_type, "abc")
    if shown is not None:
        assert (job["data"], job.get("dataEncoding")) == shown
    else:
        assert job["dataEncoding"] == "base64"


def test_without_a_body_no_header_is_copied(client: FlaskClient) -> None:
    path = "/1/jobs/2099-05-11T15%3A30Z/http%3A%2F%2F127.0.0.1"
    status, job = book(client, path, b"", Content_Type="text/plain", X_Content_Signature="abc")
    assert status == 201
    assert job.keys() == {"id", "account", "url", "when"}


def test_a_raw_question_mark_begins_the_call_s_own_query(client: FlaskClient) -> None:
    path = "/1/jobs/2099-05-11T15%3A30Z/http%3A%2F%2F127.0.0.1%2Fa%3Fb%3D1?dryRun=false"
    assert book(client, path)[1]["url"] == "http://127.0.0.1/a?b=1"

    answer = client.post("/1/jobs/0+15+10+?+*+*/https%3A%2F%2Fexample.com")
    assert answer.status_code == 404
    assert "%3F" in answer.get_json()["remedy"]


def test_the_text_answer_to_a_path_is_the_bare_id(client: FlaskClient) -> None:
    answer = client.post("/1/jobs/0+15+10+%3F+*+*/https%3A%2F%2Fexample.com")
    assert (answer.status_code, answer.text) == (201, ids(client)[0])
    assert answer.headers["Location"] == f"/1/jobs/{answer.text}"


def test_a_callback_of_2048_characters_fits_however_it_is_encoded(client: FlaskClient) -> None:
    plain = "http://127.0.0.1/".ljust(2048, "x")
    escaped = "http://127.0.0.1/" + "%AB" * 677
    for callback in (plain, escaped):
        encoded = "".join(f"%{byte:02X}" for byte in callback.encode())
        status, job = book(client, f"/1/jobs/2099-05-11T15%3A30Z/{encoded}")
        assert (status, job["url"]) == (201, callback)
    status, problem = book(client, f"/1/jobs/2099-05-11T15%3A30Z/{quote(plain + 'x', safe='')}")
    assert (status, problem["member"]) == (400, "url")


def test_a_path_is_judged_as_a_document_is(client: FlaskClient) -> None:
    for path, member in (
        ("2011-05-11T15%3A30Z/http%3A%2F%2F127.0.0.1", "when"),
        ("0+0%2F5+*+*+*+%3F/http%3A%2F%2F127.0.0.1", "cron"),
        ("2099-05-11T15%3A30Z/http%3A%2F%2F10.0.0.1", "url"),
        ("2099-05-11T15%3A30Z/http%3A%2F%2Fa%40127.0.0.1", "url"),
        ("2099-05-11T15%3A30Z/ftp%3A%2F%2F127.0.0.1", "url"),
        ("2099-05-11T15%3A30Z/http%3A%2F%2F127.0.0.1%2F%0D%0Ax", "url"),
        ("2099-05-11T15%3A30Z/http%3A%2F%2F127.0.0.1%2F%zz", "path"),
    ):
        status, problem = book(client, f"/1/jobs/{path}")
        assert (status, problem.get("member")) == (400, member), path
    for headers, member in (
        ({"X_Content_Signature": "x" * 1025}, "signature"),
        ({"X_Content_Signature": "é"}, "signature"),
        ({"Content_Type": "text/plain\x01"}, "contentType"),
    ):
        path = "/1/jobs/2099-05-11T15%3A30Z/http%3A%2F%2F127.0.0.1"
        status, problem = book(client, path, b"x", **headers)
        assert (status, problem["member"]) == (400, member)
    status, problem = book(client, path, b"x" * 2049)
    assert (status, problem["member"]) == (413, "data")
    assert ids(client) == []
