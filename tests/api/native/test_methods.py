"""Methods of callbacks as documents give them, and what is refused beside those without a body."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

JSON = {"Accept": "application/json"}
JOB = {"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_callback_may_be_made_without_a_body(client: FlaskClient, method: str) -> None:
    made = client.post("/1/jobs", json={**JOB, "method": method}, headers=JSON)
    assert made.status_code == 201, made.text
    found = client.get(made.headers["Location"], headers=JSON).get_json()
    assert found["method"] == method
    xml = client.get(made.headers["Location"], headers={"Accept": "text/xml"}).data
    again = client.put(made.headers["Location"], data=xml, content_type="text/xml")
    assert again.status_code == 200, again.text


@pytest.mark.parametrize("member", ["data", "contentType"])
def test_what_describes_a_body_is_refused_beside_them(client: FlaskClient, member: str) -> None:
    document = {**JOB, "method": "GET", member: "text/plain"}
    refused = client.post("/1/jobs", json=document)
    assert (refused.status_code, refused.get_json()["member"]) == (400, member)
    assert refused.get_json()["remedy"] == (
        f"Leave {member} out, or use POST, PUT or PATCH as the method."
    )
    xml = "".join(f"<{name}>{value}</{name}>" for name, value in document.items())
    assert (
        client.post("/1/jobs", data=f"<job>{xml}</job>", content_type="text/xml").status_code == 400
    )
