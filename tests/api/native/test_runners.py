"""Runners over HTTP and from the command line: configured, listed and deleted."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

RUNNER = "/1/fusion-runners/datasource"
URL = {"url": "http://127.0.0.1:9100/runner"}
XML = {"Accept": "text/xml", "Content-Type": "text/xml"}


def test_a_runner_is_configured_moved_and_forgotten(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    assert client.get(RUNNER).status_code == 404
    created = client.put(RUNNER, json=URL)
    assert (created.status_code, created.headers["Location"]) == (201, RUNNER)
    assert created.get_json() == {"type": "datasource", **URL}
    moved = client.put(RUNNER, json={"type": "datasource", "url": "https://example.com/"})
    assert (moved.status_code, moved.get_json()["url"]) == (200, "https://example.com/")
    client.put("/1/fusion-runners/spark", json=URL)
    assert [each["type"] for each in client.get("/1/fusion-runners").get_json()] == [
        "datasource",
        "spark",
    ]
    assert other_client.get("/1/fusion-runners").get_json() == []
    assert client.delete(RUNNER).status_code == 204
    assert client.delete(RUNNER).status_code == 404


def test_a_runner_in_xml(client: FlaskClient) -> None:
    body = f"<runner><url>{URL['url']}</url></runner>"
    assert client.put(RUNNER, data=body, headers=XML).status_code == 201
    runners = etree.fromstring(client.get("/1/fusion-runners", headers=XML).data)
    assert runners.findtext("runner/type") == "datasource"
    assert runners.findtext("runner/url") == URL["url"]


@pytest.mark.parametrize(
    ("document", "member"),
    [
        ({}, "url"),
        ({"url": 1}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({**URL, "type": "spark"}, "type"),
        ({**URL, "token": "x"}, "token"),
    ],
)
def test_a_runner_that_cannot_be_is_refused(
    client: FlaskClient, document: dict[str, object], member: str
) -> None:
    refused = client.put(RUNNER, json=document)
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)


def test_a_task_has_no_runner(client: FlaskClient) -> None:
    refused = client.put("/1/fusion-runners/task", json=URL)
    assert (refused.status_code, refused.get_json()["member"]) == (404, "type")


def test_runners_from_the_command_line(app: Flask, client: FlaskClient) -> None:
    runner = app.test_cli_runner()
    command, spark = ("fusion-runner",), ("account-1", "--type", "spark")
    added = runner.invoke(args=[*command, "add", *spark, "--url", URL["url"]])
    assert (added.exit_code, added.output) == (0, "")
    assert client.get("/1/fusion-runners").get_json() == [{"type": "spark", **URL}]
    listed = runner.invoke(args=[*command, "list", "account-1"])
    assert listed.output.split() == ["spark", URL["url"]]
    assert runner.invoke(args=[*command, "remove", *spark]).exit_code == 0
    assert runner.invoke(args=[*command, "list", "account-1"]).output == ""
    for arguments in (["remove", *spark], ["list", "nobody"]):
        failed = runner.invoke(args=[*command, *arguments])
        assert failed.exit_code == 1
        assert "There is no" in failed.stderr
