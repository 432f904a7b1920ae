"""The ten tools against the application: what they answer, and what they leave alone."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from flask import Flask
from mcp.client import Client

from tests.clients.mcp.agent import Agent, text_of
from tests.clients.mcp.conftest import Tenant
from tests.console.run_scene import add_run
from wakecall import AsyncClient, Retries
from wakecall.mcp.documents import MAX_BYTES, moment
from wakecall.mcp.one_key import OneKey
from wakecall.mcp.server import build

URL = "https://example.com/wake"
FUTURE = "2100-01-01T00:00:00Z"
READING = [
    "account_overview",
    "find_jobs",
    "get_job",
    "find_runs",
    "get_run",
    "preview_schedule",
    "search_docs",
]
WRITING = ["book_call", "change_job", "redeliver"]
MAX_TOKENS = 3000
BYTES_PER_TOKEN = 2
"""The rule by which tokens are counted: tokenizers take three to four bytes of JSON as one."""


def test_ten_tools_are_listed_in_few_tokens(agent: Agent) -> None:
    async def ask(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = agent.converse(ask)
    assert [each.name for each in tools] == [*READING, *WRITING]
    documents = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in tools]
    length = len(json.dumps(documents, separators=(",", ":")).encode())
    assert math.ceil(length / BYTES_PER_TOKEN) < MAX_TOKENS
    hints = {each.name: each.annotations for each in tools}
    assert all(hints[name].read_only_hint for name in READING)
    assert not any(hints[name].read_only_hint for name in WRITING)
    assert hints["change_job"].destructive_hint
    assert all(each.description for each in tools)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_that_write_are_hidden_from_keys_that_may_not(
    service: Flask, tenant: Tenant, mode: str
) -> None:
    async def names(client: Client) -> list[str]:
        return [each.name for each in (await client.list_tools()).tools]

    assert Agent(service, tenant.read_key).converse(names, mode) == READING
    assert Agent(service, tenant.key, is_read_only=True).converse(names, mode) == READING
    assert Agent(service, tenant.key).converse(names, mode) == [*READING, *WRITING]


def test_a_hidden_tool_cannot_be_called(service: Flask, tenant: Tenant) -> None:
    agent = Agent(service, tenant.key, is_read_only=True)
    assert "read-only" in agent.refusal("book_call", url=URL, when=FUTURE, dry_run=False)
    assert Agent(service, tenant.key).call("find_jobs")["jobs"] == []


def test_a_booking_is_dry_unless_the_call_tells_otherwise(agent: Agent) -> None:
    booking = {"url": URL, "cron": "15 10 * * 1-5", "timezone": "Europe/Berlin"}
    dry = agent.call("book_call", **booking)
    assert (dry["outcome"], "id" in dry) == ("not booked", False)
    assert dry["next_step"] == "The same call with dry_run=false books it."
    assert len(dry["firings"]) == 3
    assert agent.call("find_jobs")["jobs"] == []
    made = agent.call("book_call", **booking, dry_run=False)
    assert made["outcome"] == "booked"
    (listed,) = agent.call("find_jobs")["jobs"]
    assert listed["id"] == made["id"]
    assert listed["cron"] == "15 10 * * 1-5"
    assert "+0" in listed["next"]
    assert "(in " in listed["next"]


def test_a_booking_with_a_name_is_made_once_and_replaces_nothing(agent: Agent) -> None:
    booking = {"url": URL, "cron": "0 15 10 ? * *", "name": "in/voices", "dry_run": False}
    first = agent.call("book_call", **booking)
    again = agent.call("book_call", **booking)
    assert (first["outcome"], again["outcome"]) == ("booked", "unchanged")
    assert first["id"] == again["id"]
    refused = agent.refusal("book_call", **{**booking, "url": f"{URL}/other"})
    assert first["id"] in refused
    assert agent.call("get_job", job="in/voices")["calls"] == URL


def test_a_refusal_tells_the_member_and_the_remedy(agent: Agent) -> None:
    refused = agent.refusal("book_call", url=URL, cron="0 * * * * ?")
    assert "600 seconds" in refused
    assert "Member: cron." in refused
    assert "Request id: " in refused
    assert "exclude each other" in agent.refusal("book_call", url=URL, when=FUTURE, after="1m")
    assert "find_jobs" in agent.refusal("find_jobs", limit=51)


def test_an_argument_that_a_tool_does_not_have_is_refused(agent: Agent) -> None:
    booking = {"url": URL, "when": "2100-01-01T00:00:00", "dry_run": False}
    refused = agent.refusal("book_call", **booking, time_zone="Europe/Berlin", Data="x")
    assert "book_call has no argument time_zone, Data. Its arguments are url, when," in refused
    assert "timezone, name, payload" in refused
    assert agent.call("find_jobs")["jobs"] == []
    assert "It has no arguments." in agent.refusal("account_overview", x=1)

    async def ask(client: Client) -> Any:
        return [each.input_schema for each in (await client.list_tools()).tools]

    assert all(each["additionalProperties"] is False for each in agent.converse(ask))


def test_a_wrong_argument_is_refused_by_its_name_and_reason(agent: Agent) -> None:
    refused = agent.refusal("find_jobs", limit=51)
    assert "limit is 51: input should be less than or equal to 50." in refused
    assert "Correct this and call find_jobs again." in refused
    assert "url is missing." in agent.refusal("book_call", when=FUTURE)
    lost = agent.refusal("find_runs", state=["lost"])
    assert "state.0 is 'lost': input should be 'claimed', 'taken'" in lost
    for text in (refused, agent.refusal("get_run")):
        assert "validation error" not in text
        assert "pydantic" not in text


def test_what_cannot_be_an_argument_is_refused_in_words(agent: Agent) -> None:
    for tool, arguments, reason in (
        ("change_job", {"job": "..", "action": "delete"}, "'..' cannot be part of an address."),
        ("change_job", {"job": "", "action": "delete"}, "'' cannot be part of an address."),
        ("redeliver", {"job": "..", "dry_run": False}, "'..' cannot be part of an address."),
        ("book_call", {"url": URL, "after": "999999w"}, "after leads beyond the year 9999."),
        ("find_runs", {"late_ms": 1e300}, "late_ms is 1e+300: input should be less"),
    ):
        assert reason in agent.refusal(tool, **arguments)


def test_an_instant_that_a_zone_cannot_show_is_shown_in_utc() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    shown = moment(last, ZoneInfo("Asia/Tokyo"), last - timedelta(hours=3))
    assert shown == "9999-12-31T23:59:59Z (in 3 h)"


def test_one_state_stands_for_a_list_of_one(agent: Agent) -> None:
    assert agent.call("find_runs", state="failed")["runs"] == []
    assert agent.call("redeliver", state="failed")["count"] == 0


def test_what_is_not_the_id_of_a_run_is_refused_in_words_of_the_tools(agent: Agent) -> None:
    for tool in ("get_run", "redeliver"):
        refused = agent.refusal(tool, run="voices/7")
        assert "run is 'voices/7', which is not the id of a run. find_runs lists" in refused
        assert "path" not in refused


def test_what_does_not_exist_is_refused_in_words_of_the_tools(agent: Agent) -> None:
    unknown = "01a20290-027f-7fc0-b123-b43bd8583de0"
    for tool, arguments, reason in (
        ("get_run", {"run": unknown}, f"There is no run {unknown}."),
        ("get_job", {"job": unknown}, f"There is no job {unknown}."),
        ("get_job", {"job": "voices"}, 'There is no job named "voices".'),
    ):
        refused = agent.refusal(tool, **arguments)
        assert f"{reason} find_jobs and find_runs list what there is. Request id: " in refused
        assert "PUT" not in refused
        assert "/1/" not in refused


def test_a_name_with_a_dot_is_not_taken_for_a_host(agent: Agent) -> None:
    agent.call("book_call", url=URL, when=FUTURE, name="shop.invoices", dry_run=False)

    (found,) = agent.call("find_jobs", text="shop.inv")["jobs"]
    (due,) = agent.call("find_jobs", text="shop.inv", due_before="2109-01-01T00:00:00Z")["firings"]

    assert found["name"] == due["name"] == "shop.invoices"


def test_jobs_are_found_by_name_host_tag_and_firing(agent: Agent) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for number, when in enumerate((soon, FUTURE, FUTURE)):
        agent.call(
            "book_call",
            url=f"https://host-{number}.example.com/x",
            when=when,
            name=f"job-{number}",
            tags=["even"] if number % 2 == 0 else [],
            dry_run=False,
        )

    def names(**arguments: Any) -> list[str]:
        return [each["name"] for each in agent.call("find_jobs", **arguments)["jobs"]]

    assert names(text="job-") == ["job-0", "job-1", "job-2"]
    assert names(host="host-1.example.com") == ["job-1"]
    assert names(host="host-1.example.com", text="job-0") == []
    assert names(tag="even") == ["job-2", "job-0"]
    assert names(paused=True) == []
    before = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    (due,) = agent.call("find_jobs", due_before=before)["firings"]
    assert due["name"] == "job-0"
    assert "combined" in agent.refusal("find_jobs", due_before=before, paused=True)
    first = agent.call("find_jobs", limit=2)
    second = agent.call("find_jobs", limit=2, cursor=first["cursor"])
    assert [each["name"] for each in first["jobs"] + second["jobs"]] == ["job-2", "job-1", "job-0"]
    assert "cursor" not in second


def test_a_list_that_does_not_fit_ends_earlier_with_a_cursor_behind_it(agent: Agent) -> None:
    wide = "x" * 120
    for number in range(25):
        agent.call("book_call", url=URL, when=FUTURE, name=f"{number:02} {wide}", dry_run=False)
    found: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor is not None:
        arguments = {} if cursor is None else {"cursor": cursor}
        page = agent.call("find_jobs", limit=50, **arguments)
        assert len(json.dumps(page, ensure_ascii=False).encode()) <= MAX_BYTES + 400
        found += [each["name"][:2] for each in page["jobs"]]
        cursor = page.get("cursor")
        pages += 1
    assert found == [f"{number:02}" for number in reversed(range(25))]
    assert pages > 2


def test_a_job_is_shown_with_its_schedule_and_runs_and_without_secrets(
    agent: Agent, tenant: Tenant, connection: psycopg.Connection
) -> None:
    booked = agent.call(
        "book_call",
        url=URL,
        cron="0 15 10 ? * MON-FRI",
        timezone="Europe/Berlin",
        name="shown",
        payload='{"card": "4111"}',
        headers={"Authorization": "Bearer s3cret"},
        dry_run=False,
    )
    run_id = add_run(connection, tenant.id, job_id=booked["id"])
    shown = agent.call("get_job", job="shown")
    assert shown["schedule"] == "at 10:15 from Monday to Friday, Europe/Berlin"
    assert len(shown["firings"]) == 3
    assert shown["headers"] == ["Authorization"]
    assert shown["payload"] == {"bytes": 16}
    assert [each["id"] for each in shown["runs"]] == [f"{run_id}"]
    assert f"{run_id}" in shown["next_step"]
    assert "s3cret" not in json.dumps(shown)
    assert "4111" not in json.dumps(shown)
    assert agent.call("get_job", job=booked["id"], runs=0)["runs"] == []
    assert "no job" in agent.refusal("get_job", job="nowhere").lower()


def test_runs_are_found_and_explained(
    agent: Agent, tenant: Tenant, connection: psycopg.Connection
) -> None:
    failed = add_run(connection, tenant.id, state="failed", late_ms=700)
    add_run(connection, tenant.id, state="succeeded", status=204)
    dead = add_run(connection, tenant.id, state="dead", status=None, ago=timedelta(hours=2))

    def ids(**arguments: Any) -> list[str]:
        return [each["id"] for each in agent.call("find_runs", **arguments)["runs"]]

    assert ids(state=["failed", "dead"]) == [f"{failed}", f"{dead}"]
    assert ids(late_ms=500) == [f"{failed}"]
    assert ids(before=(datetime.now(UTC) - timedelta(hours=1)).isoformat()) == [f"{dead}"]
    shown = agent.call("get_run", run=f"{failed}")
    assert (shown["state"], shown["status"], shown["attempts"]) == ("failed", 503, 2)
    assert [each["number"] for each in shown["newest_attempts"]] == [1, 2]
    assert "redeliver" in shown["next_step"]
    assert agent.call("get_run", run=f"{dead}")["error"] == "timeout"


def test_an_overview_tells_what_fails_and_what_is_near_its_limit(
    agent: Agent, tenant: Tenant, connection: psycopg.Connection
) -> None:
    agent.call("book_call", url=URL, after="1h", dry_run=False)
    calm = agent.call("account_overview")
    assert calm["account"] == tenant.name
    assert calm["key_scope"] == "admin"
    assert "failing_jobs" not in calm
    assert calm["next_firings"]["within_24_h"] == 1
    run_id = add_run(connection, tenant.id)
    shown = agent.call("account_overview")
    assert shown["failing_jobs"][0]["newest_run"] == f"{run_id}"
    assert shown["failing_jobs"][0]["failed_within_a_day"] == 1
    assert f"{run_id}" in shown["next_step"]


def test_a_schedule_is_previewed(agent: Agent) -> None:
    shown = agent.call("preview_schedule", cron="@daily", timezone="Europe/Berlin", count=2)
    assert (shown["bookable"], len(shown["firings"])) == (True, 2)
    assert shown["timezone"] == "Europe/Berlin"
    often = agent.call("preview_schedule", cron="0 * * * * ?")
    assert often["bookable"] is False
    assert often["reasons"]
    once = agent.call(
        "preview_schedule", when="2100-06-01T10:00:00+02:00", timezone="Europe/Berlin"
    )
    assert once["firings"][0].startswith("2100-06-01T10:00:00+02:00")
    assert "Member" in agent.refusal("preview_schedule", cron="x")


def test_the_documentation_is_searched_and_read(agent: Agent) -> None:
    sections = agent.call("search_docs", query="misfire window")["sections"]
    assert sections
    assert all(each["page"] and each["excerpt"] for each in sections[1:])
    assert "misfireWindow" in sections[0]["text"]
    resource = sections[0]["resource"]
    assert resource.startswith("wakecall://docs/")
    assert agent.read(resource).startswith("# ")


def test_a_service_that_is_away_is_named() -> None:
    async def run() -> Any:
        once = Retries(max_attempts=1)
        async with (
            AsyncClient("wk_x", url="http://127.0.0.1:1", retries=once) as away,
            Client(build(OneKey(away))) as client,
        ):
            assert len((await client.list_tools()).tools) == 10
            return await client.call_tool("account_overview", {})

    result = asyncio.run(run())
    assert result.is_error
    assert "Nothing was done" in text_of(result)
