"""What the native API's tests send: documents that are taken, and how one is booked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from lxml import etree

ABSENT = "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"
ONCE = {"url": "https://example.com/wake", "when": "2099-05-11T15:30:00Z"}
OFTEN = {"url": "https://example.com/wake", "cron": "0 15 10 ? * *"}
OPTIONS: dict[str, Any] = {
    **OFTEN,
    "name": "invoices",
    "tags": ["billing", "ü"],
    "method": "PATCH",
    "headers": {"X-B": "2", "X-A": "1"},
    "timeout": 2.5,
    "retry": {"maxAttempts": 5, "backoff": {"initial": 1, "factor": 1.5, "max": 60}, "maxAge": 99},
    "misfire": "skip",
    "misfireWindow": 30,
    "onSuccess": "https://example.com/done",
    "onFailure": "https://example.com/failed",
}
JSON = {"Accept": "application/json"}


def booked(client: FlaskClient, document: Mapping[str, Any] = ONCE) -> dict[str, Any]:
    """The document of a new job."""
    answer = client.post("/1/jobs", json=document, headers=JSON)
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.get_json()
    return job


def ids(client: FlaskClient) -> list[str]:
    """The ids of all jobs of the client's account."""
    listed: list[str] = client.get("/1/jobs", headers=JSON).get_json()
    return listed


def xml_of(members: Mapping[str, str]) -> bytes:
    """The members as an XML document."""
    root = etree.Element("job")
    for name, value in members.items():
        etree.SubElement(root, name).text = value
    return etree.tostring(root)
