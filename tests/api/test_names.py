"""Jobs by name and lists in pages through the real web server, as raw bytes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.api.server import Reply, Web, ask, request

OFTEN = b'{"url": "http://127.0.0.1/", "cron": "0 15 10 ? * *"}'
DECLARERS = 6


def call(web: Web, key: str, method: str, path: str, body: bytes | None = None) -> Reply:
    typed = {} if body is None else {"Content_Type": "application/json"}
    return ask(web, request(method, path, body, X_API_Key=key, Accept="application/json", **typed))


@pytest.mark.parametrize("name", ["a/b", "a//b", "https://example.com/?a=1", "100%", "für 😀"])
def test_a_name_is_read_however_it_is_encoded(web: Web, web_key: str, name: str) -> None:
    whole = f"/1/jobs/by-name/{quote(name, safe='')}"
    made = call(web, web_key, "PUT", whole, OFTEN)
    assert (made.status, made.json()["name"]) == (201, name)
    # Slashes as they are, and letters beyond ASCII as bytes: both come that way from proxies.
    plain = name.replace("%", "%25").replace("?", "%3F").replace(" ", "%20")
    sent = f"/1/jobs/by-name/{plain}".encode().decode("latin-1")
    assert call(web, web_key, "GET", sent).json() == made.json()
    again = call(web, web_key, "PUT", sent, OFTEN)
    assert (again.status, again.body) == (200, made.body)
    assert call(web, web_key, "DELETE", sent).status == 204
    assert call(web, web_key, "GET", whole).status == 404


def test_those_who_declare_one_name_at_once_come_to_one_job(web: Web, web_key: str) -> None:
    name = str(uuid4())
    barrier = threading.Barrier(DECLARERS)

    def declare(number: int) -> Reply:
        body = json.dumps({**json.loads(OFTEN), "data": str(number)}).encode()
        barrier.wait()
        return call(web, web_key, "PUT", f"/1/jobs/by-name/{name}", body)

    for _ in range(5):
        with ThreadPoolExecutor(DECLARERS) as declarers:
            replies = list(declarers.map(declare, range(DECLARERS)))
        assert sorted(reply.status for reply in replies) == [200] * (DECLARERS - 1) + [201]
        (job_id,) = {reply.json()["id"] for reply in replies}
        (made,) = (reply for reply in replies if reply.status == 201)
        assert made.headers["location"] == f"/1/jobs/{job_id}"
        # It is what one of them said last.
        left = call(web, web_key, "GET", f"/1/jobs/by-name/{name}")
        assert left.body in {reply.body for reply in replies}
        assert call(web, web_key, "DELETE", f"/1/jobs/by-name/{name}").status == 204


def pages(web: Web, key: str, path: str) -> Iterator[list[str]]:
    while path:
        reply = call(web, key, "GET", path)
        assert reply.status == 200
        yield reply.json()
        link = re.fullmatch('<(/.+)>; rel="next"', reply.headers.get("link", ""))
        path = "" if link is None else link[1]


def test_links_lead_through_the_jobs_of_a_tag(web: Web, web_key: str) -> None:
    tag = f"{uuid4()} & ü"
    jobs = [{**json.loads(OFTEN), "tags": [tag, str(number)]} for number in range(25)]
    call(web, web_key, "POST", "/1/jobs", OFTEN)
    sent = call(web, web_key, "POST", "/1/jobs/bulk", json.dumps(jobs).encode())
    made = [job["id"] for job in sent.json()]

    found = list(pages(web, web_key, f"/1/jobs?tag={quote(tag)}&limit=10"))

    assert found == [made[:10], made[10:20], made[20:]]
    assert call(web, web_key, "GET", f"/1/jobs?tag={quote(tag)}&tag=7").json() == [made[7]]
