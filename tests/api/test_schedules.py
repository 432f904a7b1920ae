"""Time zones, previews and dry runs through the real web server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from app.domain import zones
from tests.api.golden import golden
from tests.api.server import Reply, Web, ask, request


def post(web: Web, key: str, path: str, body: Any = None, **headers: str) -> Reply:
    sent = {"Content_Type": "application/json", "Accept": "application/json", **headers}
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(web, request("POST", path, payload, X_API_Key=key, **sent))


def test_a_job_in_a_zone(web: Web, web_key: str) -> None:
    sent = json.loads(golden("zoned.request.json"))
    made = post(web, web_key, "/1/jobs", golden("zoned.request.xml"), Content_Type="text/xml")
    assert made.status == 201
    assert made.headers["wakecall-tzdata"] == zones.VERSION
    assert {name: made.json()[name] for name in sent} == sent
    got = ask(web, request("GET", made.headers["location"], X_API_Key=web_key))
    assert (got.json(), got.headers["wakecall-tzdata"]) == (made.json(), zones.VERSION)


def test_a_preview(web: Web, web_key: str) -> None:
    for kind, media_type in (("json", "application/json"), ("xml", "text/xml")):
        body = golden(f"preview.request.{kind}")
        reply = post(web, web_key, "/1/preview", body, Content_Type=media_type, Accept=media_type)
        assert reply.status == 200
        expected = golden(f"preview.response.{kind}")
        assert reply.body == expected.replace(b"2026f", zones.VERSION.encode())
    assert post(web, web_key, "/1/preview", {"cron": "bad"}).status == 400


def test_a_dry_run(web: Web, web_key: str) -> None:
    def listed() -> bytes:
        return ask(web, request("GET", "/1/jobs", X_API_Key=web_key)).body

    before = listed()
    cron, callback = quote_plus("0 0/15 * * * ?"), quote_plus("http://127.0.0.1/?dryRun=no")
    for path, body in (
        ("/1/jobs?dryRun=true", {"url": "http://127.0.0.1/", "when": "2099-01-01T00:00Z"}),
        (f"/1/jobs/{cron}/{callback}?dryRun=true", b"payload"),
    ):
        reply = post(web, web_key, path, body)
        assert reply.status == 200
        assert "id" not in reply.json()
        assert "location" not in reply.headers
        assert listed() == before
        assert post(web, web_key, path.replace("true", "false", 1), body).status == 201
        assert len(listed()) > len(before)
        before = listed()
