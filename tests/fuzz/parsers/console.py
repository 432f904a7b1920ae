"""Console: fields of its forms, its queries and what is pasted into it."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlencode
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from app.api.native.documents import audit, inbox, job_filter, job_list, run_filter
from app.api.native.documents.job_list import JobList
from app.console import (
    access,
    booking_form,
    csrf,
    curl_import,
    job_query,
    run_query,
    snippets,
)
from app.console.pages import display, find
from app.domain import crontab, user
from app.domain.run import RunState
from tests.api.worst_dialects import NOW
from tests.fuzz import grammars
from tests.fuzz.parser import Parser
from tests.fuzz.parsers.documents import _CRON, JOB

_ZONE: Final = ZoneInfo("Europe/Berlin")
_KEY: Final = "k" * 32
_FORM: Final = {
    "how": "cron",
    "cron": "0 15 10 ? * *",
    "timezone": "Europe/Berlin",
    "url": "https://example.com/wake",
    "headers": "X-Team: billing\r\nX-Other: b",
    "tags": "a, b",
    "timeout": "2.5",
    "retry": "custom",
    "retryWaits": "1, 5, 60",
    "retryMaxAge": "1e5",
    "misfireWindow": "60",
    "data": '{"a": 1}',
    "paused": "on",
}
_CURL: Final = (
    "curl -sSXPOST 'https://example.com/wake?a=b' -H 'X-Team: billing' "
    "--data-raw '{\"a\": 1}' -u ada:secret --max-time 5 \\\n -L"
)


def _form(text: str) -> None:
    """Read the fields of the form of a job, and show what the page shows beside them."""
    values = booking_form.normalized(dict(parse_qsl(text, keep_blank_values=True)))
    members = booking_form.members(values)
    snippets.all_of("https://example.com", "acme", members)
    document = booking_form.read(members)
    booking_form.values_of(document)


def _curl(text: str) -> None:
    if curl_import.is_command(text):
        booking_form.members(curl_import.read(text).values)
    crontab.split(text)


def _runs(text: str) -> None:
    args = parse_qs(text)
    found = run_query.parse(args, zone=_ZONE, now=NOW)
    found.address(older="x")
    run_query.local_text(found.wanted.after, _ZONE)
    run_query.position(args.get("older", [None])[0])
    run_query.ids(args.get("id", ()))
    once = {name: values[0] for name, values in args.items()}
    repeated = {name: args.get(name, []) for name in run_filter.REPEATED}
    run_filter.parse(repeated, once, allowed=tuple(RunState))


def _jobs(text: str) -> None:
    sent = MultiDict(parse_qsl(text))
    query = job_query.read(sent)
    query.position(1)
    query.url(sort="x")
    job_filter.parse(sent.getlist("tag"), sent)
    if "cursor" in sent:
        job_list.read_cursor(JobList(account_id=1), sent["cursor"])


def _lists(text: str) -> None:
    """Read the queries of the audit log and of the calls of an inbox."""
    sent = dict(parse_qsl(text))
    audit.parse(sent)
    inbox.parse_cursor(sent)
    inbox.parse_tail(sent)
    inbox.parse_number(sent.get("cursor", ""))


def _path(text: str) -> None:
    access.is_own_path(text)
    display.same_site(text)
    find._id_in(text)


def _user(text: str) -> None:
    user.check_password(text)
    user.read_email(text)


CONSOLE: Final[dict[str, Parser]] = {
    "the form of a job": Parser(
        read=_form,
        samples=(urlencode(_FORM), urlencode({**_FORM, "how": "at", "when": "2094-05-11T15:30Z"})),
        words=(
            *(f"&{each}=" for each in booking_form.FIELDS),
            "%0D%0A",
            "%00",
            "%ff",
            "+",
            "1e400",
        ),
    ),
    "a curl command that is pasted": Parser(
        read=_curl,
        samples=(_CURL, "$ curl example.com -d @file", "0 5 * * * curl -G -d a=b http://a/"),
        words=("-H ", "'", '"', "\\\n", "$'", "--json ", "-d ", "-u ", "@", "--", "-", "=", "\\"),
    ),
    "the query of a list of runs": Parser(
        read=_runs,
        samples=(
            "state=failed,dead&after=2030-01-01T00:00&within=&host=example.com&minLatenessMs=5",
            "job=01890a5d-ac96-774b-bcce-b302099a8057&kind=manual&lastStatus=5xx&within=24h",
            "older=AAAA&id=01890a5d-ac96-774b-bcce-b302099a8057&before=9999-12-31T23:59",
            "after=0001-01-01T00:00",
        ),
        words=("&state=", "&after=", "&before=", "&older=", "&id=", "&within=7d", "%00", "=="),
        drawn=grammars.INSTANT.map("after={}".format),
    ),
    "the query of a list of jobs": Parser(
        read=_jobs,
        samples=(
            "tag=a&tag=b&namePrefix=in&dialect=native&host=example.com&sort=name",
            "enabled=true&failing=true&kind=once&endpoint=a&cursor=AAAA&sort=next",
        ),
        words=("&cursor=", "&sort=next", "&sort=name", "&tag=", "%00", "%F0%9F", "AAAA", "-_"),
    ),
    "the queries of other lists": Parser(
        read=_lists,
        samples=(
            "action=key.create&key=0123456789&after=2030-01-01T00:00Z",
            "wait=25",
            "cursor=17&user=ada%40example.com",
        ),
        words=("&cursor=", "&user=", "&wait=", "\xb2", "9" * 18),
    ),
    "a path to go on to": Parser(
        read=_path,
        samples=(
            "/console/jobs?a=b#c",
            "/console//[",
            "//example.com",
            "/console/runs/01890a5d-ac96-774b-bcce-b302099a8057",
        ),
        words=("//", "\\", "[", "]", "@", "..", "\t", "http:", "{", "urn:uuid:"),
    ),
    "a user's address and password": Parser(
        read=_user,
        samples=("ada@example.com", "correct horse battery staple"),
        drawn=grammars.EMAIL,
    ),
    "the notices of a browser": Parser(
        read=lambda text: csrf._read_notices(_KEY, text),
        samples=(str(csrf._serializer(_KEY).dumps([["message", "a"]])), ".eJw"),
        words=(".", "-", "_", "="),
    ),
    "a job in other words": Parser(
        read=lambda text: [
            snippets.all_of("https://example.com", text, {**each, text: text, "url": text})
            for each in (JOB, _CRON)
        ],
        samples=("https://example.com", "$a 'b' \"c\" \\"),
        words=("'", '"', "\\", "$", "${", "`", "\n", "</script>"),
    ),
}
