"""Endpoint pages: apps and runners are added, changed and removed by owners."""

from __future__ import annotations

from flask import Flask

from app.api.context import context_of
from app.domain.role import Role
from app.service.dapr import apps
from app.service.fusion import runners
from tests.console.people import SignedIn
from tests.console.rules import check_page

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
    assert len(check_page(signed_in.get(older)).xpath("//tr[starts-with(@id, 'app-')]")) == 10
    assert signed_in.client.get(f"{ENDPOINTS}?cursor=a%20b").status_code == 400


def test_others_change_nothing(app: Flask, signed_in: SignedIn, stranger: SignedIn) -> None:
    apps.put(context_of(app), signed_in.account, "shop", url="https://shop.example", token=None)
    member = signed_in.with_role(Role.MEMBER)
    assert "https://shop.example" in text_of(member)
    assert not check_page(member.get(ENDPOINTS)).xpath("//form[contains(@action, '/endpoints')]")
    assert member.post(f"{ENDPOINTS}/apps", APP).status_code == 403
    assert member.post(f"{ENDPOINTS}/app/delete", {"name": "shop"}).status_code == 403
    assert "No Dapr apps" in text_of(stranger)
    assert stranger.client.get(f"{ENDPOINTS}/app/delete?name=shop").status_code == 404
    assert stranger.post(f"{ENDPOINTS}/app/delete", {"name": "shop"}).status_code == 404
