import json

import pytest
from flask.testing import FlaskClient
from lxml import etree

from tests.api.native.booked import ABSENT, JSON, ONCE, booked, ids, xml_of

NOWHERE = (
    "/",
    "/1",
    "/1/",
    "/1/jobs/",
    "/1/jobs/abc",
    "/1/jobs/1",
    "/1/jobs/by-name",
    f"/1/jobs/{ABSENT}/",
    f"/1/jobs/{ABSENT}/run",
    f"/1/jobs/{ABSENT}/runs/",
    f"/1/jobs/{ABSENT}x",
    f"/1/jobs/{{{ABSENT}}}",
    f"/1/jobs/{ABSENT.replace('-', '')}",
    f"/1/jobs/urn:uuid:{ABSENT}",
    "/1/jobs/%00",
    "/1/jobs/%ff%fe",
    "/1/jobs/%0d%0aX: y",
    "//1/jobs",
    "/1//jobs",
    "/1/runs/abc",
    "/2/jobs",
    "/index.html",
    "/static/x",
)


def test_where_there_is_nothing_the_answer_is_a_problem_not_html(client: FlaskClient) -> None:
    for path in NOWHERE:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            answer = client.open(path, method=method)
            assert answer.status_code == 404, (method, path)
            assert answer.content_type == "application/problem+json"
            assert method == "HEAD" or answer.get_json()["status"] == 404


OFFERED = (
    ("/1/jobs", "GET, HEAD, OPTIONS, POST"),
    (f"/1/jobs/{ABSENT}", "DELETE, GET, HEAD, OPTIONS, PUT"),
    (f"/1/jobs/{ABSENT}/runs", "GET, HEAD, OPTIONS"),
    ("/1/jobs/2030-01-01T00%3A00Z/http%3A%2F%2Fa", "OPTIONS, POST"),
    ("/1/jobs/by-name/a", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ("/1/jobs/by-name/", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ("/1/jobs/by-name/http%3A%2F%2Fa", "DELETE, GET, HEAD, OPTIONS, PUT"),
    (f"/1/jobs/by-name/{ABSENT}/runs", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ("/1/jobs/by-names/http%3A%2F%2Fa", "OPTIONS, POST"),
    (f"/1/jobs/{ABSENT}/fire", "OPTIONS, POST"),
    (f"/1/jobs/{ABSENT}/pause", "OPTIONS, POST"),
    (f"/1/jobs/{ABSENT}/resume", "OPTIONS, POST"),
    ("/1/runs", "GET, HEAD, OPTIONS"),
    ("/1/runs/counts", "GET, HEAD, OPTIONS"),
    ("/1/upcoming", "GET, HEAD, OPTIONS"),
    ("/1/runs/redeliver", "OPTIONS, POST"),
    (f"/1/runs/{ABSENT}", "GET, HEAD, OPTIONS"),
    (f"/1/runs/{ABSENT}/redeliver", "OPTIONS, POST"),
    ("/1/secrets", "GET, HEAD, OPTIONS"),
    ("/1/secrets/rotate", "OPTIONS, POST"),
    ("/1/audit", "GET, HEAD, OPTIONS"),
    ("/1/keys", "GET, HEAD, OPTIONS, POST"),
    ("/1/keys/0000000000", "DELETE, GET, HEAD, OPTIONS"),
    ("/1/accuracy", "GET, HEAD, OPTIONS"),
    ("/1/preview", "OPTIONS, POST"),
    ("/healthz", "GET, HEAD, OPTIONS"),
    ("/schemas/job.xsd", "GET, HEAD, OPTIONS"),
)


def test_options_and_405_list_the_methods_offered(client: FlaskClient) -> None:
    for path, allowed in OFFERED:
        asked = client.options(path)
        assert (asked.status_code, asked.data) == (204, b"")
        assert asked.headers["Allow"] == allowed
        assert "Content-Type" not in asked.headers
        for method in ("PATCH", "TRACE", "BREW", "PUT" if "PUT" not in allowed else "POST"):
            refused = client.open(path, method=method)
            assert refused.status_code == 405
            assert refused.get_json()["type"] == "/problems/method-not-offered"
            assert refused.headers["Allow"] == allowed


def test_an_empty_list_in_every_format(client: FlaskClient) -> None:
    for accept, body in (
        ("text/plain", b""),
        ("application/json", b"[]"),
        ("text/xml", b"<jobs>\n</jobs>"),
    ):
        answer = client.get("/1/jobs", headers={"Accept": accept})
        assert (answer.status_code, answer.data) == (200, body)
        assert answer.headers["Content-Length"] == str(len(body))


def test_the_list_holds_the_account_s_ids_oldest_first(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    made = [booked(client)["id"] for _ in range(3)]
    booked(other_client)
    assert client.get("/1/jobs").text == ",".join(made)
    assert ids(client) == made
    root = etree.fromstring(client.get("/1/jobs", headers={"Accept": "application/xml"}).data)
    assert (root.tag, [(each.tag, each.text) for each in root]) == (
        "jobs",
        [("id", job_id) for job_id in made],
    )


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/xml", "application/xml"])
def test_head_has_the_length_of_get(client: FlaskClient, accept: str | None) -> None:
    url = f"/1/jobs/{booked(client)['id']}"
    for path in ("/1/jobs", url, f"{url}/runs", "/1/secrets", "/1/jobs/nothing"):
        got = client.get(path, headers={"Accept": accept})
        head = client.head(path, headers={"Accept": accept})
        assert head.status_code == got.status_code
        assert head.data == b""
        for name in ("Content-Length", "Content-Type", "Vary"):
            assert head.headers[name] == got.headers[name]
        assert got.headers["Content-Length"] == str(len(got.data))


@pytest.mark.parametrize("path", ["", f"/{ABSENT}", f"/{ABSENT}/runs"])
def test_a_media_type_that_is_not_offered_is_not_acceptable(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/1/jobs{path}", headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["member"] == "Accept"


def test_text_is_not_offered_for_a_whole_job_and_nothing_is_created_when_refused(
    client: FlaskClient,
) -> None:
    path = f"/1/jobs/{booked(client)['id']}"
    refused = client.get(path, headers={"Accept": "text/plain"})
    assert (refused.status_code, refused.content_type) == (406, "text/plain; charset=utf-8")
    assert "application/json" in refused.text
    assert client.post("/1/jobs", json=ONCE, headers={"Accept": "image/png"}).status_code == 406
    assert len(ids(client)) == 1


NOT_TAKEN = (
    None,
    "",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/xml; charset=windows-1252",
    "application/problem+json",
    "application/jsonp",
    "json",
    "application/json, text/xml",
    ";",
)


def test_a_body_of_another_type_is_refused(client: FlaskClient) -> None:
    url = f"/1/jobs/{booked(client)['id']}"
    for content_type in NOT_TAKEN:
        headers = {} if content_type is None else {"Content-Type": content_type}
        for method, path in (("POST", "/1/jobs"), ("PUT", url), ("POST", "/1/preview")):
            answer = client.open(path, method=method, data=json.dumps(ONCE), headers=headers)
            assert answer.status_code == 415, content_type
            assert answer.get_json()["member"] == "Content-Type"
            assert "application/json" in answer.get_json()["remedy"]


def test_the_content_type_is_read_as_http_says(client: FlaskClient) -> None:
    for content_type in (
        "application/json",
        "Application/JSON",
        'application/json;charset="utf-8"',
        "application/json ; x=y",
        # A charset says nothing of JSON.
        "application/json; charset=utf8",
        "application/json; charset=ISO-8859-1",
        "application/json; charset=utf-16",
        "application/json; charset=",
    ):
        headers = {"Content-Type": content_type}
        assert client.post("/1/jobs", data=json.dumps(ONCE), headers=headers).status_code == 201


@pytest.mark.parametrize("charset", [None, "utf8", "iso-8859-1", "utf-16"])
def test_json_is_utf_8_by_its_bytes_whatever_charset_it_comes_with(
    client: FlaskClient, charset: str | None
) -> None:
    document = json.dumps({**ONCE, "data": "é €"}, ensure_ascii=False)
    content_type = "application/json" + (f"; charset={charset}" if charset else "")
    headers = {"Content-Type": content_type, **JSON}
    for path, text in (
        ("/1/jobs", document),
        ("/1/jobs/bulk", f"[{document}]"),
        ("/1/preview", '{"cron": "0 15 10 ? * *"}'),
        ("/1/runs/redeliver", "{}"),
    ):
        for mark in (b"", b"\xef\xbb\xbf"):
            answer = client.post(path, data=mark + text.encode(), headers=headers)
            assert answer.status_code in {200, 201, 202}, (path, answer.text)
            if path == "/1/jobs":
                assert answer.get_json()["data"] == "é €"
            refused = client.post(path, data=mark + b'{"url": "\xe9"}', headers=headers)
            offset = len(mark) + 9
            assert refused.status_code == 400
            assert refused.get_json()["detail"] == f"The document is not UTF-8 (at byte {offset})."


def test_an_xml_body_may_be_in_the_encoding_its_content_type_names(client: FlaskClient) -> None:
    body = xml_of({**ONCE, "data": "é"}).decode().replace("&#233;", "é")
    for charset in ("utf-16", "iso-8859-1"):
        headers = {"Content-Type": f"text/xml; charset={charset}", **JSON}
        answer = client.post("/1/jobs", data=body.encode(charset), headers=headers)
        assert answer.get_json()["data"] == "é"
