"""Tests of what the clients decide without a network."""

from __future__ import annotations

import pickle
import tomllib
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any, get_type_hints

import httpx2
import pytest

import wakecall
from tests.worst import is_fast
from wakecall import (
    Answer,
    Client,
    InvalidMember,
    JobOptions,
    NewJob,
    NoAnswer,
    NotConfigured,
    Problem,
    Retries,
    ServerError,
)
from wakecall._core.answers import UnreadableAnswer, document_of, error_of
from wakecall._core.attempts import Attempts, Failure, Wait
from wakecall._core.configuration import configure
from wakecall._core.requests import Request, path, post
from wakecall._core.waiting import deadline_of, left, pause

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
URL = "https://example.com/wake"


def of(handler: Callable[[httpx2.Request], httpx2.Response], **options: Any) -> Client:
    """A client whose requests a function answers."""
    http = httpx2.Client(transport=httpx2.MockTransport(handler))
    return Client("key", url="https://wakecall.test/base/", http=http, **options)


def test_waits_are_drawn_between_nothing_and_a_ceiling_that_doubles() -> None:
    retries = Retries(max_attempts=20, max_wait=2, first_wait=0.25)
    assert [retries.wait(made, None, 1.0) for made in range(1, 6)] == [0.25, 0.5, 1, 2, 2]
    assert retries.wait(3, None, 0.0) == 0
    assert retries.wait(20, None, 0.5) is None


def test_a_retry_after_is_never_cut_short() -> None:
    retries = Retries(max_wait=8)
    assert retries.wait(1, timedelta(seconds=3), 0.0) == 3
    assert retries.wait(1, timedelta(seconds=3), 1.0) == 3.25
    assert retries.wait(1, timedelta(seconds=8.5), 0.0) is None
    with pytest.raises(ValueError, match="max_attempts"):
        Retries(max_attempts=0)
    nan: Any = float("nan")
    for wrong in ({"max_attempts": nan}, {"max_wait": nan}, {"first_wait": nan}):
        with pytest.raises(ValueError, match="must"):
            Retries(**wrong)


def test_a_date_in_retry_after_counts_from_now() -> None:
    answer = Answer(status=503, headers={"retry-after": "Sun, 22 Nov 2026 09:30:05 GMT"})
    assert error_of(answer, now=NOW).retry_after == timedelta(seconds=5)
    for text in ("soon", "-1", "²", "1.5"):
        odd = Answer(status=503, headers={"retry-after": text})
        assert error_of(odd, now=NOW).retry_after is None


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "06 Nov 2094 08:49:37 +99999999999999999999"},
        {"link": '<//[>; rel="next"'},
        {"location": "//["},
    ],
)
def test_headers_of_a_proxy_that_cannot_be_read_count_as_absent(headers: dict[str, str]) -> None:
    answer = Answer(status=503, headers=headers, body=b"[" * 100_000)
    assert error_of(answer, now=NOW).retry_after is None
    assert answer.next_cursor is None


def test_an_answer_that_is_nested_too_deeply_is_no_document() -> None:
    with pytest.raises(UnreadableAnswer):
        document_of(Answer(status=200, headers={}, body=b"[" * 100_000))


def test_a_request_that_is_not_repeatable_is_sent_once() -> None:
    attempts = Attempts(Request(method="PATCH", path="/1/x"), lambda answer: answer, Retries())
    with pytest.raises(NoAnswer) as caught:
        attempts.judge(Failure(reason="gone", is_sent=True))
    assert caught.value.may_be_done


def test_a_key_is_minted_once_for_a_call_and_anew_for_the_next() -> None:
    first, second = post("/1/jobs", {}), post("/1/jobs", {})
    assert first.idempotency_key != second.idempotency_key
    attempts = Attempts(first, lambda answer: answer, Retries())
    assert isinstance(attempts.judge(Failure(reason="gone", is_sent=True)), Wait)
    for key in ("", "a b", 'a"b', "a,b", "ü", "x" * 256, "a\n"):
        with pytest.raises(ValueError, match="idempotency key"):
            post("/1/jobs", {}, idempotency_key=key)


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        (b"<html><head><title> 502 Bad\nGateway</title></head><body>x", "502 Bad Gateway"),
        (b"<!-- a --><style>p {}</style><p>No &lt;such&gt;<br>page", "No <such> page"),
        (b"upstream\r\n  is away", "upstream is away"),
        (b"<html></html>", "it has no text"),
        (b"x" * 300, "x" * 200),
    ],
)
def test_an_answer_of_another_server_is_shown_in_a_line(body: bytes, excerpt: str) -> None:
    assert Answer(status=502, headers={}, body=body).excerpt == excerpt


@pytest.mark.parametrize(
    ("first", "repeated"), [(b"<", b"<a"), (b"<", b"<!--"), (b"<", b"<style>"), (b"<title>", b" ")]
)
def test_no_answer_takes_long_to_be_shown(first: bytes, repeated: bytes) -> None:
    longest = first + repeated * (1024 * 1024 // len(repeated))
    assert is_fast(lambda sent: Answer(status=502, headers={}, body=sent).excerpt, longest, 0.3)


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda client: client.jobs.book(URL, afer="10m"), "book.. got .* 'afer'. Did you mean 'a"),
        (lambda client: client.jobs.check(URL, colour=1), "check.. got an unexpected keyword"),
        (lambda client: client.jobs.put("a", URL, whn=""), "put.. got .* 'whn'. Did you mean 'wh"),
        (lambda client: client.jobs.replace("a", URL, x=1), "replace.. got an unexpected keyword"),
        (lambda client: client.jobs.list(tag="a"), "list.. got .* 'tag'. Did you mean 'tags'"),
        (lambda client: client.runs.list(status="failed"), "list.. got .*'status'. Did you mean"),
        (
            lambda client: client.runs.redeliver_all(dry_run=False, states="failed"),
            "redeliver_all.. got .* 'states'. Did you mean 'state'",
        ),
        (lambda client: client.upcoming(hosts="a"), "upcoming.. got .* 'hosts'. Did you mean 'ho"),
    ],
)
def test_an_argument_that_a_method_does_not_have_is_refused(
    call: Callable[[Any], Any], refusal: str
) -> None:
    """A filter that was left out would select all: here nothing is sent."""
    sent: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json=[])

    with of(handler) as client, pytest.raises(TypeError, match=refusal):
        call(client)
    assert sent == []


def test_paths_keep_their_segments_apart() -> None:
    assert path("jobs", "by-name", "daily/one ?%") == "/1/jobs/by-name/daily%2Fone%20%3F%25"
    for lost in ("", ".", ".."):
        with pytest.raises(ValueError, match="address"):
            path("jobs", lost)


def test_a_client_is_configured_by_arguments_or_the_environment() -> None:
    environ = {"WAKECALL_URL": "https://one.test/", "WAKECALL_KEY": "k1"}
    found = configure(None, None, None, environ)
    assert (found.url, found.key) == ("https://one.test", "k1")
    other = configure("k2\n", "http://two.test:8000", None, environ)
    assert (other.url, other.key) == ("http://two.test:8000", "k2")
    assert "k2" not in repr(other)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "wakecall.test",
            "ftp://x",
            "https://",
            "https://a@b",
            "https://x/?q=1",
            "http://x:y",
        ),
        *("http://x\n", "http://x/a b", "http://a..b", f"http://{'a' * 64}.test", "http://\udcff"),
    ],
)
def test_what_is_not_an_address_is_refused(url: str) -> None:
    with pytest.raises(NotConfigured, match="address"):
        configure("key", url, None, {})
    with pytest.raises(NotConfigured, match="header"):
        configure("ke y", "https://x", None, {})


def test_requests_go_below_the_address_and_never_elsewhere() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        link = {"Link": '<https://evil.test/1/jobs?cursor=c2>; rel="next"'}
        return httpx2.Response(200, json=[], headers={} if len(asked) > 1 else link)

    assert list(of(answer).jobs.list(tags=["a b", "ü"])) == []
    first, second = asked
    assert str(first.url) == "https://wakecall.test/base/1/jobs?view=full&tag=a%20b&tag=%C3%BC"
    assert str(second.url) == f"{first.url}&cursor=c2"
    assert second.headers["authorization"] == "Bearer key"
    assert first.headers["user-agent"].startswith("wakecall-python/")


def test_a_raw_path_may_have_a_query_and_nothing_that_changes_where_it_goes() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json=[])

    client = of(answer)
    client.request("GET", "/1/jobs?tag=a+b&tag=&x=%26", params={"limit": 5})
    client.request("GET", "/1/jobs/by-name/a%2Fb")
    assert [f"{each.url}".removeprefix("https://wakecall.test/base") for each in asked] == [
        "/1/jobs?tag=a%20b&tag=&x=%26&limit=5",
        "/1/jobs/by-name/a%2Fb",
    ]
    for odd in ("", "1/jobs", "//evil.test/1", "/1/jobs#x", "/1/a b", "/1\n", "@evil.test"):
        with pytest.raises(ValueError, match="path"):
            client.request("GET", odd)


def test_what_json_cannot_hold_is_refused_before_it_is_sent() -> None:
    client = of(lambda _: httpx2.Response(500))
    for odd in (float("nan"), "\ud800"):
        with pytest.raises(ValueError, match=r"JSON|surrogates"):
            client.jobs.book(URL, when=NOW, json=odd)
    with pytest.raises(ValueError, match="address"):
        Client("key", url="http://☃.test").account()


def test_an_instant_without_an_offset_is_refused_where_no_zone_is_given() -> None:
    """The service would read it as UTC: other runs would be sent again, and keys end early."""
    client = of(lambda request: httpx2.Response(200, content=request.content))
    naive = datetime(2031, 5, 11, 16)  # noqa: DTZ001 - that is what is refused
    for call in (
        lambda: client.runs.list(after=naive),
        lambda: client.runs.redeliver_all(dry_run=False, before=naive),
        lambda: client.runs.counts(after=naive),
        lambda: client.runs.failures(after=naive),
        lambda: client.keys.create("read", expires=naive),
        lambda: client.upcoming(until=naive),
        lambda: client.audit(before=naive),
        lambda: client.preview(when=naive),
    ):
        with pytest.raises(ValueError, match="no offset"):
            call()


def test_one_tag_may_be_given_alone_and_none_is_absent() -> None:
    assert NewJob(url=URL, tags="billing").to_document()["tags"] == ["billing"]
    assert NewJob(url=URL, tags=None, enabled=None).to_document() == {"url": URL}


def test_following_an_inbox_does_not_hurry_a_server_that_does_not_wait() -> None:
    asked: list[float] = []
    call = {"number": 1, "received": "2026-11-22T09:30:00Z", "method": "POST", "bytes": 0}

    def answer(_: httpx2.Request) -> httpx2.Response:
        asked.append(monotonic())
        calls = [{**call, "signature": "missing", "answer": "204"}] if len(asked) == 3 else []
        return httpx2.Response(200, json=calls)

    # Two pauses, from the begin of a request to that of the next one: before it arrives here.
    began = monotonic()
    assert next(of(answer).inboxes.follow("7", after=0)).number == 1
    assert asked[2] - began >= 0.4


def test_a_redirect_is_not_followed() -> None:
    client = of(lambda _: httpx2.Response(301, headers={"Location": "https://evil.test/"}))
    with pytest.raises(ServerError, match=r"leads to https://evil\.test/"):
        client.account()


def test_a_list_that_leads_to_the_same_page_ends() -> None:
    link = {"Link": '</1/jobs?cursor=c>; rel="next"'}
    client = of(lambda _: httpx2.Response(200, json=[], headers=link))
    with pytest.raises(NoAnswer, match="same page"):
        list(client.jobs.list())


def test_an_answer_that_is_no_document_is_no_answer() -> None:
    for body in (b"<h1>", b"[]", b'{"id": 7}', b'{"id": "x", "account": "a", "when": "later"}'):
        client = of(
            lambda _, body=body: httpx2.Response(200, content=body),  # type: ignore[misc] # default
            retries=Retries(2, max_wait=0),
        )
        with pytest.raises(NoAnswer, match=r"Job|document"):
            client.jobs.get("7")


def test_members_and_values_of_a_newer_service_are_kept() -> None:
    document = {"id": "7", "account": "a", "dialect": "newer", "colour": "red"}
    job = of(lambda _: httpx2.Response(200, json=document)).jobs.get("7")
    assert (job.dialect, job.extra, job.document) == ("newer", {"colour": "red"}, document)


def test_an_answer_without_an_end_is_given_up() -> None:
    def forever(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=(b"x" * 2**20 for _ in range(100)))

    with pytest.raises(NoAnswer, match="too long"):
        of(forever, retries=wakecall.NO_RETRIES).account()


def test_errors_survive_a_process_boundary() -> None:
    problem = Problem(status=400, type="/problems/invalid-member", detail="No.", member="url")
    copy = pickle.loads(pickle.dumps(InvalidMember(problem)))
    assert (type(copy), copy.member, copy.code) == (InvalidMember, "url", "invalid-member")
    assert str(InvalidMember(Problem(status=400, detail="No.", remedy="Yes."))) == "No. Yes."
    assert str(ServerError(Problem(status=500))) == "The service answered 500."


def test_options_and_new_jobs_have_the_same_members() -> None:
    hints = get_type_hints(JobOptions)
    new = {each.name for each in fields(NewJob)}
    assert new == {"url", *hints}
    own = get_type_hints(NewJob)
    assert {name: own[name] for name in hints} == hints


def test_a_new_job_becomes_a_document() -> None:
    hour = timezone(timedelta(hours=1))
    when = datetime(2031, 5, 11, 16, 30, tzinfo=hour)
    assert NewJob(url=URL, when=when).to_document() == {
        "url": URL,
        "when": "2031-05-11T16:30:00+01:00",
    }
    assert NewJob(url=URL, after="10m").to_document(NOW)["when"] == "2026-11-22T09:40:00+00:00"
    local = NewJob(url=URL, when=datetime(2031, 5, 11, 16), timezone="Europe/Berlin")  # noqa: DTZ001 - of a zone
    assert local.to_document()["when"] == "2031-05-11T16:00:00"
    assert NewJob(url=URL, data=b"\xff").to_document() == {
        "url": URL,
        "data": "/w==",
        "dataEncoding": "base64",
    }
    assert NewJob(url=URL, enabled=False, tags=("a",)).to_document() == {
        "url": URL,
        "enabled": False,
        "tags": ["a"],
    }


@pytest.mark.parametrize(
    "members",
    [
        {"when": datetime(2031, 5, 11)},  # noqa: DTZ001 - the point of the test
        {"when": NOW, "after": "10m"},
        {"data": "x", "json": 1},
        {"after": "999999w"},
        {"after": float("inf")},
    ],
)
def test_members_that_contradict_each_other_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"offset|exclude|beyond"):
        NewJob(url=URL, **members).to_document()


@pytest.mark.parametrize("timeout", [float("inf"), timedelta.max, "999999w"])
def test_a_wait_may_have_no_end(timeout: timedelta | str | float) -> None:
    assert left(deadline_of(NOW, timeout), NOW) > timedelta(days=7000 * 365).total_seconds()
    assert left(deadline_of(NOW, "1m"), NOW) == timedelta(minutes=1).total_seconds()


def test_waiting_looks_at_the_due_time_and_then_less_and_less_often() -> None:
    assert pause(0, NOW + timedelta(seconds=5), NOW) == pytest.approx(5.05)
    assert pause(0, NOW + timedelta(days=5), NOW) == 30
    assert [round(pause(looks, NOW, NOW), 3) for looks in range(3)] == [0.1, 0.15, 0.225]
    assert pause(10**6, None, NOW) == 2


def test_the_version_is_that_of_the_distribution() -> None:
    described = Path(__file__).parents[2] / "clients" / "python" / "pyproject.toml"
    assert tomllib.loads(described.read_text())["project"]["version"] == wakecall.__version__
