"""The compiled patterns that read text of clients, each with its most expensive texts."""

from __future__ import annotations

from app.api import bodies, browsers, dialects, health, logged_path, negotiation
from app.api.dapr import addresses
from app.api.native.codecs import xml_encoding
from app.api.native.codecs.reader import Body
from app.api.native.documents import audit as audit_document
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import completion as completion_document
from app.api.native.documents import job as job_document
from app.api.native.documents import (
    job_filter,
    payload,
    redelivery,
    request_path,
    run_cursor,
    run_filter,
)
from app.api.native.documents import job_list as job_list_document
from app.api.native.documents import rotation as rotation_document
from app.api.native.documents.job import JobDocument
from app.api.native.documents.job_list import JobList
from app.api.native.documents.redelivery import UNSUCCESSFUL
from app.api.xml_text import printable
from app.console import booking_form, payloads
from app.delivery import grpc
from app.domain import (
    booking,
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
from tests.api.native.job_documents import read_json, read_xml
from tests.api.worst_dialects import DIALECTS
from tests.worst import TextInput, numbered, repeated

INBOXES = inbox_address.InboxAddress(origin=inbox_address.read_origin("https://example.com"))
INBOX = f"https://example.com/in/{'a' * 32}"
REPLY = Reply(status=200, error=None)
JOB = '{"url":"http://example.com/","when":"2031-01-01T00:00:00Z"}'
JOB_XML = "<job><url>http://example.com/</url><when>2031-01-01T00:00:00Z</when></job>"


def as_json(text: str) -> Body:
    return Body(text.encode(), negotiation.JSON)


def as_xml(text: str) -> Body:
    return Body(text.encode(), negotiation.XML_TEXT)


def job_json(text: str) -> None:
    booking.check(job_document.to_booking(read_json(text.encode())), allow=())


def job_xml(text: str) -> None:
    booking.check(job_document.to_booking(read_xml(text.encode())), allow=())


TEXT_INPUTS: dict[str, TextInput] = {
    **DIALECTS,
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
        patterns=("domain.instants._DATE", "domain.instants._TIME"),
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
    "a job in JSON": TextInput(
        read=job_json,
        worst=(
            repeated("["),
            repeated('{"a":'),
            numbered('"a%d":1', "{", "}"),
            repeated('"a":1,', "{", '"a":1}'),
            numbered('"a%d":1', "{", ',"a0":1}'),
            repeated("\\u0041", '{"url":"', '"}'),
            repeated("1", '{"timeout":', "}"),
            numbered('"a%d":"1"', JOB[:-1] + ',"headers":{', "}}"),
            numbered('"a%d"', JOB[:-1] + ',"tags":[', "]}"),
            repeated("1,", JOB[:-1] + ',"retry":{"schedule":[', "1]}}"),
            repeated("a b", JOB[:-1] + ',"signature":"', '"}'),
            repeated(" ", after="x"),
            repeated("\n", "{"),
            repeated("\\\\", '{"a":"'),
            repeated("A", JOB[:-1] + ',"dataEncoding":"base64","data":"', '"}'),
            repeated("\\n", JOB[:-1] + ',"dataEncoding":"base64","data":"', '"}'),
        ),
        patterns=(
            "api.native.codecs.schema._NUMBER",
            "domain.call_options._TOKEN",
            "domain.call_options._VISIBLE",
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
    "jobs in JSON": TextInput(
        read=lambda text: bulk_document.read(as_json(text)),
        worst=(
            repeated("{},", "["),
            repeated(" ", "["),
            repeated(JOB + ",", "[", JOB + "]"),
            repeated(JOB + "," + " " * 100, "[", JOB + "]"),
            repeated(JOB + " " * 100, "["),
        ),
        patterns=(
            "api.native.documents.bulk._BEGINNING",
            "api.native.documents.bulk._AFTER_ELEMENT",
        ),
    ),
    "a completion in JSON": TextInput(
        read=lambda text: completion_document.read(as_json(text)),
        worst=(
            repeated("a", '{"status":"failed","message":"', '"}'),
            numbered('"a%d":"1"', "{", "}"),
            repeated("a", '{"status":"', '"}'),
        ),
    ),
    "a redelivery in JSON": TextInput(
        read=lambda text: redelivery.read(as_json(text)),
        worst=(
            repeated('"failed",', '{"state":[', '"dead"]}'),
            repeated("failed,", '{"state":"', 'dead"}'),
        ),
    ),
    "a redelivery in XML": TextInput(
        read=lambda text: redelivery.read(as_xml(text)),
        worst=(repeated("<state>failed</state>", "<redelivery>", "</redelivery>"),),
    ),
    "a rotation": TextInput(
        read=lambda text: rotation_document.read_overlap(as_json(text)),
        worst=(repeated("9", '{"overlap":', "}"), repeated("0", '{"overlap":0.', "}")),
    ),
    "payload in base64": TextInput(
        read=lambda text: payload.to_bytes(text, "base64"),
        worst=(repeated("A"), repeated("="), repeated("\n")),
    ),
    "an XML declaration": TextInput(
        read=lambda text: xml_encoding.decode(text.encode(), None),
        worst=(
            repeated(" ", '<?xml version="1.0"', "x"),
            repeated("a", '<?xml version="1.0" encoding="a', "x"),
            repeated(" ", '<?xml version="1.0" encoding="a"', "x"),
            repeated("1", "<?xml version='1."),
            repeated(" ", "<?xml", "x"),
            repeated("<!---->", after="<job/>"),
            repeated("<!--"),
            repeated("<?"),
            repeated("<?a?>"),
            repeated(" \n"),
            repeated("-", "<!--"),
        ),
        patterns=(
            "api.native.codecs.xml_encoding._DECLARATION",
            "api.native.codecs.xml_encoding._ANY_DECLARATION",
            "api.native.codecs.xml_encoding._BEFORE_ROOT",
        ),
    ),
    "a text that XML may not hold": TextInput(
        read=printable, worst=(repeated("\0"), repeated("a\0")), patterns=("api.xml_text._UNFIT",)
    ),
    "a job in XML": TextInput(
        read=job_xml,
        worst=(
            numbered(' xmlns:n%d="u"', "<job", "/>", separator=""),
            numbered(' a%d="u"', "<job", "/>", separator=""),
            repeated("&#65;", "<job><data>", "</data></job>"),
            repeated("&amp;", "<job><data>", "</data></job>"),
            repeated("&a;", "<job><data>", "</data></job>"),
            repeated("<![CDATA[a]]>b", "<job><data>", "</data></job>"),
            repeated("<!--a-->b", "<job><data>", "</data></job>"),
            repeated("<?a?>", "<job>", "</job>"),
            repeated("<a/>", "<job>", "</job>"),
            repeated("<a/>x", "<job>", "</job>"),
            repeated("<a:b/>", "<job>", "</job>"),
            repeated("<tag/>", "<job><tags>", "</tags></job>"),
            numbered('<header name="%d"/>', "<job><headers>", "</headers></job>", separator=""),
            repeated("<wait>5</wait>", "<job><retry><schedule>", "</schedule></retry></job>"),
            repeated("x", "<job><data>", "</data></job>"),
            repeated("\r\n", "<job><data>", "</data></job>"),
            repeated("<a>", "<job>"),
            repeated("a", "<job><", "/></job>"),
            repeated("<"),
            repeated("]]", "<job>"),
        ),
    ),
    "jobs in XML": TextInput(
        read=lambda text: bulk_document.read(as_xml(text)),
        worst=(
            repeated(JOB_XML, "<jobs>", "</jobs>"),
            repeated("<job/>", "<jobs>", "</jobs>"),
            repeated("<!---->", f"<jobs>{JOB_XML}", "</jobs>"),
        ),
    ),
}
