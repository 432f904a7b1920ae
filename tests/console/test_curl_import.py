"""Curl import: the request of a pasted command, and what of it cannot be a job."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console import curl_import
from app.errors import InvalidMember

DOCS = """$ curl -sS -X PUT 'https://example.com/wake?a=1' \\
  -H 'Content-Type: application/json' \\
  -H "X-Team: billing" -H 'User-Agent: me' --max-time 20 -L -o /dev/null \\
  --data-raw '{"who": "it'"'"'s me", "n": 1.50}'
"""


def test_a_command_becomes_the_fields_of_the_form() -> None:
    found = curl_import.read(DOCS)
    assert found.values == {
        "url": "https://example.com/wake?a=1",
        "method": "PUT",
        "data": '{"who": "it\'s me", "n": 1.50}',
        "contentType": "application/json",
        "headers": "X-Team: billing",
        "timeout": "20",
    }
    assert found.notes == (
        "The header User-Agent is ignored: Wakecall sets it for each call.",
        "Redirects are not followed: give the final URL.",
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl example.com/x", {"url": "http://example.com/x", "method": "GET"}),
        ("curl -I https://a.example", {"method": "HEAD"}),
        ("curl -d a=1 -d b=2 https://a.example", {"method": "POST", "data": "a=1&b=2"}),
        ("curl -d a https://a.example", {"contentType": "application/x-www-form-urlencoded"}),
        ("curl -d '' https://a.example", {"method": "POST", "data": ""}),
        ("curl -XPUT -H 'Content-Type: a/b' https://a.example", {"contentType": "a/b"}),
        ("curl -Gd '' https://a.example", {"method": "GET", "contentType": ""}),
        ("curl --json '[1,' --json '2]' https://a.example", {"data": "[1,2]"}),
        ("curl --json '{}' https://a.example", {"contentType": "application/json"}),
        ("curl -Gd q=1 https://a.example/?x", {"url": "https://a.example/?x&q=1", "data": ""}),
        ("curl -sXDELETE --url=https://a.example", {"method": "DELETE"}),
        ("curl -u me:pw https://a.example", {"headers": "Authorization: Basic bWU6cHc="}),
        ("curl -b a=b -e r https://a.example", {"headers": "Cookie: a=b\nReferer: r"}),
        ("curl --data-raw @x https://a.example", {"data": "@x"}),
        # As browsers copy a request.
        (
            """curl a.example --data-raw $'{"a":"it\\'s \\u0021",\\n"b":"\\xc3\\xa9\\\\"}'""",
            {"data": '{"a":"it\'s !",\n"b":"é\\"}'},
        ),
        ("curl -d 'cost: $' -H \"X: $'\" a.example", {"data": "cost: $", "headers": "X: $'"}),
        ("curl --oauth2-bearer t -c jar a.example", {"headers": "Authorization: Bearer t"}),
        ("curl --resolve a.example:443:1.2.3.4 https://a.example", {"url": "https://a.example"}),
    ],
)
def test_each_option_is_read_as_curl_reads_it(command: str, expected: dict[str, str]) -> None:
    values = curl_import.read(command).values
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    "command",
    [
        "wget https://a.example",
        "",
        "curl",
        "curl https://a.example https://b.example",
        "curl 'https://a.example",
        "curl -d @body.json https://a.example",
        "curl -F file=@x https://a.example",
        "curl -X",
        "curl --data-urlencode 'a=b c' https://a.example",
        "curl -d $'x https://a.example",
        "curl -d $'\\xff' https://a.example",
        "curl -d $'\\ud800' https://a.example",
        "curl -d $'\\UFFFFFFFF' https://a.example",
        "curl " + "x" * curl_import.MAX_PASTE,
    ],
)
def test_what_cannot_be_a_job_is_refused(command: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        curl_import.read(command)
    assert refused.value.member == "paste"
    assert refused.value.remedy


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidMember):
        assert curl_import.read(f"curl {text}").values["url"]
