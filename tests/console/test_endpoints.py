"""Endpoint pages: apps and runners are added, changed and removed by owners."""

from __future__ import annotations

import json

import psycopg
from flask import Flask

from app.api.context import context_of
from app.console import attempts
from app.domain.account import Caller
from app.domain.role import Role
from app.service import accounts
from app.service.dapr import apps, jobs
from app.service.fusion import runners
from tests.api.conftest import MakeApp
from tests.console.people import SignedIn, signed_in_as
from tests.console.rules import check_page
from tests.factories import one

ENDPOINTS = "/console/endpoints"
APP = {"app": "shop", "url": "https://shop.example", "protocol": "http"}


def text_of(person: SignedIn) -> str:
    return " ".join(check_page(person.get(ENDPOINTS)).text_content().split())


def test_an_app_is_added_changed_and_removed(app: Flask, signed_in: SignedIn) -> None:
    assert "No Dapr apps" in text_of(signed_in)
    assert signed_in.post(f"{ENDPOINTS}/apps", {**APP, "token": "s3cret"}).status_code == 303
    shown = text_of(signed_in)
    assert "https://shop.example" in shown
    assert "s3cret" not in signed_in.get(ENDPOINTS)

    changed = {**APP, "url": "https://shop.example/v2", "keep": "on", "protocol": "grpc"}
    assert signed_in.post(f"{ENDPOINTS}/apps", changed).status_code == 303
    (found,) = apps.list_apps(context_of(app), signed_in.account)
    assert (found.url, found.has_token, found.protocol) == ("https://shop.example/v2", True, "grpc")

    check_page(signed_in.get(f"{ENDPOINTS}/app/delete?name=shop"))
    assert signed_in.post(f"{ENDPOINTS}/app/delete", {"name": "shop"}).status_code == 303
    assert "No Dapr apps" in text_of(signed_in)
    assert signed_in.post(f"{ENDPOINTS}/app/delete", {"name": "shop"}).status_code == 404


def test_a_refused_app_stays_in_the_form(signed_in: SignedIn) -> None:
    for values, field in (
        ({"app": "a b"}, "app"),
        ({"url": "http://10.0.0.1"}, "url"),
        ({"keep": "on"}, "token"),
        ({"protocol": "smtp"}, "protocol"),
    ):
        refused = signed_in.post(f"{ENDPOINTS}/apps", {**APP, **values})
        assert refused.status_code == 400, field
        page = check_page(refused.text)
        assert page.xpath(f"//*[@id='fault-{field}']"), field
        assert page.get_element_by_id("field-url").get("value") == values.get("url", APP["url"])


def test_a_runner_is_added_and_removed(app: Flask, signed_in: SignedIn) -> None:
    form = {"runner": "spark", "runner_url": "https://spark.example"}
    assert signed_in.post(f"{ENDPOINTS}/runners", form).status_code == 303
    assert "https://spark.example" in text_of(signed_in)
    refused = signed_in.post(f"{ENDPOINTS}/runners", {**form, "runner_url": "ftp://x"})
    assert check_page(refused.text).xpath("//*[@id='fault-runner_url']")
    check_page(signed_in.get(f"{ENDPOINTS}/runner/delete?name=spark"))
    assert signed_in.post(f"{ENDPOINTS}/runner/delete", {"name": "spark"}).status_code == 303
    assert runners.list_runners(context_of(app), signed_in.account) == ()


def test_the_navigation_has_the_page_where_there_is_something_to_see(signed_in: SignedIn) -> None:
    def names() -> list[str]:
        page = check_page(signed_in.get("/console/inbox"))
        return [str(each) for each in page.xpath("//nav//a/text()")]

    assert "Endpoints" not in names()
    signed_in.post(f"{ENDPOINTS}/apps", APP)
    assert "Endpoints" in names()
    signed_in.post(f"{ENDPOINTS}/app/delete", {"name": "shop"})
    assert "Endpoints" not in names()


def test_many_apps_are_paged(app: Flask, signed_in: SignedIn) -> None:
    for number in range(60):
        apps.put(
            context_of(app),
            signed_in.account,
            f"app-{number:02}",
            url="https://shop.example",
            token=None,
        )
    page = check_page(signed_in.get(ENDPOINTS))
    (older,) = page.xpath("//a[@rel='next']/@href")
    assert len(check_page(signed_in.get(older)).xpath("//tr[starts-with(@id, 'app-')]")) == 20
    assert signed_in.client.get(f"{ENDPOINTS}?cursor=a%20b").status_code == 400


def test_others_change_nothing(app: Flask, signed_in: SignedIn, other_user: SignedIn) -> None:
    apps.put(context_of(app), signed_in.account, "shop", url="https://shop.example", token=None)
    member = signed_in.with_role(Role.MEMBER)
    assert "https://shop.example" in text_of(member)
    forms = check_page(member.get(ENDPOINTS)).xpath(
        "//form[contains(@action, '/endpoints')]/@action"
    )
    assert all(each.endswith("/test") for each in forms)
    assert member.post(f"{ENDPOINTS}/apps", APP).status_code == 403
    assert member.post(f"{ENDPOINTS}/app/delete", {"name": "shop"}).status_code == 403
    assert "No Dapr apps" in text_of(other_user)
    assert other_user.client.get(f"{ENDPOINTS}/app/delete?name=shop").status_code == 404
    assert other_user.post(f"{ENDPOINTS}/app/delete", {"name": "shop"}).status_code == 404


# Test calls.


def test_a_test_call_of_an_app_is_a_job_of_the_app_that_is_called_once(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    put_app(app, signed_in)
    member = signed_in.with_role(Role.MEMBER)
    page = check_page(member.get(ENDPOINTS))
    (button,) = page.xpath("//tr[@id='app-shop']//button[@name='name'][@value='shop']")
    assert page.get_element_by_id(button.get("form")).get("action") == f"{ENDPOINTS}/app/test"

    leads_to = member.post(f"{ENDPOINTS}/app/test", {"name": "shop"}).headers["Location"]
    job = connection.execute(
        "SELECT id, dialect, endpoint, name, url, next_at - now() < '2 s' FROM job"
        " JOIN due ON due.job_id = job.id"
    ).fetchone()
    assert job is not None
    assert job[1:] == ("dapr", "shop", "wakecall-test", "/job/wakecall-test", True)
    assert leads_to == f"/console/jobs/{job[0]}/result?endpoint=app"
    assert "about to be made" in check_page(member.get(leads_to)).text_content()
    # The API shows it as any other job of the app.
    assert jobs.get(context_of(app), caller_of(app, signed_in), "shop", "wakecall-test")

    again = member.post(f"{ENDPOINTS}/app/test", {"name": "shop"})
    assert again.status_code == 409
    assert "A test of the app shop is under way." in check_page(again.text).text_content()


def test_a_test_call_of_a_runner_starts_nothing(
    app: Flask, signed_in: SignedIn, connection: psycopg.Connection
) -> None:
    runners.put(context_of(app), signed_in.account, "spark", url="https://spark.example/run")
    check_page(signed_in.get(ENDPOINTS))
    assert signed_in.post(f"{ENDPOINTS}/runner/test", {"name": "spark"}).status_code == 303
    url, data = connection.execute("SELECT url, data FROM job").fetchone() or ("", b"{}")
    assert url == "https://spark.example/run"
    assert json.loads(data) == {"resource": "spark:wakecall-test", "action": "test"}


def test_a_target_that_the_settings_deny_is_not_tested(
    make_app: MakeApp, connection: psycopg.Connection
) -> None:
    allowing = make_app(WAKECALL_ALLOW_TARGETS="127.0.0.0/8")
    owner = signed_in_as(allowing, "ada@example.com", "demo")
    put_app(allowing, owner, url="http://127.0.0.1:8000")
    runners.put(context_of(allowing), owner.account, "spark", url="http://127.0.0.1:8000")
    strict = signed_in_as(make_app(WAKECALL_ALLOW_TARGETS=""), "ada@example.com", "demo")
    for kind, name in (("app", "shop"), ("runner", "spark")):
        refused = strict.post(f"{ENDPOINTS}/{kind}/test", {"name": name})
        assert refused.status_code == 400
        assert check_page(refused.text).get_element_by_id("problem") is not None
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_an_account_makes_few_tests_a_minute(
    app: Flask, signed_in: SignedIn, other_user: SignedIn
) -> None:
    runners.put(context_of(app), signed_in.account, "spark", url="https://spark.example")
    runners.put(context_of(app), other_user.account, "spark", url="https://spark.example")
    member = signed_in.with_role(Role.MEMBER)
    path, form = f"{ENDPOINTS}/runner/test", {"name": "spark"}
    for number in range(attempts.TEST.allowed):
        assert (signed_in if number % 2 else member).post(path, form).status_code == 303
    assert member.post(path, form).status_code == 429
    assert other_user.post(path, form).status_code == 303


def test_no_reader_and_no_other_account_tests_an_endpoint(
    app: Flask, signed_in: SignedIn, other_user: SignedIn
) -> None:
    put_app(app, signed_in)
    reader = signed_in.with_role(Role.READER)
    assert not check_page(reader.get(ENDPOINTS)).xpath("//form[contains(@action, '/test')]")
    assert reader.post(f"{ENDPOINTS}/app/test", {"name": "shop"}).status_code == 403
    for name in ("shop", "a\x00b", ""):
        assert other_user.post(f"{ENDPOINTS}/app/test", {"name": name}).status_code == 404
    assert other_user.post(f"{ENDPOINTS}/runner/test", {"name": "nothing"}).status_code == 404


def put_app(app: Flask, person: SignedIn, url: str = "https://shop.example") -> None:
    apps.put(context_of(app), person.account, "shop", url=url, token="s3cret")


def caller_of(app: Flask, person: SignedIn) -> Caller:
    with app.app_context():
        return accounts.authenticate_listener(context_of(app), person.account.name, app="shop")
