import json
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from lxml import etree

from app.api.native.codecs.reader import Body
from app.api.native.documents import bulk as bulk_document
from app.domain.job import Booking
from app.errors import Refused
from tests.api.golden import golden
from tests.api.native.booked import JSON, OFTEN, ONCE, ids, xml_of
from tests.api.native.test_codecs import RECURRING, SINGLE
from tests.factories import connect

JSON_TYPE = "application/json"
FORMATS = (JSON_TYPE, "text/xml", "application/xml")


def body_of(documents: list[dict[str, Any]], media_type: str) -> bytes:
    if media_type == JSON_TYPE:
        return json.dumps(documents).encode()
    return b"<jobs>" + b"".join(xml_of(each) for each in documents) + b"</jobs>"


def refusal(body: bytes | str, media_type: str = JSON_TYPE) -> Refused:
    with pytest.raises(Refused) as caught:
        bulk_document.read(Body(body if isinstance(body, bytes) else body.encode(), media_type))
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("media_type", "suffix"),
    [("text/plain", "txt"), (JSON_TYPE, "json"), ("text/xml", "xml"), ("application/xml", "xml")],
)
def test_jobs_are_written_each_as_one_is(media_type: str, suffix: str) -> None:
    assert bulk_document.write([SINGLE, RECURRING], media_type) == golden(f"bulk.response.{suffix}")


@pytest.mark.parametrize(("media_type", "suffix"), [(JSON_TYPE, "json"), ("text/xml", "xml")])
def test_jobs_are_read_each_as_one_is(media_type: str, suffix: str) -> None:
    assert bulk_document.read(Body(golden(f"bulk.request.{suffix}"), media_type)) == [
        Booking(
            url=job.booking.url,
            trigger=job.booking.trigger,
            signature=job.booking.signature,
            content_type=job.booking.content_type,
            data=job.booking.data,
        )
        for job in (SINGLE, RECURRING)
    ]
    assert len(bulk_document.read(Body(golden(f"bulk.response.{suffix}"), media_type))) == 2


@pytest.mark.parametrize("media_type", FORMATS)
@pytest.mark.parametrize("accept", ["text/plain", *FORMATS])
def test_all_are_booked_and_answered_in_their_order(
    client: FlaskClient, media_type: str, accept: str
) -> None:
    documents = [
        {**(OFTEN if number % 3 else ONCE), "url": f"https://example.com/{number}"}
        for number in range(20)
    ]
    answer = client.post(
        "/1/jobs/bulk",
        data=body_of(documents, media_type),
        headers={"Content-Type": media_type, "Accept": accept},
    )
    assert answer.status_code == 201, answer.text
    assert answer.content_type.partition(";")[0] == accept
    assert "Accept" in answer.vary
    assert "Location" not in answer.headers
    if accept == "text/plain":
        returned = answer.text.split(",")
    elif accept == JSON_TYPE:
        returned = [each["id"] for each in answer.get_json()]
    else:
        returned = [str(each.text) for each in etree.fromstring(answer.data).iterfind("job/id")]
    assert returned == ids(client)
    for job_id, document in zip(returned, documents, strict=True):
        stored = client.get(f"/1/jobs/{job_id}", headers=JSON).get_json()
        assert stored.items() >= {**document, "account": "account-1"}.items()
        assert ("next" in stored) == ("cron" in document)


def test_jobs_that_are_stored_at_the_second_try_are_those_that_are_answered(
    client: FlaskClient, database: str
) -> None:
    client.post("/1/jobs/bulk", json=[ONCE])
    with connect(database) as connection:
        # No slot of the account has room, though its limit is not reached: room is made, and the
        # jobs are booked anew.
        assert connection.execute("UPDATE usage_slot SET jobs_quota = jobs").rowcount > 0

    answer = client.post("/1/jobs/bulk", json=[ONCE, OFTEN], headers=JSON)

    assert answer.status_code == 201, answer.text
    assert [each["id"] for each in answer.get_json()] == ids(client)[1:]


def test_a_job_booked_in_bulk_is_what_one_booked_alone_is(
    client: FlaskClient, database: str
) -> None:
    documents = [
        {**OFTEN, "signature": "s", "contentType": "a/b", "data": "é", "id": "x", "next": "y"},
        {**OFTEN, "enabled": False},
        {**ONCE, "data": "AP8=", "dataEncoding": "base64"},
        ONCE,
    ]
    alone = [client.post("/1/jobs", json=each, headers=JSON).get_json() for each in documents]
    together = client.post("/1/jobs/bulk", json=documents, headers=JSON).get_json()
    assert [{**one, "id": ""} for one in together] == [{**one, "id": ""} for one in alone]
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT job.account_id, job.version, url, signature, content_type, data, trigger,"
            " enabled, due.account_id, due.version, recurring, next_at, slot"
            " FROM job JOIN due ON due.job_id = job.id ORDER BY job.id"
        ).fetchall()
    assert rows[:4] == rows[4:]
    assert len(rows) == 8


@pytest.mark.parametrize("accept", FORMATS)
@pytest.mark.parametrize(
    ("wrong", "member", "status"),
    [
        ({"url": "ftp://example.com/"}, "[2].url", 400),
        ({"cron": "0 0/5 * * * ?"}, "[2].cron", 400),
        ({"when": "2011-05-11T15:30:00Z"}, "[2].when", 400),
        ({"callback": "x"}, "[2].callback", 400),
        ({"data": "x" * 2049}, "[2].data", 413),
        ({"signature": "x" * 65_537}, "[2]", 413),
        ({"url": "http://10.0.0.1/"}, "[2].url", 400),
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "text/xml"])
def test_one_that_is_wrong_is_named_by_its_place_and_none_is_booked(
    client: FlaskClient,
    media_type: str,
    wrong: dict[str, str],
    member: str,
    status: int,
    accept: str,
) -> None:
    good = {"url": "https://example.com/"}
    third = {**good, **wrong} if wrong.keys() & {"when", "cron"} else {**ONCE, **wrong}
    answer = client.post(
        "/1/jobs/bulk",
        data=body_of([ONCE, OFTEN, third, OFTEN], media_type),
        headers={"Content-Type": media_type, "Accept": accept},
    )
    assert answer.status_code == status, answer.text
    if accept == JSON_TYPE:
        problem = answer.get_json()
    else:
        problem = {each.tag.partition("}")[2]: each.text for each in etree.fromstring(answer.data)}
    assert problem["member"] == member
    assert problem["detail"].startswith("Job 2 (counted from 0): ")
    assert problem["remedy"]
    assert ids(client) == []


@pytest.mark.parametrize(
    ("body", "said", "member"),
    [
        ("", "The body is empty.", None),
        ("[]", "The document contains no jobs.", None),
        (" [ ] ", "The document contains no jobs.", None),
        ("[] x", "Extra data (line 1, column 4)", None),
        ("{}", "The document is an object, not an array.", None),
        ('"[]"', "The document is a string, not an array.", None),
        ("17", "The document is a number, not an array.", None),
        ("[", "The document is not JSON: Expecting value (line 1, column 2).", None),
        ("[{}", "url is missing", "[0].url"),
        ("GOOD,", "Expecting value", None),
        ("GOOD,]", "value", None),
        ("GOOD GOOD]", "Expecting ',' delimiter", None),
        ("GOOD}", "Expecting ',' delimiter", None),
        ("GOOD] ]", "Extra data", None),
        ("GOOD,\n\n 17]", "The document is a number, not an object.", "[1]"),
        ("GOOD,null]", "The document is null, not an object.", "[1]"),
        ("GOOD,[{}]]", "The document is an array, not an object.", "[1]"),
        ('GOOD,{"url":"a","url":"b"}]', 'The member "url" is given more than once.', "[1].url"),
        ('GOOD,{"data":NaN}]', "The document contains NaN", "[1]"),
        ('GOOD,{"data":17}]', "data is a number, not a string.", "[1].data"),
        ("GOOD,{}]", "url is missing", "[1].url"),
        ("GOOD,\n{'a':1}]", "(line 2, column 2)", None),
        ("[" * 100_000, "nested too deeply", None),
        (b"\xff", "not UTF-8", None),
        (b"\xef\xbb\xbf[]", "The document contains no jobs.", None),
    ],
)
def test_a_body_that_is_not_an_array_of_objects_is_refused(
    body: str | bytes, said: str, member: str | None
) -> None:
    if isinstance(body, str) and "GOOD" in body:
        body = body.replace("GOOD", "[" + json.dumps(ONCE), 1).replace("GOOD", json.dumps(ONCE))
    refused = refusal(body)
    assert said in refused.message
    assert refused.member == member


GOOD = xml_of(ONCE).decode()


@pytest.mark.parametrize(
    ("body", "said", "member"),
    [
        ("", "The body is empty.", None),
        ("<jobs/>", "The document contains no jobs.", None),
        ("<jobs> <!-- a --> </jobs>", "The document contains no jobs.", None),
        (GOOD, 'The root element is "job".', None),
        (f'<jobs xmlns="a">{GOOD}</jobs>', 'The element "jobs" declares a namespace.', "jobs"),
        (f'<jobs a="b">{GOOD}</jobs>', 'attribute "a"', "jobs"),
        (f"<jobs>{GOOD} x</jobs>", 'text between the elements: "x"', None),
        (f"<jobs>{GOOD}<id>x</id></jobs>", 'The element is "id".', "[1]"),
        (f"<jobs>{GOOD}<job a='b'/></jobs>", "attribute", "[1].job"),
        (f"<jobs>{GOOD}<job>x</job></jobs>", "text between the elements", "[1]"),
        (f"<jobs>{GOOD}<job><url>a</url><url/></job></jobs>", "more than once", "[1].url"),
        (f"<jobs>{GOOD}<job/></jobs>", "url is missing", "[1].url"),
        (f"<jobs>{GOOD}", "not well-formed", None),
        (f"<!DOCTYPE jobs><jobs>{GOOD}</jobs>", "DOCTYPE", None),
    ],
)
def test_a_root_that_is_not_jobs_is_refused(body: str, said: str, member: str | None) -> None:
    refused = refusal(body, "text/xml")
    assert said in refused.message
    assert refused.member == member


@pytest.mark.parametrize("media_type", ["application/json", "text/xml"])
def test_a_thousand_jobs_are_taken_and_one_more_is_not(
    client: FlaskClient, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    thousand = client.post("/1/jobs/bulk", data=body_of([ONCE] * 1000, media_type), headers=headers)
    assert thousand.status_code == 201
    assert thousand.text.split(",") == ids(client)
    assert len(ids(client)) == 1000
    more = client.post("/1/jobs/bulk", data=body_of([ONCE] * 1001, media_type), headers=headers)
    assert (more.status_code, more.get_json()["type"]) == (400, "/problems/malformed-document")
    assert "more than 1000 jobs" in more.get_json()["detail"]
    assert len(ids(client)) == 1000


@pytest.mark.parametrize("media_type", ["application/json", "text/xml"])
def test_the_whole_may_have_4_mib_and_each_document_64_kib(
    client: FlaskClient, media_type: str
) -> None:
    def sent(padding: int, total: int) -> Any:
        blank = {} if media_type == JSON_TYPE else {"data": " " * padding}
        body = body_of([{**ONCE, **blank}], media_type)
        if media_type == JSON_TYPE:
            body = body.replace(b'"url"', b" " * padding + b'"url"')
        return client.post(
            "/1/jobs/bulk", data=body.ljust(total), headers={"Content-Type": media_type}
        )

    whole = 4 * 1024 * 1024
    assert sent(0, whole).status_code == 201
    assert sent(0, whole + 1).status_code == 413
    document = sent(64 * 1024, 0)
    assert (document.status_code, document.get_json()["member"]) == (413, "[0]")
    assert "65536" in document.get_json()["remedy"]


def test_the_path_offers_post_alone_and_hides_no_path_form(client: FlaskClient) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answer = client.open("/1/jobs/bulk", method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    assert client.options("/1/jobs/bulk").status_code == 204
    answer = client.post("/1/jobs/bulk/https%3A%2F%2Fexample.com")
    assert (answer.status_code, answer.get_json()["member"]) == (400, "when")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-API-Key": "x"}, 401),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "text/xml; charset=latin-2"}, 415),
        ({"Accept": "image/png"}, 406),
    ],
)
def test_what_holds_for_one_holds_for_many(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post(
        "/1/jobs/bulk",
        data=json.dumps([ONCE]),
        headers={"Content-Type": JSON_TYPE, **headers},
    )
    assert answer.status_code == status
    assert ids(client) == []


def test_a_dry_run_checks_all_and_stores_none(client: FlaskClient) -> None:
    zoned = {**OFTEN, "timezone": "Europe/Berlin"}
    answer = client.post("/1/jobs/bulk?dryRun=true", json=[ONCE, zoned], headers=JSON)
    assert answer.status_code == 200
    assert "Wakecall-Tzdata" in answer.headers
    first, second = answer.get_json()
    assert "id" not in first
    assert second["timezone"] == "Europe/Berlin"
    response = client.post(
        "/1/jobs/bulk?dryRun=true", json=[ONCE], headers={"Accept": "text/plain"}
    )
    assert response.data == b""
    named = {**OFTEN, "name": "taken"}
    assert client.post("/1/jobs", json=named).status_code == 201
    refused = client.post("/1/jobs/bulk?dryRun=true", json=[ONCE, named], headers=JSON)
    assert (refused.status_code, refused.get_json()["member"]) == (409, "[1].name")
    refused = client.post("/1/jobs/bulk", json=[ONCE, named], headers=JSON)
    assert (refused.status_code, refused.get_json()["member"]) == (409, "[1].name")
    twice = client.post("/1/jobs/bulk", json=[{**ONCE, "name": "a"}] * 2, headers=JSON)
    assert (twice.status_code, twice.get_json()["member"]) == (409, "[1].name")
    assert len(ids(client)) == 1


@pytest.mark.parametrize(
    ("wrong", "member"),
    [
        ({**ONCE, "url": "ftp://x"}, "url"),
        ({**ONCE, "when": "2001-01-01T00:00Z"}, "when"),
        ({**ONCE, "name": " "}, "name"),
    ],
)
@pytest.mark.parametrize("later", [{**ONCE, "when": "x"}, {**ONCE, "foo": "x"}, {"url": 1}, 17])
def test_the_first_that_is_wrong_is_named_also_where_a_later_one_cannot_be_read(
    client: FlaskClient, wrong: dict[str, Any], member: str, later: Any
) -> None:
    refused = client.post("/1/jobs/bulk", json=[ONCE, wrong, later], headers=JSON)
    assert (refused.status_code, refused.get_json()["member"]) == (400, f"[1].{member}")
    assert refused.get_json()["detail"].startswith("Job 1 (counted from 0):")
    refused = client.post("/1/jobs/bulk", json=[ONCE, later, wrong], headers=JSON)
    assert refused.get_json()["member"].startswith("[1]")
    assert ids(client) == []
