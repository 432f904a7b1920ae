"""Settings: the configuration, read once from environment and data directory, and validated."""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

from app.domain.call_options import MAX_TIMEOUT
from app.domain.inbox_address import InboxAddress, read_origin
from app.domain.invitation import SignUp
from app.domain.limits import TABLE, Limit, Limits
from app.errors import InvalidMember, Misconfigured
from app.server_urls import check_database_url, check_redis_url
from app.smtp import SmtpServer, read_server

Network = IPv4Network | IPv6Network

INSTANCE_FILE: Final = "instance.json"
DEFAULT_GRACE: Final = 8
"""Seconds; less than the ten that some process managers wait between SIGTERM and SIGKILL."""

SECRET_KEY_FILE: Final = "secret-key"  # noqa: S105 - a file name
_DEFAULT_REDIS_URL: Final = "redis://127.0.0.1:6379/0"
_KEY_BYTES: Final = 32
_MAX_DIGITS: Final = 18
_MAX_SHOWN: Final = 60
"""Characters of an invalid value that a message quotes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of all processes; docs/settings.md describes each."""

    home: Path
    host: str
    port: int
    database_url: str
    redis_url: str
    secret_keys: tuple[str, ...]
    allow_targets: tuple[Network, ...]
    deny_targets: tuple[Network, ...]
    limits: Limits
    ca_file: str | None
    retention_days: int
    clock_doubt_s: int
    concurrency: int
    payload_mib: int
    grace: int
    web_nice: int
    workers: int
    log_level: str
    temporary: Path | None
    admin_host: str
    admin_port: int | None
    refused_keys: int | None
    proxies: tuple[Network, ...]
    path_prefix: str
    public_url: str | None
    sign_up: SignUp
    smtp: SmtpServer | None
    grpc_port: int
    grpc_certificate: tuple[Path, Path] | None

    @property
    def base_url(self) -> str:
        """The URL below which people and callers reach the service, without a final slash.

        Without `WAKECALL_PUBLIC_URL` it is the address at which this machine reaches the web.
        """
        return f"{self.public_url or _local_url(self.host, self.port)}{self.path_prefix}"

    @property
    def inbox_address(self) -> InboxAddress | None:
        """Which URLs are those of this service's inboxes; None without `WAKECALL_PUBLIC_URL`."""
        if self.public_url is None:
            return None
        return InboxAddress(origin=read_origin(self.public_url), prefix=self.path_prefix)


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings of this process; raises Misconfigured with the remedy in its message.

    The servers are those of `DATABASE_URL` and `REDIS_URL`, or those of the instance that runs from
    `WAKECALL_HOME`.
    """
    home = Path(environ.get("WAKECALL_HOME") or "var").absolute()
    instance = _instance(home)
    settings = Settings(
        home=home,
        host=environ.get("HOST") or "127.0.0.1",
        port=number(environ, "PORT", default=8000, minimum=1, maximum=65535),
        database_url=_database_url(environ, instance, home),
        redis_url=check_redis_url(
            environ.get("REDIS_URL") or instance.get("redis_url") or _DEFAULT_REDIS_URL
        ),
        secret_keys=_secret_keys(environ, home),
        allow_targets=networks("WAKECALL_ALLOW_TARGETS", _targets("allow", environ, instance)),
        deny_targets=networks("WAKECALL_DENY_TARGETS", _targets("deny", environ, instance)),
        limits=_limits(environ, instance),
        ca_file=environ.get("WAKECALL_CA_FILE") or None,
        retention_days=number(
            environ, "WAKECALL_RETENTION_DAYS", default=30, minimum=1, maximum=3650
        ),
        clock_doubt_s=number(
            environ, "WAKECALL_CLOCK_DOUBT", default=300, minimum=0, maximum=86_400
        ),
        concurrency=number(
            environ, "WAKECALL_CONCURRENCY", default=4000, minimum=1, maximum=50_000
        ),
        payload_mib=number(
            environ, "WAKECALL_PAYLOAD_MIB", default=256, minimum=16, maximum=65_536
        ),
        grace=number(
            environ, "WAKECALL_GRACE", default=DEFAULT_GRACE, minimum=0, maximum=round(MAX_TIMEOUT)
        ),
        web_nice=number(environ, "WAKECALL_WEB_NICE", default=5, minimum=0, maximum=19),
        workers=number(environ, "WAKECALL_WORKERS", default=_cores(), minimum=1, maximum=64),
        log_level=(environ.get("WAKECALL_LOG_LEVEL") or "info").lower(),
        temporary=_folder(environ.get("WAKECALL_TMP")),
        admin_host=environ.get("WAKECALL_ADMIN_HOST") or "127.0.0.1",
        admin_port=number(environ, "WAKECALL_ADMIN_PORT", default=0, minimum=1, maximum=65535)
        or None,
        refused_keys=_refused_keys(environ.get("WAKECALL_REFUSED_KEYS", "")),
        proxies=networks("WAKECALL_PROXIES", environ.get("WAKECALL_PROXIES", "")),
        path_prefix=_path_prefix(environ.get("WAKECALL_PATH_PREFIX", "").strip()),
        public_url=_public_url(environ, instance),
        sign_up=_sign_up(environ.get("WAKECALL_SIGNUP", "")),
        smtp=_smtp(environ),
        grpc_port=number(environ, "WAKECALL_GRPC_PORT", default=50001, minimum=1, maximum=65535),
        grpc_certificate=_certificate(
            environ.get("WAKECALL_GRPC_CERTIFICATE"), environ.get("WAKECALL_GRPC_KEY")
        ),
    )
    if settings.admin_port == settings.port:
        # The processes of both would share it, and each get half of the connections.
        raise Misconfigured(
            f"WAKECALL_ADMIN_PORT must be another port than PORT, not {settings.port}."
        )
    return settings


def check_ca_file(path: str | None) -> None:
    """Check that receivers' certificates can be checked against this file; raises Misconfigured.

    Only by the processes that make calls: others may not have the file.
    """
    if path is None:
        return
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise Misconfigured(
            f"WAKECALL_CA_FILE must be a file of certificates in PEM, not {path!r}: "
            f"{error.strerror or error}."
        ) from None


def _database_url(environ: Mapping[str, str], instance: Mapping[str, str], home: Path) -> str:
    found = environ.get("DATABASE_URL") or instance.get("database_url")
    if not found:
        raise Misconfigured(
            f"DATABASE_URL is not set, and no instance runs from {home}. Start one with "
            "`make run`, or set DATABASE_URL or WAKECALL_HOME."
        )
    return check_database_url(found)


def number(
    environ: Mapping[str, str], name: str, *, default: int, minimum: int, maximum: int
) -> int:
    """Return the integer in the variable `name`, within its bounds; raises Misconfigured."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    found = _integer(text)
    if found is None or not minimum <= found <= maximum:
        raise Misconfigured(
            f"{name} must be an integer from {minimum} to {maximum} (default {default}), "
            f"not {text[:_MAX_SHOWN]!r}."
        )
    return found


def _integer(text: str) -> int | None:
    """Return the integer that ASCII digits are; None for others, and above all bounds there are."""
    digits = text.lstrip("0") or "0"
    is_read = text.isascii() and text.isdigit() and len(digits) <= _MAX_DIGITS
    return int(digits) if is_read else None


def _refused_keys(text: str) -> int | None:
    """Return how many invalid keys a network may send in a minute; None for `off`."""
    text = text.strip().lower()
    if text == "off":
        return None
    return number(
        {"WAKECALL_REFUSED_KEYS": text},
        "WAKECALL_REFUSED_KEYS",
        default=300,
        minimum=1,
        maximum=10**9,
    )


def _path_prefix(text: str) -> str:
    """Return the path below which the service is reached, as in `/wakecall`."""
    if text and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", text):
        raise Misconfigured(
            f"WAKECALL_PATH_PREFIX must be a path such as /wakecall, not {text!r}. Use letters, "
            'digits and "-._~" between slashes, and no slash at the end.'
        )
    return text


def _public_url(environ: Mapping[str, str], instance: Mapping[str, Any]) -> str | None:
    """Return the origin in `WAKECALL_PUBLIC_URL`, without a final slash; None without it.

    If the servers are those of an instance, the instance's is used. Raises Misconfigured.
    """
    text = environ.get("WAKECALL_PUBLIC_URL", "").strip()
    if not text and not environ.get("DATABASE_URL"):
        text = str(instance.get("public_url", ""))
    if not text:
        return None
    try:
        read_origin(text)
    except InvalidMember as refusal:
        raise Misconfigured(
            f"WAKECALL_PUBLIC_URL is {text!r}: {refusal.message} Give the scheme, the host and, if "
            "needed, the port at which the service is reached, such as "
            "https://wakecall.example.com; a path belongs in WAKECALL_PATH_PREFIX."
        ) from None
    return text.rstrip("/")


def _sign_up(text: str) -> SignUp:
    """Return who may sign up; raises Misconfigured."""
    name = text.strip().lower() or SignUp.INVITE
    if name not in tuple(SignUp):
        raise Misconfigured(f"WAKECALL_SIGNUP must be one of {', '.join(SignUp)}, not {text!r}.")
    return SignUp(name)


def _smtp(environ: Mapping[str, str]) -> SmtpServer | None:
    """Return the server that sends mail; None without one. Raises Misconfigured."""
    server = read_server(
        environ.get("WAKECALL_SMTP_URL", "").strip(), environ.get("WAKECALL_MAIL_FROM", "").strip()
    )
    if server is not None and not environ.get("WAKECALL_PUBLIC_URL", "").strip():
        raise Misconfigured(
            "WAKECALL_SMTP_URL needs WAKECALL_PUBLIC_URL: the links in mail begin with it."
        )
    return server


def _local_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches what listens on `host`."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"


def _folder(text: str | None) -> Path | None:
    """Return the directory of `WAKECALL_TMP`; None if it is not set. Raises Misconfigured."""
    if not text:
        return None
    if not os.access(text, os.W_OK | os.X_OK) or not Path(text).is_dir():
        raise Misconfigured(f"WAKECALL_TMP must be a directory that is writable, not {text!r}.")
    return Path(text).absolute()


def _certificate(chain: str | None, key: str | None) -> tuple[Path, Path] | None:
    """The files of a certificate and its key; None without either. Raises Misconfigured."""
    if not chain and not key:
        return None
    if not chain or not key:
        raise Misconfigured("Set both WAKECALL_GRPC_CERTIFICATE and WAKECALL_GRPC_KEY, or neither.")
    return Path(chain), Path(key)


def _cores() -> int:
    """Return the number of workers: one for each core, at most 4, as PostgreSQL needs cores too."""
    return min(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1, 4)


def networks(name: str, text: str) -> tuple[Network, ...]:
    """Return the comma-separated CIDRs of the variable `name`; raises Misconfigured."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise Misconfigured(
            f"{name} is invalid: {error}. Use CIDRs such as 127.0.0.0/8,::1/128."
        ) from None


def _targets(list_name: str, environ: Mapping[str, str], instance: Mapping[str, Any]) -> str:
    """Return the networks of the list `allow` or `deny`, as the environment has them.

    If it does not set them, and the servers are those of an instance, the instance's list is used.
    """
    given = {
        "allow": environ.get("WAKECALL_ALLOW_TARGETS"),
        "deny": environ.get("WAKECALL_DENY_TARGETS"),
    }[list_name]
    is_set = given is not None if list_name == "allow" else bool(given)
    if is_set or environ.get("DATABASE_URL"):
        return given or ""
    return str(instance.get(f"{list_name}_targets", ""))


def _limits(environ: Mapping[str, str], instance: Mapping[str, Any]) -> Limits:
    """Return the limits of accounts that have none of their own, as the environment sets them.

    If the servers are those of an instance, the instance's limits apply where the environment has
    none: a command that changes the limits of one account writes all of its limits.
    """
    running = {} if environ.get("DATABASE_URL") else instance.get("limits", {})
    given = {**running, **{name: text for name, text in environ.items() if text.strip()}}
    return Limits(**{each.field: _limit(given, each) for each in TABLE})  # type: ignore[arg-type] # `connections` cannot be off


def _limit(environ: Mapping[str, str], limit: Limit) -> int | None:
    """Return the amount of one limit; None if the limit is off. Raises Misconfigured."""
    text = environ.get(limit.setting, "").strip().lower()
    if not text:
        return limit.default
    if text == "off" and limit.can_be_off:
        return None
    unit = limit.setting_unit
    minimum, maximum = -(-limit.minimum // unit), limit.maximum // unit
    found = _integer(text)
    if found is None or not minimum <= found <= maximum:
        or_off = ", or `off`" if limit.can_be_off else ""
        raise Misconfigured(
            f"{limit.setting} must be an integer from {minimum} to {maximum}{or_off}, "
            f"not {text[:_MAX_SHOWN]!r}."
        )
    return found * unit


def _secret_keys(environ: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """Return the keys for signing secrets: the first one encrypts, all decrypt.

    So a key can be replaced while secrets that were encrypted with it are still stored. Raises
    Misconfigured, and quotes nothing of a key.
    """
    text, source = environ.get("WAKECALL_SECRET_KEY"), "WAKECALL_SECRET_KEY"
    if not text:
        file = home / SECRET_KEY_FILE
        source = f"The file {file}"
        try:
            text = file.read_text(errors="replace")
        except OSError:
            text = ""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(map(_is_secret_key, found)):
        raise Misconfigured(
            f"{source} is not a Fernet key (32 bytes in URL-safe base64), or several of them, "
            "separated by commas."
        )
    return found


def _is_secret_key(text: str) -> bool:
    """Whether it is a key as `cryptography.fernet` reads it."""
    try:
        return len(urlsafe_b64decode(text)) == _KEY_BYTES
    except ValueError:
        return False


def _instance(home: Path) -> dict[str, Any]:
    """Return the file in which an instance that runs from `home` describes its servers; or {}."""
    try:
        found = json.loads((home / INSTANCE_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
