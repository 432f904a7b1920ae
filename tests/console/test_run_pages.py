"""Pages of runs, a run, upcoming firings and the overview: empty and full, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.console.pages import redelivery
from app.domain.role import Role
from app.service import run_pages
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.factories import book, connect, one

HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">'


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def add_run(  # noqa: PLR0913 - what differs between runs
    connection: psycopg.Connection,
    account_id: int,
    *,
    state: str = "failed",
    late_ms: float = 1.3,
    status: int | None = 503,
    job_id: UUID | None = None,
    ago: timedelta = timedelta(minutes=5),
    kind: str = "scheduled",
    body: str = "oh no",
    url: str = "https://example.com/wake",
    reason: str = "The job was changed before the run was called.",
) -> UUID:
    """A settled run, attempted twice, whose content is kept."""
    run_id, job = UUID(int=uuid7().int), job_id or UUID(int=uuid7().int)
    due_at = datetime.now(UTC) - ago
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, reason, settled_at) VALUES (%s, %s, %s, 1, %s, %s, 0, %s, 2, %s, now())",
        (
            run_id,
            job,
            account_id,
            kind,
            due_at,
            state,
            f"The receiver answered {status}: {HOSTILE}",
        ),
    )
    for number in (1, 2):
        connection.execute(
            "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error,"
            " detail, headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)"
            " VALUES (%s, %s, %s, now(), %s, %s, %s, %s, %s, %s, 1, 2, 3, 4, 5)",
            (
                *(run_id, due_at, number, late_ms, status),
                None if status else "timeout",
                None if status else "No complete response arrived in time.",
                f'[["X-Evil", {psycopg_json(HOSTILE)}]]',
                (body if number == 2 else "first").encode(),
            ),
        )
    connection.execute(
        "INSERT INTO superseded (job_id, version, url, content_type, data, account_id)"
        " VALUES (%s, 1, %s, 'application/json', %s, %s) ON CONFLICT DO NOTHING",
        (job, url, b'{"price":10000000000000000000001.50,"note":"' + HOSTILE[:5].encode() + b'"}',
         account_id),
    )  # fmt: skip
    return run_id


def psycopg_json(text: str) -> str:
    """The text as JSON."""
    return '"' + text.replace('"', '\\"') + '"'


def add_live(
    connection: psycopg.Connection, account_id: int, state: str, run_id: UUID | None = None
) -> UUID:
    """A run under way that was attempted once."""
    made = run_id or UUID(int=uuid7().int)
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at, attempts, reason, lease_until, complete_by)"
        " VALUES (%s, gen_random_uuid(), %s, 1, 'manual', now() - interval '1 min', false, %s,"
        " now() + interval '9 min', now() + interval '9 min', 1,"
        " 'waiting: 50 calls to example.com are under way', NULL,"
        " CASE WHEN %s = 'running' THEN now() + interval '1 h' END)",
        (made, account_id, state, state),
    )
    return made


PATHS = ("/console/", "/console/runs", "/console/upcoming")


@pytest.mark.parametrize("path", PATHS)
def test_an_account_without_anything_sees_what_to_do(signed_in: SignedIn, path: str) -> None:
    document = check_page(signed_in.get(path))
    assert document.xpath("//section[@class='empty']//a")


@pytest.mark.parametrize("path", PATHS)
def test_full_pages_keep_the_rules_and_are_short(
    signed_in: SignedIn, connection: psycopg.Connection, path: str
) -> None:
    for number in range(70):
        job_id = book(
            connection, signed_in.account.id, due_in=3600 + 60 * number, cron="0 0 12 * * ?"
        )
        add_run(
            connection,
            signed_in.account.id,
            state=("failed", "succeeded", "dead", "cancelled")[number % 4],
            ago=timedelta(minutes=20 * number),
            job_id=job_id,
        )
    for state in ("waiting", "running"):
        add_live(connection, signed_in.account.id, state)
    add_run(connection, signed_in.account.id, state="dead", status=None, reason=HOSTILE)
    document = check_page(signed_in.get(path))
    rows = document.xpath("//main//table[contains(@class, 'rows')][last()]/tbody/tr")
    assert len(rows) >= (10 if path == "/console/" else run_pages.PAGE)
    assert HOSTILE not in signed_in.get(path)


@pytest.mark.parametrize("status", [503, None])
def test_a_run_is_told_whole_with_a_receiver_s_words_as_text(
    signed_in: SignedIn, connection: psycopg.Connection, status: int | None
) -> None:
    run_id = add_run(
        connection, signed_in.account.id, body=HOSTILE, status=status, late_ms=12.34, reason=HOSTILE
    )
    html = signed_in.get(f"/console/runs/{run_id}")
    document = check_page(html)
    assert HOSTILE not in html
    assert "<script>alert" not in html
    text = document.text_content()
    assert "12 ms late" in text
    assert "10000000000000000000001.50" in text
    assert ("timed out" in text) == (status is None)
    assert len(document.xpath("//table[@class='rows']/tbody/tr")) == 2
    assert document.xpath("//ol[@class='steps']/li")
    if status:
        assert HOSTILE in document.xpath("string(//pre[@aria-label='the response body'])")
    first = check_page(signed_in.get(f"/console/runs/{run_id}?attempt=1"))
    assert "first" in first.xpath("string(//pre[@aria-label='the response body'])") or not status


@pytest.mark.parametrize(
    ("query", "status"),
    [("?attempt=3", 404), ("?attempt=0", 400), ("?attempt=x", 400), ("?other=1", 400)],
)
def test_an_attempt_that_there_is_not_is_refused(
    signed_in: SignedIn, connection: psycopg.Connection, query: str, status: int
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    answer = signed_in.client.get(f"/console/runs/{run_id}{query}")
    assert answer.status_code == status
    check_page(answer.data)


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_run_under_way_says_why_it_waits(
    signed_in: SignedIn, connection: psycopg.Connection, state: str
) -> None:
    run_id = add_live(connection, signed_in.account.id, state)
    document = check_page(signed_in.get(f"/console/runs/{run_id}"))
    assert "50 calls to example.com" in document.text_content()
    buttons = {each.get("value") for each in document.xpath("//button[@name='status']")}
    assert buttons == ({"succeeded", "failed"} if state == "running" else set())
    assert document.xpath("//main/@data-live") == ["3"]
    assert not document.xpath("//a[contains(@href, '/redeliver')]")


def test_the_list_is_narrowed_and_leads_both_ways(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    account_id = signed_in.account.id
    for number in range(60):
        add_run(connection, account_id, ago=timedelta(minutes=number + 1), late_ms=number)
    late = add_run(connection, account_id, late_ms=250, ago=timedelta(hours=3), kind="manual")

    def ids(path: str) -> tuple[list[str], Any]:
        document = check_page(signed_in.get(path))
        found = document.xpath("//tr//time/a/@href")
        return [each.rpartition("/")[2] for each in found if "runs/" in each], document

    first, document = ids("/console/runs")
    (older,) = document.xpath("//a[@rel='next']/@href")
    assert document.xpath("//main/@data-live") == ["3"]
    second, document = ids(older)
    (newer,) = document.xpath("//a[@rel='prev']/@href")
    assert not document.xpath("//main/@data-live")
    assert len(first) == run_pages.PAGE
    assert second[-1] == str(late)
    assert not set(first) & set(second)
    assert ids(newer)[0] == first

    for query in (
        "minLatenessMs=100",
        "kind=manual&state=&host=&within=",
        "kind=manual&lastStatus=5xx&host=example.com&within=24h",
    ):
        found, document = ids(f"/console/runs?{query}")
        assert found == [str(late)], query
    assert ids("/console/runs?within=1h&kind=manual")[0] == []
    form = document.xpath("//form[@id='filters']")[0]
    assert form.xpath("string(.//select[@name='kind']/option[@selected])") == "manual"


def test_times_of_the_form_are_in_the_zone_of_the_page(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    connection.execute("UPDATE web_user SET zone = 'Asia/Kathmandu'")
    due = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    run_id = add_run(connection, signed_in.account.id, ago=datetime.now(UTC) - due)
    for after, count in (
        ("2026-11-22T15:14", 1),
        ("2026-11-22T15:16", 0),
        ("2026-11-22T09:29Z", 1),
    ):
        document = check_page(signed_in.get(f"/console/runs?after={after}"))
        assert len(document.xpath(f"//tr//a[@href='runs/{run_id}']")) == count, after
    value = document.xpath("//input[@name='after']/@value")
    assert value == ["2026-11-22T15:14"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("name", ["after", "before"])
def test_the_ends_of_the_calendar_are_filters_in_every_zone(
    signed_in: SignedIn, connection: psycopg.Connection, zone: str, name: str
) -> None:
    connection.execute("UPDATE web_user SET zone = %s", [zone])
    for instant in ("0001-01-01T00:00", "9999-12-31T23:59"):
        for suffix in ("", "Z"):
            check_page(signed_in.get(f"/console/runs?{name}={instant}{suffix}"))


@pytest.mark.parametrize(
    "query",
    ["stat=failed", "state=over", "minLatenessMs=soon", "within=1y",
     "within=1h&after=2026-01-01T00Z", "older=x", "older=x&newer=y", "host=a:1",
     "job=1", "after=yesterday", "kind=odd",
     "within=1h&within=1h"],
)  # fmt: skip
def test_filters_that_cannot_be_applied_are_refused(signed_in: SignedIn, query: str) -> None:
    answer = signed_in.client.get(f"/console/runs?{query}")
    assert answer.status_code == 400
    assert check_page(answer.data).xpath("//h1")


@pytest.mark.parametrize("query", ["cursor=x", "until=1", "host=a:1", "tag=" + "x" * 99])
def test_filters_of_upcoming_firings_are_refused_too(signed_in: SignedIn, query: str) -> None:
    assert signed_in.client.get(f"/console/upcoming?{query}").status_code == 400


def test_upcoming_firings_are_paged_and_counted(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    for number in range(60):
        book(connection, signed_in.account.id, due_in=7200 + number)
    first = check_page(signed_in.get("/console/upcoming"))
    (later,) = first.xpath("//a[@rel='next']/@href")
    second = check_page(signed_in.get(later))
    rows = [document.xpath("//tr[starts-with(@id, 'f-')]/@id") for document in (first, second)]
    assert [len(each) for each in rows] == [50, 10]
    assert not set(rows[0]) & set(rows[1])
    assert "Busiest minute" in first.text_content()
    assert check_page(signed_in.get("/console/upcoming?host=127.0.0.1&tag=")).xpath("//tr/@id")
    assert "No match" in signed_in.get("/console/upcoming?host=none.example")


def test_a_run_is_redelivered_by_a_form_without_script(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    path = f"/console/runs/{run_id}/redeliver"
    question = check_page(signed_in.get(path))
    assert question.xpath(f"//form[@method='post'][@action='{path}']")

    answer = signed_in.post(path)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/runs/{run_id}")
    assert one(connection, "SELECT id FROM inflight") == run_id
    again = signed_in.post(path)
    assert again.status_code == 409
    assert "is under way" in check_page(again.data).get_element_by_id("problem").text_content()


def test_a_running_run_is_completed_by_a_form_without_script(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_live(connection, signed_in.account.id, "running")
    path = f"/console/runs/{run_id}/complete"
    for form, member in (({}, "status"), ({"status": "failed", "message": "x" * 2000}, "message")):
        refused = signed_in.post(path, form)
        assert refused.status_code == 400, member
        check_page(refused.data)
    answer = signed_in.post(path, {"status": "failed", "message": "out of paper"})
    assert answer.status_code == 303
    assert "out of paper" in signed_in.get(f"/console/runs/{run_id}")
    over = signed_in.post(path, {"status": "succeeded"})
    assert over.status_code == 409
    check_page(over.data)


def follow(signed_in: SignedIn, document: Any) -> tuple[Any, int]:
    """Send the forms of a redelivery until it is over; the last page, and how often."""
    sent = 0
    while forms := document.xpath("//main//form[@method='post']"):
        fields: dict[str, list[str]] = {}
        for each in forms[0].xpath(".//input[@type='hidden']"):
            if each.get("name") != "csrf_token":
                fields.setdefault(each.get("name"), []).append(each.get("value"))
        answer = signed_in.post(forms[0].get("action"), fields)
        assert answer.status_code == 303, answer.text
        sent += 1
        document = check_page(signed_in.get(answer.headers["Location"]))
        assert check_page(signed_in.get(answer.headers["Location"])) is not None
    return document, sent


def test_all_that_match_are_counted_then_redelivered_step_by_step(
    signed_in: SignedIn, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "PAGE", 2)
    account_id = signed_in.account.id
    for number in range(5):
        add_run(connection, account_id, ago=timedelta(minutes=number + 1), kind="manual")
    lost = add_run(connection, account_id, kind="manual", ago=timedelta(minutes=9))
    connection.execute(
        "DELETE FROM superseded WHERE job_id = (SELECT job_id FROM run WHERE id = %s)", (lost,)
    )
    other = add_run(connection, account_id, ago=timedelta(minutes=2))

    question = check_page(signed_in.get("/console/runs/redeliver?kind=manual&within=24h"))
    assert [each.text for each in question.xpath("//*[contains(@class, 'figure')]/b")] == ["5", "1"]
    later = add_run(connection, account_id, kind="manual", ago=timedelta(seconds=-1))
    last, steps = follow(signed_in, question)

    assert steps >= 3
    assert "5 of 5 runs sent again, 1 lost" in " ".join(last.text_content().split())
    assert one(connection, "SELECT count(*) FROM inflight") == 5
    left = {row[0] for row in connection.execute("SELECT id FROM run").fetchall()}
    assert left == {lost, other, later}


def test_selected_runs_are_redelivered_whatever_their_state(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    account_id = signed_in.account.id
    chosen = [add_run(connection, account_id, state=each) for each in ("succeeded", "failed")]
    add_run(connection, account_id)
    query = "&".join(f"id={each}" for each in chosen)
    question = check_page(signed_in.get(f"/console/runs/redeliver?{query}"))
    assert "Of the 2 selected runs, 2 can be sent again" in question.text_content()
    follow(signed_in, question)
    rows = connection.execute("SELECT id FROM inflight").fetchall()
    assert sorted(row[0] for row in rows) == sorted(chosen)


@pytest.mark.parametrize(
    ("query", "status"),
    [("state=succeeded", 400), ("id=x", 400), ("&".join(["id=" + str(UUID(int=1))] * 51), 400),
     ("limit=1", 400), ("state=failed", 200), ("id=" + str(UUID(int=1)), 200)],
)  # fmt: skip
def test_redelivery_of_many_refuses_what_it_cannot_do(
    signed_in: SignedIn, query: str, status: int
) -> None:
    answer = signed_in.client.get(f"/console/runs/redeliver?{query}")
    assert answer.status_code == status
    document = check_page(answer.data)
    assert not document.xpath("//main//form[@method='post']")


@pytest.mark.parametrize("query", ["sent=x", "sent=-1", "of=99999999999999", "cursor=x"])
def test_progress_that_nobody_made_is_refused(signed_in: SignedIn, query: str) -> None:
    assert signed_in.client.get(f"/console/runs/redelivery?{query}").status_code == 400


def test_a_link_to_a_redelivery_sends_nothing_by_itself(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    add_run(connection, signed_in.account.id)
    for path in ("/console/runs/redeliver?state=failed", "/console/runs/redelivery?of=5"):
        check_page(signed_in.get(path))
    assert one(connection, "SELECT count(*) FROM inflight") == 0


def test_another_account_s_runs_are_not_there(
    signed_in: SignedIn, stranger: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    running = add_live(connection, signed_in.account.id, "running")
    unknown = UUID(int=1)
    for each in (run_id, unknown):
        assert stranger.client.get(f"/console/runs/{each}").status_code == 404
        assert stranger.client.get(f"/console/runs/{each}/redeliver").status_code == 404
        assert stranger.post(f"/console/runs/{each}/redeliver").status_code == 404
    form = {"status": "succeeded"}
    assert stranger.post(f"/console/runs/{running}/complete", form).status_code == 404
    selected = stranger.get(f"/console/runs/redeliver?id={run_id}")
    assert "No run is sent again" in selected
    assert str(run_id) not in stranger.get("/console/runs")
    assert str(run_id) not in stranger.get("/console/")


def test_readers_see_runs_and_change_none(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    running = add_live(connection, signed_in.account.id, "running")
    reader = signed_in.with_role(Role.READER)
    for path in (*PATHS, f"/console/runs/{run_id}", f"/console/runs/{running}"):
        document = check_page(reader.get(path))
        assert not document.xpath("//main//form[@method='post']"), path
        assert not document.xpath("//main//a[contains(@href, 'redeliver')]"), path
    for path in (f"/console/runs/{run_id}/redeliver", "/console/runs/redeliver"):
        assert reader.client.get(path).status_code == 403
        assert reader.post(path).status_code == 403
    assert reader.post(f"/console/runs/{running}/complete", {}).status_code == 403


@pytest.mark.parametrize(
    "path", [*PATHS, f"/console/runs/{UUID(int=1)}", "/console/runs/redeliver"]
)
def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(signed_in: SignedIn, path: str) -> None:
    signed_in.client.delete_cookie("wakecall")
    answer = signed_in.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/console/login")


def test_forms_without_a_token_are_refused(
    signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    run_id = add_run(connection, signed_in.account.id)
    for path in (f"/console/runs/{run_id}/redeliver", "/console/runs/redeliver"):
        answer = signed_in.client.post(path, data={"state": "failed"})
        assert 400 <= answer.status_code < 500
    assert one(connection, "SELECT count(*) FROM inflight") == 0
