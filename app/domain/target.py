"""Target: which URLs and addresses a callback may reach, without resolving any name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from app.domain.checks import escaped
from app.domain.ports import judge_port
from app.errors import InvalidMember

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: Final[tuple[Address, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
"""The addresses of `localhost`, which is not resolved by DNS (RFC 6761, 6.3)."""

MAX_URL: Final = 2048
"""Characters of a URL in a job."""

MAX_CALLED: Final = 5 * MAX_URL
"""Characters of a URL that is called: the URL of a Dapr app, followed by the name of a job, whose
at most 512 characters have up to 12 characters each when they are percent-encoded."""

_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "Give a URL such as https://example.com/wake."
_PUBLIC: Final = "Give the URL of a publicly reachable address."

_UNFIT = re.compile(r"[^!-\[\]-~]")
_WHOLE = re.compile(r"(?P<scheme>[^:/?#]+)://(?P<authority>[^/?#]*)(?P<path>[^#]*)(?:#.*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT: Final = 65_535
_MAX_NAME: Final = 253
# Names in these domains are names of the machine itself or of a private network, never of a public
# host (RFC 6761, 6762, 8375 and 9476; ICANN reserves `internal` for private use).
_NAMES = ("localhost", "localdomain", "internal", "local", "arpa")


def _table(rows: Iterable[tuple[str, str]]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(text), meaning) for text, meaning in rows)


_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""The prefix of NAT64 for IPv4 addresses (RFC 6052, 2.1), only for public ones (3.1)."""

# An own list: ipaddress.is_global allows 6to4, NAT64, site-local, multicast and documentation.
_DENIED: Final = {
    4: _table(
        (
            ("0.0.0.0/8", "this network"),
            ("10.0.0.0/8", "private"),
            ("100.64.0.0/10", "carrier-grade NAT"),
            ("127.0.0.0/8", "loopback"),
            ("169.254.0.0/16", "link-local"),
            ("172.16.0.0/12", "private"),
            ("192.0.0.0/24", "protocol assignments"),
            ("192.0.2.0/24", "documentation"),
            ("192.168.0.0/16", "private"),
            ("198.18.0.0/15", "benchmarks"),
            ("198.51.100.0/24", "documentation"),
            ("203.0.113.0/24", "documentation"),
            ("224.0.0.0/4", "multicast"),
            ("240.0.0.0/4", "reserved"),
            ("168.63.129.16/32", "a cloud's own services"),
        )
    ),
    6: _table(
        (
            ("2001::/23", "protocol assignments"),
            ("2001:db8::/32", "documentation"),
            ("2002::/16", "6to4"),
            ("3fff::/20", "documentation"),
        )
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The parts of a URL that decide where a call goes."""

    scheme: str
    host: str
    """In lower case, without brackets or a final dot."""
    port: int
    address: Address | None
    """The address, if the host is a literal address; None if it is a name."""
    path: str
    """The request target with its query, with escapes as they were written."""


def judge_url(
    url: str, *, allow: tuple[Network, ...], deny: tuple[Network, ...] = (), member: str = "url"
) -> None:
    """Check that a callback URL may be booked, without resolving a name.

    Raises InvalidMember for `member`.
    """
    try:
        _check_length(url, MAX_URL)
        target = split(url)
    except InvalidMember as refusal:
        raise InvalidMember(member, refusal.message, remedy=refusal.remedy) from None
    reason = judge_port(target.port)
    if reason is not None:
        raise InvalidMember(
            member, reason, remedy="Use 80, 443, or a port above 1023 that HTTP servers use."
        )
    reason = judge_host(target, allow=allow, deny=deny)
    if reason is not None:
        raise InvalidMember(member, reason, remedy=_PUBLIC)


def judge_host(
    target: Target, *, allow: tuple[Network, ...], deny: tuple[Network, ...] = ()
) -> str | None:
    """Return why the host may not be called, without resolving it; None if it may."""
    if target.address is not None:
        return judge_address(target.address, allow=allow, deny=deny)
    loopback = any(judge_address(each, allow=allow, deny=deny) is None for each in LOOPBACK)
    if is_localhost(target.host):
        return (
            None if loopback else f"{target.host} is this machine, which callbacks may not reach."
        )
    if "." not in target.host and not loopback:
        return (
            f"{target.host} is a name without a domain, as in a private network, "
            "which callbacks may not reach."
        )
    last = target.host.rpartition(".")[2]
    if last in _NAMES and last != target.host:
        return f"{target.host} is a name of a private network, which callbacks may not reach."
    return None


def judge_address(
    address: Address, *, allow: tuple[Network, ...], deny: tuple[Network, ...] = ()
) -> str | None:
    """Return why no connection may be made to this address; None if one may.

    The operator's `deny` takes precedence over `allow`, and `allow` over the list of private
    networks. The reason does not name the operator's networks. An address with NAT64's well-known
    prefix is judged by the IPv4 address in it, to which `allow` does not apply. Other IPv6 forms of
    IPv4 addresses (mapped, compatible, 6to4, Teredo, NAT64 with another prefix) are denied.
    """
    if any(address in network for network in deny):
        return f"{address} is an address that callbacks may not reach."
    inner = translated(address)
    if inner != address:
        return judge_address(inner, allow=(), deny=deny)
    if any(address in network for network in allow):
        return None
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return f"{address} is not a global unicast address, which callbacks may not reach."
    for network, meaning in _DENIED[address.version]:
        if address in network:
            return f"{address} is in {network} ({meaning}), which callbacks may not reach."
    return None


def translated(address: Address) -> Address:
    """Return the IPv4 address in an address with NAT64's well-known prefix; else the address."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_localhost(host: str) -> bool:
    """Return whether this name (lower case, no final dot) always means the machine itself."""
    return host == "localhost" or host.endswith(".localhost")


@lru_cache(maxsize=4096)
def split(url: str) -> Target:
    """Return the parts of an absolute http(s) URL of at most MAX_CALLED characters (RFC 3986, 3.2).

    The grammar is strict, so that the host that is judged is the one that libcurl connects to.
    Raises InvalidMember (member `url`).
    """
    _check_length(url, MAX_CALLED)
    unfit = _UNFIT.search(url)
    if unfit is not None:
        raise _refusal(f"contains {unfit[0]!a}", _remedy_for(unfit[0]))
    whole = _WHOLE.fullmatch(url)
    if whole is None:
        raise _refusal("is not an absolute URL", _EXAMPLE)
    scheme = whole["scheme"].lower()
    if scheme not in _DEFAULT_PORT:
        raise _refusal(f"has the scheme {scheme}", "Use http or https.")
    authority = whole["authority"]
    if "@" in authority:
        raise _refusal("contains user information", "Remove the user information before the @.")
    if "%" in authority:
        raise _refusal(
            "contains a percent sign in its host", "Write the host without percent-encoding."
        )
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise _refusal("has no valid host", _EXAMPLE)
    host, address = _host(parts["host"])
    path = whole["path"]
    return Target(
        scheme=scheme,
        host=host,
        port=_port(scheme, parts["port"]),
        address=address,
        path=path if path.startswith("/") else f"/{path}",
    )


def _remedy_for(character: str) -> str:
    if not character.isascii():
        return "Percent-encode it in path or query; write a host name in its xn-- form."
    if character == "\\":
        return "Use forward slashes, or percent-encode it as %5C."
    return f"Percent-encode it as %{ord(character):02X}."


def _port(scheme: str, text: str | None) -> int:
    if text is None:
        return _DEFAULT_PORT[scheme]
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= _MAX_PORT:
        raise _refusal(f"has the port {escaped(text)!r}", "Give a port from 1 to 65535, or none.")
    return int(text)


def _host(text: str) -> tuple[str, Address | None]:
    if not text:
        raise _refusal("has no host", _EXAMPLE)
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except ValueError:
            raise _refusal(
                f"has the host {escaped(text)}", "Give an IPv6 address in brackets."
            ) from None
        return str(address), address
    host = text.removesuffix(".").lower()
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return text, _dotted_quad(text)
    if len(host) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refusal(
            f"has the host {escaped(text)}", "Give a host name of letters, digits and hyphens."
        )
    return host, None


def _dotted_quad(text: str) -> IPv4Address:
    """Return the address; only one spelling, as resolvers accept 127.1, 0x7f.1 and 2130706433."""
    try:
        return IPv4Address(text)
    except ValueError:
        raise _refusal(
            f"has the host {escaped(text)}, which ends in a number",
            "Write an IPv4 address as four decimal numbers, such as 192.0.2.1.",
        ) from None


def _check_length(url: str, most: int) -> None:
    if len(url) > most:
        raise _refusal(f"is {len(url)} characters long", f"Give at most {most} characters.")


def _refusal(what: str, remedy: str) -> InvalidMember:
    return InvalidMember("url", f"The URL {what}.", remedy=remedy)
