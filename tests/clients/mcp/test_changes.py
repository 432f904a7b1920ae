"""The tools that change jobs and send runs again: what they do at once, and what they ask first."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask

from tests.clients.mcp.agent import Agent, Person, text_of
from tests.clients.mcp.conftest import Tenant
from tests.console.run_scene import add_run

URL = "https://example.com/wake"
FUTURE = "2100-01-01T00:00:00Z"


def test_jobs_are_paused_resumed_and_fired(agent: Agent) -> None:
    agent.call("book_call", url=URL, cron="@hourly", name="changed", dry_run=False)
    assert agent.call("change_job", job="changed", action="pause")["paused"] is True
    resumed = agent.call("change_job", job="changed", action="resume")
    assert (resumed["outcome"], "paused" in resumed) == ("resumed", False)
    fired = agent.call("change_job", job="changed", action="fire")
    assert fired["run"]["kind"] == "manual"
    assert fired["run"]["id"] in fired["next_step"]


def test_a_deletion_needs_the_name_where_nobody_can_be_asked(agent: Agent) -> None:
    agent.call("book_call", url=URL, when=FUTURE, name="kept", dry_run=False)
    assert "confirm='kept'" in agent.refusal("change_job", job="kept", action="delete")
    agent.refusal("change_job", job="kept", action="delete", confirm="Kept")
    assert agent.call("get_job", job="kept")["name"] == "kept"
    deleted = agent.call("change_job", job="kept", action="delete", confirm="kept")
    assert deleted["outcome"] == "deleted"
    agent.refusal("get_job", job="kept")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("approves", [True, False])
def test_a_deletion_is_asked_about_where_a_person_can_answer(
    service: Flask, tenant: Tenant, mode: str, *, approves: bool
) -> None:
    person = Person(approves=approves)
    agent = Agent(service, tenant.key, person=person)
    agent.call("book_call", url=URL, when=FUTURE, name="asked", dry_run=False)
    result = agent.converse(
        lambda client: client.call_tool(
            "change_job", {"job": "asked", "action": "delete", "confirm": "asked"}
        ),
        mode,
    )
    assert person.questions == [f"Delete the job 'asked', which calls {URL}?"]
    assert not result.is_error
    jobs = agent.call("find_jobs")["jobs"]
    if approves:
        assert jobs == []
    else:
        assert "declined" in text_of(result)
        assert len(jobs) == 1


def test_runs_are_sent_again_after_a_dry_run(
    agent: Agent, tenant: Tenant, connection: psycopg.Connection
) -> None:
    runs = [f"{add_run(connection, tenant.id)}" for _ in range(3)]
    one = agent.call("redeliver", run=runs[0])
    assert one["outcome"] == "would be sent again"
    counted = agent.call("redeliver", state=["failed"])
    assert (counted["outcome"], counted["count"]) == ("not sent", 3)
    assert "expected_count=3" in counted["next_step"]
    stale = agent.refusal("redeliver", state=["failed"], dry_run=False, expected_count=4)
    assert "3 runs match, not 4" in stale
    assert agent.call("redeliver", run=runs[0], dry_run=False)["outcome"] == "sent again"
    sent = agent.call("redeliver", state=["failed"], dry_run=False, expected_count=2)
    assert (sent["outcome"], sent["count"]) == ("sent again", 2)
    under_way = agent.call("redeliver", run=runs[1])
    assert "under way" in under_way["outcome"]


def test_many_runs_need_their_count_or_a_person(
    service: Flask, tenant: Tenant, connection: psycopg.Connection
) -> None:
    for _ in range(101):
        add_run(connection, tenant.id)
    agent = Agent(service, tenant.key)
    assert "expected_count=101" in agent.refusal("redeliver", dry_run=False)
    person = Person(approves=False)
    asked = Agent(service, tenant.key, person=person).call("redeliver", dry_run=False)
    assert person.questions == ["Send 101 runs again?"]
    assert "declined" in asked["outcome"]
    assert agent.call("redeliver")["count"] == 101
    done = agent.call("redeliver", dry_run=False, expected_count=101)
    assert (done["outcome"], done["count"]) == ("sent again", 101)
