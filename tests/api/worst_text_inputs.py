"""The compiled patterns that read text of clients, each with its most expensive texts."""

from __future__ import annotations

from app.api import bodies, browsers, dialects, health, logged_path, negotiation
from app.api.dapr import addresses, direct, invocations
from app.api.native.documents import audit as audit_document
from app.api.native.documents import (
    job_filter,
    request_path,
    run_cursor,
    run_filter,
)
from app.api.native.documents import job_list as job_list_document
from app.api.native.documents.job import JobDocument
from app.api.native.documents.job_list import JobList
from app.api.native.documents.redelivery import UNSUCCESSFUL
from app.api.native.routes import direct as native_direct
from app.console import booked_once, booking_form, payloads, toml_file
from app.delivery import grpc
from app.docs_site.search import Index, Unit
from app.domain import (
    call_options,
    crontab,
    idempotency,
    inbox_address,
    instants,
    key,
    target,
    token,
    user,
    zones,
)
from app.domain.native import expression
from app.domain.run import Reply
from app.service import sign_up
from tests.api.worst_dialects import DIALECTS
from tests.api.worst_documents import DOCUMENTS
from tests.api.worst_http import HTTP
from tests.worst import TextInput, repeated

INBOXES = inbox_address.InboxAddress(origin=inbox_address.read_origin("https://example.com"))
INBOX = f"https://example.com/in/{'a' * 32}"
REPLY = Reply(status=200, error=None)

INDEX = Index([Unit(slug="a", page="A", anchor="b", heading="B", text="an example of aB")])

TEXT_INPUTS: dict[str, TextInput] = {
    **DIALECTS,
    **DOCUMENTS,
    **HTTP,
    "Accept": TextInput(
        read=lambda text: negotiation.choose(text, negotiation.WITH_TEXT),
        worst=(
            repeated('\\"', after="\\"),
            repeated("a/b,"),
            repeated(";charset=utf-8", "text/xml"),
            repeated("\\a", 'text/xml;q="'),
            repeated("1", "text/xml;q=0."),
        ),
        patterns=(
            "api.negotiation._RANGE",
            "api.negotiation._ELEMENT",
            "api.negotiation._PART",
            "api.negotiation._WEIGHT",
        ),
    ),
    "the query of the documentation's search": TextInput(
        read=INDEX.find,
        worst=(repeated("a "), repeated("aB"), repeated("a"), repeated("\xe9-")),
        patterns=("docs_site.search._WORD", "docs_site.search._HUMP"),
    ),
    "the address of a Dapr job": TextInput(
        read=lambda text: direct.covers({"wsgi.url_scheme": "http", "REQUEST_URI": text}),
        worst=(
            repeated("a", "/v1.0/jobs/", "?"),
            repeated("/v1.0/jobs/"),
            repeated("%41", "/v1.0-alpha1/jobs/"),
        ),
        patterns=("api.dapr.direct._PATH",),
        # Read on the event loop.
        limit_s=0.01,
    ),
    "the query of /readyz": TextInput(
        read=health.asks_about_all,
        worst=(
            *(repeated("%41=&"), repeated("all=&"), repeated("&"), repeated("%ff")),
            # The longest that is read.
            lambda _: repeated("%41=&")(health.MAX_QUERY),
        ),
        # The ASGI application reads it in its event loop, where every other request waits.
        limit_s=0.01,
    ),
    "Idempotency-Key": TextInput(
        read=idempotency.read_key,
        worst=(repeated('\\"', '"'), repeated("a", '"'), repeated("a"), repeated('\\"', '"', '"')),
        patterns=(
            "domain.idempotency._BARE",
            "domain.idempotency._QUOTED",
            "domain.idempotency._ESCAPE",
        ),
    ),
    "an API key": TextInput(
        read=key.read,
        worst=(repeated("a", "wk_"), repeated("wk_")),
        patterns=("domain.key._SHAPE",),
    ),
    "the Host of a sidecar": TextInput(
        read=browsers._LOOPBACK.fullmatch,
        worst=(repeated("localhost"), repeated("1", "localhost:"), repeated("[::1]")),
        patterns=("api.browsers._LOOPBACK",),
    ),
    "what kind of body a path may have": TextInput(
        read=lambda path: bodies.max_size({"REQUEST_METHOD": "POST", "PATH_INFO": path}),
        worst=(
            repeated("/"),
            repeated("/", "/v1.0"),
            repeated("a", "/v1.0"),
            repeated("/jobs", "/v1.0"),
            repeated("Alpha1", "/dapr.proto.runtime.v1.Dapr/ScheduleJob"),
        ),
        patterns=("api.native.dialect.LONG_PATHS", "api.dapr.dialect.LONG_PATHS"),
    ),
    "the cursor of an audit log": TextInput(
        read=lambda text: audit_document.parse({"cursor": text}),
        worst=(repeated("9"),),
        patterns=("api.native.documents.audit._CURSOR",),
    ),
    "a line of a crontab": TextInput(
        read=crontab.split,
        worst=(repeated("*\t"), repeated(" ", "@", "x"), repeated("a b ", "* * * * *")),
    ),
    "a crontab expression": TextInput(
        read=expression.parse,
        worst=(
            repeated("1,", "", "1 * * * *"),
            repeated("@"),
            repeated(" \t", "* * * *", "*"),
            lambda _: repeated("1,", "", "1 * * * *")(200),
            lambda _: repeated("0-59,", "", "1 * * * *")(240),
            lambda _: repeated("9", "", " * * * *")(240),
            lambda _: repeated("A", "* * * ", " *")(240),
            lambda _: repeated(" \t", "* * * * ", "*")(240),
        ),
        patterns=(
            "domain.crontab.fields._ITEM",
            "domain.crontab.fields._MARKS",
            "domain.crontab.reader._FOREIGN",
        ),
    ),
    "a payload that a form shows": TextInput(
        read=lambda text: booking_form.values_of(JobDocument(data=text)),
        worst=(repeated("a"), repeated("\x01")),
        patterns=("console.booking_form._UNSENT",),
    ),
    "the key of a form": TextInput(
        read=booked_once.is_key,
        worst=(repeated("a"), repeated("0")),
        patterns=("console.booked_once._KEY",),
    ),
    "a text in wakecall.toml": TextInput(
        read=lambda text: toml_file.value({text: text}),
        worst=(repeated("a"), repeated("\x01"), repeated('"'), repeated("a", after=" ")),
    ),
    "a path as it is logged": TextInput(
        read=logged_path.without_token,
        worst=(repeated("/in/a"), repeated("a", "/in/"), repeated("/")),
        patterns=("api.logged_path._TOKEN",),
    ),
    "an e-mail address": TextInput(
        read=user.read_email,
        worst=(repeated("a"), repeated("a@"), repeated("@"), repeated("a", "a@")),
        patterns=("domain.user._EMAIL",),
    ),
    "the name of an account that is suggested for an e-mail address": TextInput(
        read=sign_up.suggest_name,
        worst=(repeated("a"), repeated("-"), repeated("a-"), repeated("@")),
        patterns=("service.sign_up._UNUSABLE",),
    ),
    "the token of a session or a link": TextInput(
        read=token.read, worst=(repeated("a"),), patterns=("domain.token._SHAPE",)
    ),
    "the URL of an inbox": TextInput(
        read=lambda text: inbox_address.is_inbox(text, INBOXES, ()),
        worst=(
            repeated("a", INBOX),
            repeated("/a", INBOX),
            repeated("/", INBOX),
            repeated("?", INBOX),
        ),
        patterns=("domain.inbox_address._TOKEN_AND_REST",),
    ),
    "the id of a key": TextInput(
        read=key.is_id, worst=(repeated("a"),), patterns=("domain.key._ID",)
    ),
    "the status that an app answers over gRPC": TextInput(
        read=lambda text: grpc.interpret(REPLY, {grpc.STATUS_FIELD: text}, truncated=False),
        worst=(repeated("9"),),
        patterns=("delivery.grpc._CODE",),
    ),
    "the content type of an app's answer to an invocation": TextInput(
        read=lambda text: invocations._answer(200, text, b""),
        worst=(repeated("a", after="\n"), repeated("\t ", after="\0")),
        patterns=("api.dapr.invocations._FIELD",),
    ),
    "whether a POST is about many jobs or runs": TextInput(
        read=lambda path: dialects.is_list("POST", path),
        worst=(
            repeated("Alpha1", "/dapr.proto.runtime.v1.Dapr/ListJobs"),
            repeated("a", "/1/runs/"),
        ),
        patterns=("api.dapr.dialect.LIST_RPCS", "api.native.dialect._REDELIVERIES"),
    ),
    "whether a path is a list": TextInput(
        read=lambda text: dialects.is_list("GET", text),
        worst=(
            repeated("/"),
            repeated("a", "/1/jobs/"),
            repeated("/runs", "/1/jobs"),
            repeated("/apps/a", "/api/apollo"),
        ),
        patterns=("api.native.dialect._LISTS", "api.fusion.dialect._LISTS"),
    ),
    "the host that a list is filtered by": TextInput(
        read=lambda text: job_filter.parse((), {job_filter.HOST: text}),
        worst=(repeated("a"), repeated("["), repeated("0", "["), repeated("0", "[", "]")),
        patterns=("api.native.documents.job_filter._HOST",),
    ),
    "an address that is too long": TextInput(
        read=dialects.address_remedy,
        worst=(repeated("/"), repeated("/1/jobs"), repeated("a", "/1/jobs")),
        patterns=("api.native.dialect._JOBS",),
    ),
    "a Dapr path": TextInput(
        read=addresses.is_dapr_path,
        worst=(repeated("/"), repeated("a", "/v1.0-"), repeated("/", "", "v1.0x")),
        patterns=("api.dapr.addresses._OURS",),
    ),
    "needless slashes": TextInput(
        read=addresses._clean,
        worst=(repeated("//a"), repeated("/"), repeated("/", "/a", "b")),
        patterns=("api.dapr.addresses._SLASHES",),
    ),
    "the path of an invocation": TextInput(
        read=addresses._INVOKED.fullmatch,
        worst=(
            repeated("/"),
            repeated("/", "/v1.0/invoke", "a"),
            repeated("/", "/v1.0/invoke/a", "method"),
            repeated("/method", "/v1.0/invoke/a"),
            repeated("/\n", "/v1.0/invoke/a/method"),
        ),
        patterns=("api.dapr.addresses._INVOKED",),
    ),
    "the path of a direct booking": TextInput(
        read=lambda text: native_direct.covers_path({"REQUEST_URI": text}),
        worst=(repeated("a", "/1/jobs/2030-", "?"), repeated("/", "/1/jobs/2030-")),
        patterns=("api.native.routes.direct._BY_PATH",),
        limit_s=0.01,
    ),
    "a path form": TextInput(
        read=lambda path: request_path.read_booking(path, b""),
        worst=(
            repeated("%25", "/1/jobs/"),
            repeated("%2", "/1/jobs/"),
            repeated("/http:", "/1/jobs/x"),
            repeated("http:/", "/1/jobs/x/http:/"),
            repeated("+a", "/1/jobs/", "/http://example.com"),
            repeated("+", "/1/jobs/2020", "/http://example.com"),
            repeated("1+11", "/1/jobs/2020", "/http://example.com"),
            repeated("9", "/1/jobs/", "/http://example.com"),
            repeated("%ff", "/1/jobs/"),
        ),
        patterns=(
            "api.dapr.addresses._BAD_ESCAPE",
            "api.native.documents.request_path._CALLBACK",
            "api.native.documents.request_path._MERGED",
            "api.native.documents.request_path._DATE",
            "api.native.documents.request_path._SPACE_FOR_PLUS",
        ),
    ),
    "a cursor of runs": TextInput(
        read=run_cursor.read, worst=(repeated("A"), repeated("="), repeated("-_"))
    ),
    "a cursor of attempts": TextInput(
        read=run_cursor.read_attempt_number,
        worst=(repeated("9"), repeated("0")),
        patterns=("api.native.documents.run_cursor._NUMBER",),
    ),
    "a cursor of jobs": TextInput(
        read=lambda text: job_list_document.read_cursor(JobList(account_id=1), text),
        worst=(repeated("A"), repeated("="), repeated("\xff")),
    ),
    "the states of runs": TextInput(
        read=lambda text: run_filter.parse({"state": [text]}, {}, allowed=UNSUCCESSFUL),
        worst=(repeated("failed,", after="failed"), repeated(","), repeated("a")),
    ),
    "the lateness of runs": TextInput(
        read=lambda text: run_filter.parse({}, {"minLatenessMs": text}, allowed=UNSUCCESSFUL),
        worst=(repeated("9"), repeated("9", "0.")),
    ),
    "the host of runs": TextInput(
        read=lambda text: run_filter.parse({}, {"host": text}, allowed=UNSUCCESSFUL),
        worst=(repeated("a"), repeated("[")),
    ),
    "a payload on a page": TextInput(
        read=lambda text: payloads.shown(text.encode()),
        worst=(repeated("["), repeated('"'), repeated('\\"', '"'), repeated("{}", "[", "]")),
        patterns=("console.payloads._TOKEN",),
    ),
    "the job of runs": TextInput(
        read=lambda text: run_filter.parse({}, {"job": text}, allowed=UNSUCCESSFUL),
        worst=(repeated("a"), repeated("0-")),
        patterns=("api.native.documents.run_filter._ID",),
    ),
    "an instant": TextInput(
        read=lambda text: instants.parse(text, member="when"),
        worst=(repeated("9"), repeated("9", "2030-01-01T00:00:00."), repeated("T")),
        patterns=("domain.instants._DATE", "domain.instants._TIME", "domain.instants._PLAIN"),
    ),
    "the longest instant": TextInput(
        read=lambda text: instants.parse(text, member="when"),
        worst=(lambda _: "2030-01-01T00:00:00." + "9" * 44,),
    ),
    "a time zone": TextInput(
        read=zones.find,
        worst=(
            repeated("a"),
            lambda _: "america/argentina/" * 3,
            lambda _: "Europe/Belrin" * 4,
            lambda _: "ae" * 32,
        ),
    ),
    "a header's name and value": TextInput(
        read=lambda text: call_options.check_headers(((text, "a"), ("a", text))),
        worst=(repeated("a"), repeated(" ", "a")),
    ),
    "a URL": TextInput(
        read=lambda text: target.judge_url(text, allow=()),
        worst=(
            repeated("a"),
            lambda _: "http://" + "a." * 1020,
            lambda _: "http://" + "1." * 1020,
            lambda _: "http://a:" + "9" * 2030,
            lambda _: "http://[" + ":" * 2030 + "]",
            lambda _: "http://a/" + "#" * 2030,
            lambda _: "a" * 2040,
        ),
        patterns=(
            "domain.target._UNFIT",
            "domain.target._WHOLE",
            "domain.target._AUTHORITY",
            "domain.target._LABEL",
            "domain.target._NUMBER",
            "domain.target._PORT",
        ),
    ),
}
