"""The prefixes of the Fusion routes: with and without `/apollo`, with and without an app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response

PREFIXES: Final = ("/api", "/api/apollo")
APP: Final = "/apps/<app>"
BASES: Final = tuple(prefix + app for prefix in PREFIXES for app in ("", APP))

View = Callable[..., Response]


def route(blueprint: Blueprint, method: str, path: str) -> Callable[[View], View]:
    """Offer a view at `path` below each of BASES; it takes `app`, None where there is none."""

    def offer(view: View) -> View:
        for base in BASES:
            blueprint.add_url_rule(base + path, view_func=view, methods=[method])
        return view

    return offer
