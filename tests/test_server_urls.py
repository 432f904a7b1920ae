"""DATABASE_URL and REDIS_URL: refused in one line where libpq and redis-py cannot use them."""

from __future__ import annotations

import pytest

from app.errors import Misconfigured
from app.server_urls import check_database_url, check_redis_url


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://",
        "postgres://u:p%2Fw@h/x",
        "postgresql://u:p@h1:5432,h2:5433/x?target_session_attrs=read-write",
        "postgresql://h1,h2,h3/x?load_balance_hosts=random",
        "postgresql://h1:5432,h2/x?target_session_attrs=primary",
        "postgresql://u@/x?host=h1,h2&port=5432,5433",
        "postgresql://u@/x?host=%2Frun%2Fpostgresql&port=5433",
        "postgresql://[::1]:5432/x?sslmode=verify-full&sslrootcert=/nowhere",
        "postgresql://h/x?options=-c%20search_path%3Da&keepalives_idle=60&connect_timeout=10",
        "host=h1,h2 port=5432 dbname=x user='a b' password='it\\'s'",
        "host=h hostaddr=127.0.0.1",
    ],
)
def test_what_libpq_reads_is_taken_as_it_is(text: str) -> None:
    assert check_database_url(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "use postgresql://USER"),
        ("mysql://u:secret@h/x", "begins with mysql://"),
        ("postgresql+psycopg://u:secret@h/x", "begins with postgresql+psycopg://"),
        ("postgresql://u:secret%zz@h/x", "not a connection string"),
        ("postgresql://[::1/x", "not a connection string"),
        ("host=a password=my secret", "not a connection string"),
        ("postgresql://u:secret\udc80@h/x", "not valid UTF-8"),
        ("postgresql://h:secret/x", "a port is not an integer"),
        ("postgresql://u:sec/ret@h/x", "%2F"),
        ("postgresql://h:0/x", "a port is not"),
        ("postgresql://h1:1,h2:65536/x", "a port is not"),
        ("postgresql://h/x?port=٣", "a port is not"),
        ("postgresql://h1:1,h2:2/x?port=1,2,3", "3 ports for 2 hosts"),
        ("postgresql://h/x?host=a:1&host=b:2&port=5,6", "2 ports for 1 host"),
        ("host=h1,h2 hostaddr=127.0.0.1", "host has 2 values and hostaddr has 1"),
        ("postgresql://h/x?pool_size=3", "no connection parameter pool_size"),
        ("postgresql://h/x?connect_timeout=soon", "connect_timeout is not an integer"),
        ("postgresql://h/x?keepalives_idle=1.5", "keepalives_idle is not"),
        ("postgresql://h/x?sslmode=maybe", 'invalid sslmode value: "maybe"'),
        ("postgresql://h/x?target_session_attrs=rw", "invalid target_session_attrs"),
        ("postgresql://h/x?target_session_attrs=standby", "cannot be written to"),
        ("postgresql://h/x?target_session_attrs=prefer-standby", "cannot be written to"),
        ("postgresql://u:1/b?s3cret=x@h/x", "write ? as %3F"),
        ("postgresql://u:1/b?sslmode=s3cret@h/x", "write ? as %3F"),
        ("postgresql://u:1/b?target_session_attrs=s3cret@h/x", "write ? as %3F"),
        ("service=nowhere", 'service file "/nowhere" not found'),
    ],
)
def test_what_libpq_can_never_use_is_refused_in_a_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setenv("PGSERVICEFILE", "/nowhere")

    with pytest.raises(Misconfigured) as refused:
        check_database_url(text)

    message = refused.value.message
    assert message.startswith("DATABASE_URL cannot be used: ")
    assert reason in message
    assert "sec" not in message
    assert "s3c" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://u:p%2Fw@h:6380/1?ssl_cert_reqs=none",
        "redis://[::1]:6379",
        "unix:///run/valkey.sock?db=1",
        "unix:///run/valkey:1.sock",
    ],
)
def test_what_redis_py_reads_is_taken_as_it_is(text: str) -> None:
    assert check_redis_url(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "use redis://HOST:PORT/NUMBER"),
        ("mongodb://u:secret@h", "it is not a Redis URL"),
        ("redis://h:secret/0", "a port is not an integer"),
        ("redis://:sec/ret@h/0", "%2F"),
        ("redis://h:65536/0", "a port is not"),
        ("redis://[::1/0", "host cannot be read"),
        ("redis://h1:1,h2:2/0", "a port is not"),
        ("redis://h1,h2:6379/0", "several hosts"),
        ("redis://h/main", "not the number of a database"),
        ("unix:///run/valkey.sock?db=main", "'db'"),
        ("redis://h/0?pool=3", "unexpected keyword argument 'pool'"),
        ("redis://h/0?protocol=9", "protocol must be either 2 or 3"),
        ("redis://:1?s3cret=x@h/0", "write ? as %3F"),
        ("redis://:1?db=s3cret@h/0", "write ? as %3F"),
        ("redis://:1?protocol=s3cret@h/0", "write ? as %3F"),
        ("rediss://:1?ssl_cert_reqs=s3cret@h/0", "write ? as %3F"),
        ("rediss://h/0?ssl_cert_reqs=maybe", "Certificate Requirements"),
    ],
)
def test_what_redis_py_can_never_use_is_refused_in_a_line_without_the_password(
    text: str, reason: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        check_redis_url(text)

    message = refused.value.message
    assert message.startswith("REDIS_URL cannot be used: ")
    assert reason in message
    assert "sec" not in message
    assert "s3c" not in message
    assert "\n" not in message
