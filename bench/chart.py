"""Chart: lateness by rate and CPU by process, as one SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

_PERCENTILES: Final = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "latest"}
_SHADES: Final = ("#9ecae1", "#4292c6", "#08519c", "#bdbdbd")
_PROCESSES: Final = {
    "worker": ("#4292c6", "white"),
    "postgresql": ("#08519c", "white"),
    "scheduler": ("#9ecae1", "black"),
    "valkey": ("#bdbdbd", "black"),
    "web": ("#969696", "black"),
    "receiver": ("#fdae6b", "black"),
}
"""Colours of bars and of the figures in them."""
_LABELLED_FROM: Final = 0.06
_WHOLE_FROM: Final = 100


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Write the chart; the same results give the same file, text stays text."""
    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "wakecall", "font.size": 9}
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    figure, (late, cpu) = plt.subplots(
        2, 1, figsize=(7, 4.2), height_ratios=(3, 1), layout="constrained"
    )
    _lateness(late, found["lateness_ms"])
    _processor(cpu, found["cpu_us_per_callback"])
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _lateness(axes: Any, by_rate: Mapping[str, Mapping[str, float]]) -> None:  # noqa: ANN401 - untyped here
    width = 0.2
    for n, (key, label) in enumerate(_PERCENTILES.items()):
        values = [max(late[key], 0.1) for late in by_rate.values()]
        positions = [position + (n - 1.5) * width for position in range(len(values))]
        bars = axes.bar(positions, values, width, label=label, color=_SHADES[n])
        axes.bar_label(bars, [_short(value) for value in values], fontsize=7)
    axes.set_xticks(range(len(by_rate)), [f"{int(rate):,} calls/s" for rate in by_rate])
    axes.set_yscale("log")
    axes.set_ylabel("ms after the instant")
    axes.set_title("Lateness at the receiver", loc="left")
    axes.legend(ncols=4, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    axes.spines[["top", "right"]].set_visible(False)


def _short(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= _WHOLE_FROM else f"{milliseconds:.1f}"


def _processor(axes: Any, used: Mapping[str, float]) -> None:  # noqa: ANN401 - untyped here
    start = 0.0
    for name, (colour, ink) in _PROCESSES.items():
        value = used.get(name, 0.0)
        bar = axes.barh(0, value, left=start, color=colour, label=name)
        if value > _LABELLED_FROM * used["total"]:
            axes.bar_label(bar, [f"{value:.0f}"], label_type="center", fontsize=7, color=ink)
        start += value
    axes.set_yticks([])
    axes.set_xlabel("µs of CPU")
    axes.set_title("CPU per callback, in a drain", loc="left")
    axes.legend(ncols=6, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.6))
    axes.spines[["top", "right", "left"]].set_visible(False)
