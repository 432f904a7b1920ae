"""Clients: what the Python client and the command line read: calls, answers, files and options."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Final
from zoneinfo import ZoneInfo

import click

from tests.api.worst_dialects import NOW
from tests.fuzz import grammars
from tests.fuzz.parser import UNDECODABLE, Parser, to_bytes
from wakecall import errors, models, spans
from wakecall._core import answers, pages
from wakecall._core.answers import Answer, UnreadableAnswer
from wakecall.cli import config_file, crontab_lines, import_curl, import_wget, session, times
from wakecall.cli.crontab_lines import NotTaken
from wakecall.mcp import documents, reading_tools
from wakecall.models import _reading
from wakecall.webhook import Webhook

_ZONE: Final = ZoneInfo("Europe/Berlin")
_WEBHOOK: Final = Webhook("whsec_" + base64.b64encode(b"k" * 32).decode())
_SENT: Final = datetime(2030, 1, 1, tzinfo=UTC)
_SIGNED: Final = "\n".join(
    f"{name}: {value}"
    for name, value in {
        **_WEBHOOK.sign(b"body", id="01890a5d-ac96-774b-bcce-b302099a8057", sent=_SENT),
        "Wakecall-Attempt": "3",
        "Wakecall-Lateness-Ms": "12",
        "Wakecall-Scheduled-For": "2030-01-01T00:00:00Z",
        "Wakecall-Missed": "2",
    }.items()
)
_TOML: Final = """version = 1
set = "billing"
[vars]
base = { env = "BASE", default = "https://example.com" }
[defaults]
timezone = "Europe/Berlin"
[jobs.invoices]
url = "${base}/invoices"
cron = "0 0 12 * * ?"
headers = { X-Team = "b$$" }
retry = { schedule = [1, 5] }
tags = ["a"]
"""
_CRONTAB: Final = """# jobs
CRON_TZ=Europe/Berlin
URL = 'https://example.com'
*/15 9-17 * * 1-5 curl -fsS "$URL/a" > /dev/null 2>&1
@daily /usr/bin/wget -qO- https://example.com/b
@reboot echo a\\%b
0 5 * * * curl -d a=b -H 'X-A: b' http://example.com >> /var/log/a
"""
_JOB: Final = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "url": "https://example.com",
    "when": "2094-05-11T15:30:00Z",
    "next": "2094-05-11T15:30:00Z",
    "data": "AAEC",
    "dataEncoding": "base64",
    "tags": ["a"],
    "timeout": 2.5,
}
_PROBLEM: Final = {
    "type": "/problems/invalid-member",
    "title": "a",
    "status": 400,
    "detail": "b",
    "member": "url",
    "remedy": "c",
}


def _verify(text: str) -> None:
    """Verify a call whose headers are the lines of the text."""
    pairs = [(name, value) for name, _, value in (each.partition(":") for each in text.split("\n"))]
    for headers in (pairs, dict(pairs), {f"HTTP_{name}": value for name, value in pairs}):
        _WEBHOOK.verify(b"body", headers, now=_SENT + timedelta(seconds=5))


def _answer(text: str) -> None:
    """Read an answer of the service, or of a proxy in its place; the text has its headers first."""
    head, _, body = text.partition("\n\n")
    fields = (each.partition(":") for each in head.split("\n"))
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    for status in (200, 302, 400, 429, 503):
        answer = Answer(status=status, headers=headers, body=to_bytes(body))
        answers.error_of(answer, now=NOW, is_minted=True)
        pages.page_of(answer, ())
    answers.document_of(answer)


def _model(text: str) -> None:
    answer = Answer(status=200, headers={}, body=to_bytes(text))
    document = answers.document_of(answer)
    for model in (models.Job, models.Run, models.Account):
        with suppress(UnreadableAnswer):
            _reading.read(model, document)


def _crontab(text: str) -> None:
    """Read each line of a crontab as the import does."""
    for has_user in (False, True):
        for each in crontab_lines.read(text, has_user=has_user):
            if isinstance(each, tuple):
                continue
            with suppress(NotTaken, click.ClickException):
                crontab_lines.check_schedule(each.schedule)
                command = crontab_lines.plain_command(each)
                read = import_wget.read if command.startswith("wget") else import_curl.read
                _shown(read, command)


def _shown(read: Callable[[str], tuple[dict[str, object], list[str]]], text: str) -> None:
    job, _ = read(text)
    import_curl.to_toml(import_curl.name_of(f"{job['url']}"), job)


def _toml(text: str) -> None:
    path = Path(gettempdir()) / "wakecall-fuzz.toml"
    path.write_bytes(to_bytes(text))
    config_file.read(path, {"BASE": "https://example.com"})


def _span(text: str) -> None:
    spans.to_span(text)


def _time(text: str) -> None:
    with suppress(click.ClickException):
        session._instant(text, "--after", partial(times.parse_past, zone=_ZONE, now=NOW))
    session._instant(text, "--at", partial(times.parse_future, zone=None, now=NOW))


# Files of the caller's own, read by Python's own readers of TOML, of shells and of options, which
# need more time.
_OF_FILES_S: Final = 2.0

_WORDS_OF_SHELLS: Final = (
    *(
        "'",
        '"',
        "\\",
        "$URL",
        "${URL}",
        "`",
        "%",
        "\\%",
        " > ",
        "2>&1",
        "|",
        ";",
        "&",
        "\n",
        " " * 9,
    ),
    *(
        "curl ",
        "wget ",
        "-q",
        "-O-",
        "--post-data=",
        "-H ",
        "-d ",
        "@daily ",
        "CRON_TZ=",
        "A=",
        "-",
    ),
)


def _zone(text: str) -> None:
    assert documents.zone_of(text, UTC) is not None
    reading_tools._has_offset(text)
    session.zone_of(text)


CLIENTS: Final[dict[str, Parser]] = {
    "the headers of a call to a receiver": Parser(
        read=_verify,
        samples=(
            _SIGNED,
            "webhook-id:a\nwebhook-timestamp:1893456000\nwebhook-signature:v1,a v1,b",
        ),
        words=(
            "v1,",
            "\nwebhook-id:",
            "\nwebhook-timestamp:",
            "\nwakecall-lateness-ms:",
            "\xb2",
            " ",
        ),
        letters=UNDECODABLE,
        refusals=(errors.NoSignature, errors.WrongSignature, errors.Stale),
    ),
    "an answer of the service": Parser(
        read=_answer,
        samples=(
            'Link: </1/jobs?cursor=a>; rel="next"\nRetry-After: 5\n\n' + json.dumps(_PROBLEM),
            "Retry-After: Sun, 06 Nov 2094 08:49:37 GMT\nLocation: /login\n\n<html>",
        ),
        words=("<", ">", ", ", 'rel="next"', "//[", "Retry-After: ", "{", "[", "\n\n", "[" * 3000),
        drawn=grammars.HTTP_DATE.map("Retry-After: {}\n\n".format),
        letters=UNDECODABLE,
        refusals=(UnreadableAnswer,),
    ),
    "a document of the service": Parser(
        read=_model,
        samples=(json.dumps(_JOB), "[]", "null"),
        words=('{"', '":', "null", "true", "1e400", "[" * 3000, "NaN", "-1"),
        drawn=grammars.json_objects(tuple(_JOB), [_JOB]),
        letters=UNDECODABLE,
        refusals=(UnreadableAnswer,),
    ),
    "a crontab that is imported": Parser(
        read=_crontab, samples=(_CRONTAB,), words=_WORDS_OF_SHELLS, refusals=(), limit_s=_OF_FILES_S
    ),
    "a curl command of the command line": Parser(
        read=partial(_shown, import_curl.read),
        samples=(
            "curl -X PUT https://example.com/a -H 'A: b' --data-raw x -m 5 -L -u a:b # c",
            "$ curl --json '{}' \\\n --url example.com -G",
        ),
        words=_WORDS_OF_SHELLS,
        refusals=(click.ClickException,),
        limit_s=_OF_FILES_S,
    ),
    "a wget command of the command line": Parser(
        read=partial(_shown, import_wget.read),
        samples=("wget -qO- --header='A: b' --post-data=x --user=a http://example.com/b",),
        words=_WORDS_OF_SHELLS,
        refusals=(click.ClickException,),
        limit_s=_OF_FILES_S,
    ),
    "wakecall.toml": Parser(
        read=_toml,
        samples=(_TOML,),
        words=("[", "]", "[[", "{ ", " }", " = ", '"""', "${", "$$", "\n[jobs.", "2030-01-01", "'"),
        letters=UNDECODABLE,
        refusals=(click.ClickException,),
        limit_s=_OF_FILES_S,
    ),
    "a span of time": Parser(
        read=_span,
        samples=("10m", "1h30m", "1.5d"),
        words=("w", "d", "h", ".", "9" * 9),
        refusals=(ValueError,),
    ),
    "an argument of a tool of the MCP server": Parser(
        read=_zone,
        samples=grammars.ZONES,
        words=("/", "..", "\0", "~", ".tab"),
        refusals=(click.ClickException,),
    ),
    "a time of the command line": Parser(
        read=_time,
        samples=("2h", "2027-05-11", "2027-03-28T02:30", "0001-01-01", "9999-12-31T23:59:59"),
        words=("ms", "w", ".", "T", "+02:00", "Z", "-W19-3", "\xb2"),
        drawn=grammars.INSTANT,
        refusals=(click.ClickException,),
    ),
}
