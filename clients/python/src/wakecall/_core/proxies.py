"""Proxies: clients of HTTP with those of the environment, and why one cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Final, TypeVar
from urllib.request import getproxies

import httpx2

from wakecall.errors import NotConfigured

T = TypeVar("T")

_SCHEMES: Final = ("https", "http", "all")
_SOCKS: Final = ("socks5://", "socks5h://")
_REMEDY: Final = "Set it to a proxy such as http://proxy.example:3128, or remove it"


def with_proxies(make: Callable[[], T]) -> T:
    """What `make` makes, a client of HTTP; raises NotConfigured for a proxy that it cannot use."""
    try:
        return make()
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise NotConfigured(reason(os.environ) or f"No proxy can be used: {error}") from None


def reason(environ: Mapping[str, str]) -> str | None:
    """Why a proxy of the environment cannot be used; None if all can.

    The value of the variable is not told: it may have a password.
    """
    return next(_reasons(environ), None)


def _reasons(environ: Mapping[str, str]) -> Iterator[str]:
    found = getproxies()
    for scheme in _SCHEMES:
        proxy = found.get(scheme, "")
        names = (name for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()) if name in environ)
        name = next(names, f"The proxy of the system for {scheme}")
        if not proxy:
            continue
        try:
            httpx2.Proxy(proxy if "://" in proxy else f"http://{proxy}")
        except (ValueError, httpx2.InvalidURL):
            yield f"{name} is not the address of a proxy that can be used. {_REMEDY}."
            continue
        if proxy.lower().startswith(_SOCKS) and not _has_socks():
            yield (
                f"{name} is a SOCKS proxy, for which the package socksio is not installed: pip "
                f"install socksio. {_REMEDY}."
            )


def _has_socks() -> bool:
    try:
        import_module("socksio")
    except ImportError:
        return False
    return True
