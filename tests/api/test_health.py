from collections.abc import Callable

from flask import Flask
from lxml import etree

MakeApp = Callable[..., Flask]


def test_the_process_answers_without_a_key_and_without_a_database(make_app: MakeApp) -> None:
    app = make_app(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_readiness_names_what_is_missing(make_app: MakeApp, redis_url: str) -> None:
    answer = make_app(REDIS_URL=redis_url).test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "ready": True,
        "database": True,
        "scheduler": False,
        "worker": False,
        "redis": True,
    }
    away = make_app(
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing", REDIS_URL="redis://127.0.0.1:1/0"
    )
    answer = away.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {
        **dict.fromkeys(("ready", "database", "scheduler", "worker", "redis"), False),
        "reason": "The database does not answer.",
    }


def test_a_database_that_is_away_takes_nothing_but_the_answer(make_app: MakeApp) -> None:
    client = make_app(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing").test_client()
    key = "wk_vRfVdy0uOdSmIVUOuean7N8JQq2mf8IengbLZKxOwpHzFRX2"
    for path in ("/1/jobs", "/metrics"):
        answer = client.get(path, headers={"X-API-Key": key})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.get_json()["type"] == "/problems/unavailable"


def test_metrics_are_in_prometheus_text_form(app: Flask) -> None:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    assert "# TYPE wakecall_lateness_seconds histogram" in answer.text


def test_the_schema_is_served(app: Flask) -> None:
    answer = app.test_client().get("/schemas/job.xsd")
    assert answer.content_type == "application/xml; charset=utf-8"
    assert etree.XMLSchema(etree.fromstring(answer.data))
