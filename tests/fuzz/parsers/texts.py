"""Texts: schedules, instants, URLs and other values, read as the table of their costliest texts."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from hypothesis.strategies import SearchStrategy

from app.api.native.documents import job_list, run_cursor
from app.api.native.documents.job_list import JobList
from app.domain.run import Position
from tests.api.worst_dialects import NOW
from tests.api.worst_http import HTTP
from tests.api.worst_text_inputs import TEXT_INPUTS
from tests.fuzz import grammars
from tests.fuzz.parser import BINARY, Parser
from tests.fuzz.parsers.documents import JOB

_SHORT: Final = 60

_DRAWN: Final[dict[str, SearchStrategy[str]]] = {
    "Accept": grammars.ACCEPT,
    "a Quartz expression": grammars.QUARTZ,
    "a crontab expression": grammars.CRONTAB,
    "a line of a crontab": grammars.sequence(grammars.CRONTAB, " curl https://example.com"),
    "a Dapr schedule": grammars.DAPR_SCHEDULE,
    "a Dapr due time": grammars.INSTANT | grammars.GO_DURATION | grammars.ISO_DURATION,
    "a protobuf duration": grammars.GO_DURATION,
    "an instant": grammars.INSTANT,
    "a URL": grammars.URL,
    "an e-mail address": grammars.EMAIL,
    "a path form": grammars.sequence(
        "/1/jobs/",
        grammars.INSTANT | grammars.QUARTZ.map(lambda text: text.replace(" ", "+")),
        "/",
        grammars.URL.map(lambda text: text.encode("ascii", "ignore").decode()),
    ),
}
_SAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "Accept": ("text/xml;q=0.9, application/json;charset=utf-8, */*;q=0.1", "*", 'a/b;c="d,e"'),
    "Idempotency-Key": ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "order-17", '"a\\"b"'),
    "an API key": ("wk_0123456789abcdefABCDEF_x",),
    "the address of a Dapr job": ("/v1.0/jobs/R2-D2", "/v1.0-alpha1/jobs/a%2Fb", "//v1.0//jobs/a"),
    "the query of /readyz": ("all", "all=1&x", "%61ll="),
    "the head of a request": (
        "POST /1/jobs?a=b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nA: \xe9\r\n",
        "GET http://example.com:80/a%2F HTTP/1.0\r\nConnection: close, upgrade\r\n",
    ),
    "a body in chunks": ("5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",),
    "the cursor of an audit log": ("17",),
    "a cursor of runs": (run_cursor.write(Position(due_at=NOW, id=UUID(int=1))),),
    "a cursor of attempts": ("17",),
    "a cursor of jobs": (job_list.write_cursor(JobList(account_id=1), UUID(int=1)),),
    "the longest instant": ("2030-01-01T00:00:00.999999999999999999+23:59",),
    "a rotation": ('{"overlap": 86400}',),
    "a job in XML": (f"<job><url>{JOB['url']}</url><when>2094-05-11T15:30:00Z</when></job>",),
    "a time zone": grammars.ZONES,
    "an instant": ("2011-05-11T15:30:00Z", "20110511T153000,25+0200", "2011-W19-3T24:00"),
    "a URL": (
        "https://example.com:8443/wake?a=b",
        "http://[2001:db8::1]/",
        "http://b\xfccher.example",
    ),
    "a Quartz expression": (
        "0 15 10 ? * 6#3 2030-2040",
        "0 0/5 14,18 L-3 JAN-MAR ?",
        "0 0 0 LW * ?",
    ),
    "a crontab expression": ("*/15 9-17 * * MON-FRI", "0 0 1,15 * 7", "@daily"),
    "a Dapr schedule": ("TZ=Europe/Rome 0 30 * * * *", "@every 1h30m", "@yearly"),
    "a Dapr due time": ("2030-01-01T00:00:00Z", "1h30m", "P1DT2H", "R3/PT30S"),
    "a protobuf duration": ("1.5s", "30s", "1h", "-1s"),
    "a Fusion resource": ("task:clean-up", "datasource:a"),
    "the host that a list is filtered by": grammars.HOSTS,
    "the states of runs": ("failed,dead", "failed"),
    "the lateness of runs": ("1.5", "250"),
    "the job of runs": ("01890a5d-ac96-774b-bcce-b302099a8057",),
    "an e-mail address": ("ada@example.com",),
    "a path form": (
        "/1/jobs/2094-05-11T15%3A30%3A00Z/https%3A%2F%2Fexample.com%2Fwake",
        "/1/jobs/0+15+10+?+*+*/http:/example.com",
        "/1/jobs/@daily/http://example.com/%252f",
    ),
}
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "the head of a request": ("\r\n", "\n", " HTTP/1.1", ": ", "Transfer-Encoding: chunked", "\0"),
    "a body in chunks": ("\r\n", ";", "0\r\n", "ffffffffffffffff", "\n", "=", '"'),
    "Accept": (";q=", '"', "\\", ",", "*/*", "text/"),
    "a Quartz expression": (*grammars.CRON_ATOMS, " ", ",", "-", "/", "#"),
    "a crontab expression": (*grammars.CRON_ATOMS, " ", ",", "-", "/", "@every "),
    "a Dapr schedule": (*grammars.CRON_ATOMS, "TZ=", "CRON_TZ=", "@every ", "1h", " ", "/"),
    "a Dapr due time": ("P", "T", "R5/", "1D", "h", "ms", "-", "+02:00", "."),
    "an instant": ("T", "Z", "-W", "+02:00", ".", ",", "24:00", "-366"),
    "a time zone": ("/", "_", "Europe", "..", "+"),
    "a URL": ("//", "@", ":", "[", "]", "%", "\\", "#", "?", ".", "xn--", "0x", "::"),
    "a path form": ("%2F", "%25", "+", "/http:/", "https://", "%", "%ff", "T", "*", "@"),
}
# These are tables of patterns alone: they neither refuse nor compute anything.
_MATCHES: Final = ("the Host of a sidecar", "a Dapr app's id", "the path of an invocation")


def _of(name: str) -> Parser:
    text_input = TEXT_INPUTS[name]
    short = tuple(str(worst(_SHORT)) for worst in text_input.worst)
    return Parser(
        read=text_input.read,
        samples=(*_SAMPLES.get(name, ()), *(each for each in short if len(each) < 20 * _SHORT)),
        words=_WORDS.get(name, ()),
        drawn=_DRAWN.get(name),
        letters=BINARY if name in _IN_BYTES else Parser.letters,
        limit_s=text_input.limit_s,
    )


_IN_BYTES: Final = ("a path form", "the address of a Dapr job", *HTTP)
"""Read of bytes, for which characters of ISO-8859-1 stand, as WSGI has them."""

TEXTS: Final = {name: _of(name) for name in TEXT_INPUTS if name not in _MATCHES}
