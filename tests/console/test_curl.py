"""Curl: the command is one that a shell runs as it is."""

from __future__ import annotations

import json
import shlex

from app.console import curl
from tests.api.conftest import MakeApp
from tests.console.people import signed_in_as


def test_a_shell_reads_the_command_as_it_was_meant() -> None:
    body = {"url": "https://a.example/it's", "payload": '$HOME `id`\n"é"'}
    words = shlex.split(curl.command("https://w.example", "POST", "/1/jobs?dryRun=true", body))

    assert words[:4] == ["curl", "-X", "POST", "https://w.example/1/jobs?dryRun=true"]
    assert json.loads(words[words.index("--data-raw") + 1]) == body


def test_a_request_without_a_body_has_no_media_type() -> None:
    command = curl.command("https://w.example", "GET", "/1/jobs")
    assert command == 'curl https://w.example/1/jobs \\\n  -H "Authorization: Bearer $WAKECALL_KEY"'


def test_commands_name_the_public_url_whatever_the_request_came_by(make_app: MakeApp) -> None:
    app = make_app(WAKECALL_PUBLIC_URL="https://wake.example", WAKECALL_PATH_PREFIX="/w")
    person = signed_in_as(app, "ada@example.com", "demo")
    assert person.post("/console/start/call").status_code == 303
    for path in ("start", "preview"):
        page = person.get(f"/console/{path}")
        assert "https://wake.example/w/1/" in page
        assert "http://localhost" not in page
