"""Settings: read once, defaults that work, one line for what cannot."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.config import INSTANCE_FILE, SECRET_KEY_FILE, load
from app.domain.call_options import MAX_TIMEOUT
from app.domain.limits import DEFAULTS
from app.errors import Misconfigured

DATABASE = {"DATABASE_URL": "postgresql://nowhere/x"}
KEYS = tuple(urlsafe_b64encode(bytes([number] * 32)).decode() for number in range(3))


def test_defaults(tmp_path: Path) -> None:
    settings = load({**DATABASE, "WAKECALL_HOME": str(tmp_path)})

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.allow_targets == ()
    assert settings.limits.requests_per_second == 500
    assert settings.secret_keys == ()


def test_servers_and_keys_of_the_running_instance_are_found(tmp_path: Path) -> None:
    instance = {
        "database_url": "postgresql://here/wakecall",
        "redis_url": "unix:///run/valkey",
        "allow_targets": "127.0.0.0/8",
    }
    (tmp_path / INSTANCE_FILE).write_text(json.dumps(instance))
    (tmp_path / SECRET_KEY_FILE).write_text(f"{KEYS[0]},{KEYS[1]}\n")

    settings = load({"WAKECALL_HOME": str(tmp_path)})

    assert settings.database_url == instance["database_url"]
    assert settings.redis_url == instance["redis_url"]
    assert settings.secret_keys == KEYS[:2]
    assert [str(each) for each in settings.allow_targets] == ["127.0.0.0/8"]
    forbidden = load({"WAKECALL_HOME": str(tmp_path), "WAKECALL_ALLOW_TARGETS": ""})
    assert forbidden.allow_targets == ()
    given = load({"WAKECALL_HOME": str(tmp_path), **DATABASE, "WAKECALL_SECRET_KEY": KEYS[2]})
    assert given.allow_targets == ()
    assert given.database_url == DATABASE["DATABASE_URL"]
    assert given.secret_keys == KEYS[2:]


def test_limits_are_those_of_the_running_instance_with_its_servers(tmp_path: Path) -> None:
    instance = {
        "database_url": "postgresql://here/wakecall",
        "limits": {"WAKECALL_RATE_LIMIT": "off", "WAKECALL_LIMIT_JOBS": "3"},
    }
    (tmp_path / INSTANCE_FILE).write_text(json.dumps(instance))
    home = {"WAKECALL_HOME": str(tmp_path)}

    found = load(home).limits

    assert found == replace(DEFAULTS, requests_per_second=None, jobs=3)
    assert load({**home, "WAKECALL_LIMIT_JOBS": ""}).limits == found
    assert load({**home, "WAKECALL_LIMIT_JOBS": "7"}).limits == replace(found, jobs=7)
    assert load({**home, **DATABASE}).limits == DEFAULTS


def test_without_a_database_the_line_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / INSTANCE_FILE).write_text("[]")

    with pytest.raises(Misconfigured, match="make run"):
        load({"WAKECALL_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "٣"),
        ("WAKECALL_RATE_LIMIT", "lots"),
        ("WAKECALL_RATE_LIMIT", "0"),
        ("WAKECALL_LIMIT_JOBS", "-1"),
        ("WAKECALL_LIMIT_JOBS", "9007199254740993"),
        ("WAKECALL_LIMIT_STORED_MIB", "1.5"),
        ("WAKECALL_DESTINATION_CONNECTIONS", "off"),
        ("WAKECALL_ALLOW_TARGETS", "10.0.0.1/8"),
        ("WAKECALL_ALLOW_TARGETS", "localhost"),
        ("WAKECALL_DENY_TARGETS", "10.0.0.1/8"),
        ("WAKECALL_RETENTION_DAYS", "-1"),
        ("WAKECALL_CONCURRENCY", "0"),
        ("WAKECALL_GRACE", "61"),
        ("WAKECALL_WEB_NICE", "20"),
        ("WAKECALL_WEB_NICE", "-1"),
        ("WAKECALL_GRACE", "8s"),
        ("WAKECALL_GRACE", "9" * 5000),
        ("WAKECALL_LIMIT_JOBS", "9" * 5000),
        ("WAKECALL_REFUSED_KEYS", "9" * 5000),
        ("WAKECALL_ADMIN_PORT", "8000"),
        ("WAKECALL_ADMIN_PORT", "08000"),
        ("WAKECALL_SECRET_KEY", "a password"),
        ("WAKECALL_SECRET_KEY", f"{KEYS[0]},old"),
        ("WAKECALL_SECRET_KEY", "ä" * 44),
    ],
)
def test_what_cannot_work_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load({**DATABASE, "WAKECALL_HOME": str(tmp_path), name: value})

    assert name in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 300


def test_a_number_may_begin_with_any_number_of_zeros(tmp_path: Path) -> None:
    found = load({**DATABASE, "WAKECALL_HOME": str(tmp_path), "WAKECALL_GRACE": f"{'0' * 5000}8"})

    assert found.grace == 8


@pytest.mark.parametrize("text", [b"no key\n", b"\xff\xfe"])
def test_a_file_that_is_not_a_key_is_named_and_not_quoted(tmp_path: Path, text: bytes) -> None:
    (tmp_path / SECRET_KEY_FILE).write_bytes(text)

    with pytest.raises(Misconfigured, match=SECRET_KEY_FILE) as refused:
        load({**DATABASE, "WAKECALL_HOME": str(tmp_path)})

    assert "no key" not in refused.value.message


def test_an_empty_list_of_denied_networks_is_not_set(tmp_path: Path) -> None:
    instance = {"database_url": "postgresql://here/x", "deny_targets": "203.0.113.0/24"}
    (tmp_path / INSTANCE_FILE).write_text(json.dumps(instance))

    found = load({"WAKECALL_HOME": str(tmp_path), "WAKECALL_DENY_TARGETS": ""})

    assert found.deny_targets == (ip_network("203.0.113.0/24"),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAKECALL_SMTP_URL", "smtp://mail..example.com"),
        ("WAKECALL_SMTP_URL", f"smtp://{'m' * 64}.example.com"),
        ("WAKECALL_SMTP_URL", "smtps://wakecall:p%C3%A4ss@mail.example.com"),
        ("WAKECALL_SMTP_URL", "smtps://wäkecall:pass@mail.example.com"),
        ("WAKECALL_MAIL_FROM", "@"),
        ("WAKECALL_MAIL_FROM", "wakecall@"),
        ("WAKECALL_MAIL_FROM", "Wakecall <wakecall@example.com"),
        ("WAKECALL_MAIL_FROM", "a@example.com, b@example.com"),
        ("WAKECALL_MAIL_FROM", "nobody:;@"),
    ],
)
def test_what_no_mail_can_be_sent_with_is_named(tmp_path: Path, name: str, value: str) -> None:
    working = {
        **DATABASE,
        "WAKECALL_HOME": str(tmp_path),
        "WAKECALL_PUBLIC_URL": "https://wakecall.example.com",
        "WAKECALL_SMTP_URL": "smtps://wakecall:pass@mail.example.com",
        "WAKECALL_MAIL_FROM": '"Wakecall, Inc." <wakecall@example.com>',
    }
    assert load(working).smtp is not None

    with pytest.raises(Misconfigured, match=name) as refused:
        load({**working, name: value})

    assert "pass" not in refused.value.message.replace("password", "")


def test_lists_are_read(tmp_path: Path) -> None:
    settings = load(
        {
            **DATABASE,
            "WAKECALL_HOME": str(tmp_path),
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8, ::1/128",
            "WAKECALL_DENY_TARGETS": "203.0.113.0/24",
            "WAKECALL_RATE_LIMIT": "50",
        }
    )

    assert settings.allow_targets == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.deny_targets == (ip_network("203.0.113.0/24"),)
    assert settings.limits.requests_per_second == 50


def test_calls_may_be_given_as_long_as_a_job_may_ask_for(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}

    assert load(environ).grace == 8
    assert load({**environ, "WAKECALL_GRACE": f"{MAX_TIMEOUT:.0f}"}).grace == MAX_TIMEOUT
    assert load({**environ, "WAKECALL_GRACE": "0"}).grace == 0


def test_temporary_files_need_a_directory(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}

    assert load(environ).temporary is None
    assert load({**environ, "WAKECALL_TMP": str(tmp_path)}).temporary == tmp_path
    with pytest.raises(Misconfigured, match="WAKECALL_TMP"):
        load({**environ, "WAKECALL_TMP": str(tmp_path / "missing")})


def test_refused_keys_may_be_unlimited(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}

    assert load(environ).refused_keys == 300
    assert load({**environ, "WAKECALL_REFUSED_KEYS": "OFF"}).refused_keys is None
    with pytest.raises(Misconfigured, match="WAKECALL_REFUSED_KEYS"):
        load({**environ, "WAKECALL_REFUSED_KEYS": "0"})


def test_limits_are_read_with_their_units(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}

    assert load(environ).limits == DEFAULTS
    given = {"WAKECALL_LIMIT_JOBS": "OFF", "WAKECALL_LIMIT_STORED_MIB": "3"}
    changed = load({**environ, **given}).limits
    assert changed == replace(DEFAULTS, jobs=None, stored_bytes=3 << 20)


def test_there_is_a_worker_for_each_core_unless_set_otherwise(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}

    assert 1 <= load(environ).workers <= 4
    assert load({**environ, "WAKECALL_WORKERS": "7"}).workers == 7


def test_a_path_prefix_is_a_path_without_a_slash_at_its_end(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://nowhere/x", "WAKECALL_HOME": str(tmp_path)}
    assert load(environ).path_prefix == ""
    assert load({**environ, "WAKECALL_PATH_PREFIX": "/a/wake-call"}).path_prefix == "/a/wake-call"
    for wrong in ("wakecall", "/", "/wakecall/", "//x", "/a b", "https://x/y", "/a?b", "/ü"):
        with pytest.raises(Misconfigured, match="WAKECALL_PATH_PREFIX"):
            load({**environ, "WAKECALL_PATH_PREFIX": wrong})


def test_the_public_url_is_an_origin_and_names_the_inboxes(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}

    without = load({**environ, "HOST": "::", "PORT": "81", "WAKECALL_PATH_PREFIX": "/w"})
    assert (without.public_url, without.inbox_address) == (None, None)
    assert without.base_url == "http://[::1]:81/w"
    given = load({**environ, "WAKECALL_PUBLIC_URL": "https://wake.example/"})
    assert (given.public_url, given.base_url) == ("https://wake.example",) * 2
    assert given.inbox_address is not None
    assert given.inbox_address.origin.host == "wake.example"
    for wrong in (
        "wake.example",
        "https://wake.example/x",
        "ftp://x",
        "http://x:25",
        "https://a@b",
    ):
        with pytest.raises(Misconfigured, match="WAKECALL_PUBLIC_URL"):
            load({**environ, "WAKECALL_PUBLIC_URL": wrong})


def test_the_public_url_is_that_of_the_running_instance_with_its_servers(tmp_path: Path) -> None:
    instance = {"database_url": "postgresql://here/x", "public_url": "http://127.0.0.1:8000"}
    (tmp_path / INSTANCE_FILE).write_text(json.dumps(instance))
    home = {"WAKECALL_HOME": str(tmp_path)}

    assert load(home).public_url == "http://127.0.0.1:8000"
    assert load({**home, **DATABASE}).public_url is None


def test_proxies_are_networks(tmp_path: Path) -> None:
    environ = {**DATABASE, "WAKECALL_HOME": str(tmp_path)}
    assert load(environ).proxies == ()
    given = load({**environ, "WAKECALL_PROXIES": "127.0.0.1/32, 2001:db8::/32"})
    assert list(map(str, given.proxies)) == ["127.0.0.1/32", "2001:db8::/32"]
    with pytest.raises(Misconfigured, match="WAKECALL_PROXIES"):
        load({**environ, "WAKECALL_PROXIES": "nginx"})
