"""The commands of the Dapr API: apps, keys that are bound to them, and what a sidecar settles."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Never

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from app.api import uploads
from app.api.auth import Bound
from app.api.context import current_context
from app.api.dapr import sidecar
from app.domain.endpoint import AppProtocol
from app.errors import Misconfigured, NotFound
from app.service import accounts
from app.service.dapr import apps as dapr_apps
from tests.api.conftest import MakeApp
from tests.ports import free_port

URL = "http://127.0.0.1:6200"


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


def run(runner: FlaskCliRunner, *arguments: str) -> str:
    result = runner.invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def add(*further: str, app_id: str = "shop", url: str = URL) -> tuple[str, ...]:
    return ("dapr-app", "add", "demo", "--app-id", app_id, "--url", url, *further)


class Halted(Exception):
    """Ends what would serve for ever."""


def test_a_sidecar_waits_longer_for_bodies_than_a_web_that_many_share(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def asgi_app(*_: object, body_s: float, **__: object) -> Never:
        asked.append(body_s)
        raise Halted

    monkeypatch.setattr(sidecar, "AsgiApp", asgi_app)
    with app.app_context(), pytest.raises(Halted):
        sidecar.serve(Bound(account="account-1", app="shop"), free_port(), lambda: None)
    assert asked == [sidecar.BODY_S]
    assert min(asked) > uploads.BODY_S


def test_apps_are_added_moved_listed_and_removed(runner: FlaskCliRunner) -> None:
    run(runner, "account", "create", "demo")
    assert run(runner, *add()) == ""
    assert run(runner, *add("--token", "s3cret", app_id="till")) == ""
    assert run(runner, "dapr-app", "list", "demo") == f"shop  {URL}\ntill  {URL}  token\n"
    run(runner, *add("--app-protocol", "grpc", app_id="radio"))
    assert f"radio  {URL}  grpc\n" in run(runner, "dapr-app", "list", "demo")
    run(runner, *add(url="http://127.0.0.1:6300/base"))
    assert "shop  http://127.0.0.1:6300/base\n" in run(runner, "dapr-app", "list", "demo")
    assert run(runner, "dapr-app", "remove", "demo", "--app-id", "till") == ""
    assert "till" not in run(runner, "dapr-app", "list", "demo")


def test_a_key_is_bound_to_an_app(app: Flask, runner: FlaskCliRunner) -> None:
    run(runner, "account", "create", "demo")
    run(runner, *add())
    run(runner, *add(app_id="till"))
    key = run(runner, "key", "create", "demo", "--label", "l", "--dapr-app", "till").strip()
    assert run(runner, "key", "list", "demo").splitlines()[1].endswith("l  (Dapr app till)")
    metadata = app.test_client().get("/v1.0/metadata", headers={"dapr-api-token": key})
    assert metadata.get_json()["id"] == "till"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (add(app_id="a b"), "is not a valid app id"),
        (add(url="ftp://x"), "Use http or https"),
        (add(url="http://10.0.0.1"), "publicly reachable"),
        (add("--token", "a\tb"), "visible ASCII"),
        (("dapr-app", "list", "nobody"), "account create nobody"),
        (("dapr-app", "remove", "demo", "--app-id", "x"), 'no Dapr app "x"'),
        (("key", "create", "demo", "--dapr-app", "x"), "dapr-app add demo --app-id"),
        (
            ("dapr-sidecar", "--app-id", "x", "--app-port", "1", "--account", "nobody"),
            "account create nobody",
        ),
    ],
)
def test_a_refused_command_prints_one_line(
    runner: FlaskCliRunner, arguments: tuple[str, ...], said: str
) -> None:
    run(runner, "account", "create", "demo")
    result = runner.invoke(args=arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_sidecar_is_the_only_account_s_or_demo_s(context: Flask) -> None:
    with pytest.raises(Misconfigured, match="--account"):
        sidecar.choose_account(None)
    accounts.create(current_context(), "acme")
    assert sidecar.choose_account(None).name == "acme"
    accounts.create(current_context(), "other")
    with pytest.raises(Misconfigured, match="--account"):
        sidecar.choose_account(None)
    assert sidecar.choose_account("other").name == "other"
    accounts.create(current_context(), "demo")
    assert sidecar.choose_account(None).name == "demo"
    with pytest.raises(NotFound):
        sidecar.choose_account("nobody")


def test_a_sidecar_says_where_its_app_is(context: Flask) -> None:
    accounts.create(current_context(), "demo")
    owner = accounts.get_account(current_context(), "demo")
    assert sidecar.register(owner, "shop", 6200) == URL
    assert sidecar.register(owner, "shop", 6300) == "http://127.0.0.1:6300"
    assert [each.url for each in dapr_apps.list_apps(current_context(), owner)] == [
        "http://127.0.0.1:6300"
    ]


def test_a_sidecar_takes_no_token_away(context: Flask) -> None:
    accounts.create(current_context(), "demo")
    owner = accounts.get_account(current_context(), "demo")
    dapr_apps.put(current_context(), owner, "shop", url=URL, token="s3cret")
    assert sidecar.register(owner, "shop", 6200) == URL
    assert dapr_apps.get(current_context(), owner, "shop").has_token
    assert sidecar.register(owner, "shop", 6200, AppProtocol.GRPC) == URL
    app = dapr_apps.get(current_context(), owner, "shop")
    assert (app.protocol, app.has_token) == (AppProtocol.GRPC, True)
    with pytest.raises(Misconfigured, match="dapr-app add demo --app-id shop"):
        sidecar.register(owner, "shop", 6300)


def test_a_sidecar_needs_loopback_to_be_allowed(make_app: MakeApp) -> None:
    with make_app(WAKECALL_ALLOW_TARGETS="").app_context():
        accounts.create(current_context(), "demo")
        with pytest.raises(Misconfigured, match="WAKECALL_ALLOW_TARGETS"):
            sidecar.register(accounts.get_account(current_context(), "demo"), "shop", 6200)
        assert (
            dapr_apps.list_apps(current_context(), accounts.get_account(current_context(), "demo"))
            == ()
        )


@pytest.mark.parametrize("token", [None, "s3cret"])
def test_a_sidecar_whose_app_is_known_needs_loopback_to_be_allowed(
    make_app: MakeApp, token: str | None
) -> None:
    with make_app().app_context():
        accounts.create(current_context(), "demo")
        dapr_apps.put(
            current_context(),
            accounts.get_account(current_context(), "demo"),
            "shop",
            url=URL,
            token=token,
        )
    for settings in ({"WAKECALL_ALLOW_TARGETS": ""}, {"WAKECALL_DENY_TARGETS": "127.0.0.0/8"}):
        with make_app(**settings).app_context():
            for port in (6200, 6300):
                with pytest.raises(Misconfigured, match="WAKECALL_ALLOW_TARGETS"):
                    sidecar.register(accounts.get_account(current_context(), "demo"), "shop", port)
            assert (
                dapr_apps.get(
                    current_context(), accounts.get_account(current_context(), "demo"), "shop"
                ).url
                == URL
            )


def test_a_sidecar_does_not_share_its_port(context: Flask) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bound = Bound(account="demo", app="shop")
        with pytest.raises(Misconfigured, match="--dapr-http-port"):
            sidecar.serve(bound, taken.getsockname()[1], lambda: None)
