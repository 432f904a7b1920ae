"""Table: on the page, what an account notices of each attack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench.figures import format_ms
from bench.hostile.attacks import ATTACKS, WITHOUT_KEY

KEY: Final = "hostile"
HEAD: Final = (
    *("beside", "calls p50", "calls p99", "calls missed", "bookings p99"),
    *("the attacker's answers", "refused", "web grows by"),
)
NOTHING: Final = "nothing"
"""The name of what is measured without an attack."""

CALLS_P99_MS: Final = 100
BOOKINGS_P99_MS: Final = 250
"""What every attack has to leave to other accounts."""


def about(found: Mapping[str, Any]) -> str:
    """What was measured, when and with what."""
    run = found[KEY]["measured"]
    commit = f", commit {run['commit']}" if run["commit"] else ""
    return (
        f"Hostile, measured on {run['date'][:10]}, load {run['load_at_start']:g} before, "
        f"receiver {run['receiver']}{commit}: "
        f"{run['calls_per_s']:g} calls and {run['bookings_per_s']:g} bookings a second of one "
        f"account for {run['seconds']:g} s, beside each. Aim: no call missed, calls p99 ≤ "
        f"{CALLS_P99_MS} ms, bookings p99 ≤ {BOOKINGS_P99_MS} ms."
    )


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each attack; what is not as it should be is in bold."""
    for name, each in found[KEY]["attacks"].items():
        calls, bookings = each["calls_ms"], each["bookings_ms"]
        unbooked = each["bookings_refused"]
        yield (
            title(name),
            format_ms(calls["p50"]),
            _marked(format_ms(calls["p99"]), calls["p99"] <= CALLS_P99_MS),
            _marked(f"{each['missed']}", not each["missed"]),
            _marked(format_ms(bookings["p99"]), bookings["p99"] <= BOOKINGS_P99_MS)
            + (f", **{unbooked} of {each['bookings']} refused**" if unbooked else ""),
            *_attacker(each),
            f"{max(each['web_growth_mib'], 0):,.0f} MiB",
        )


def title(name: str) -> str:
    """The attack in words, and whether it needs no key; attacks of other releases by their name."""
    if name == NOTHING:
        return NOTHING
    known = {attack.name: attack for attack in ATTACKS}
    if name not in known:
        return name
    attack = known[name]
    return f"{attack.about}, no key" if attack in WITHOUT_KEY else attack.about


def _attacker(each: Mapping[str, Any]) -> tuple[str, str]:
    if "attack_per_s" not in each:
        return "", ""
    rate = each["attack_per_s"]
    shown = f"{rate:,.0f}/s" if rate else f"none on {each['attack_connections']:,} connections"
    return shown, f"{each['attack_refused']:.0%}" if rate else ""


def _marked(text: str, is_fine: object) -> str:
    return text if is_fine else f"**{text}**"
