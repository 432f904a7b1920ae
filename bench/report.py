"""Report: the table of docs/performance.md, made from the results kept last.

python -m bench.report   rewrites table and chart
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench import results
from bench.figures import format_ms
from bench.hostile import table as hostile
from bench.peers import merging, table
from local.instance import CHECKOUT

PAGE: Final = CHECKOUT / "docs" / "performance.md"
CHART: Final = CHECKOUT / "docs" / "images" / "performance.svg"
BEGIN: Final = "<!-- measured: from bench/results/latest.json, by make bench -->"
END: Final = "<!-- end of what was measured -->"

Results = Mapping[str, Any]


def main() -> int:
    """Bring page and chart up to date with the results."""
    from bench import chart  # noqa: PLC0415 - it needs a library that only benchmarks have

    found = results.read()
    chart.draw(found, CHART)
    write_page(found)
    return 0


def write_page(found: Results) -> None:
    """Bring the page up to date; it needs nothing that only benchmarks have."""
    PAGE.write_text(inserted(PAGE.read_text(encoding="utf-8"), block(found)), encoding="utf-8")


def inserted(page: str, text: str) -> str:
    """The page with `text` between its markers. Raises ValueError where they are missing."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("The page has no markers to write between.")
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"


def block(found: Results) -> str:
    """Everything between the markers, in Markdown."""
    parts = [
        _about(found),
        _table(("what", "measured", "against", "aim"), _main(found)),
        _table(
            ("calls a second", "p50", "p99", "p99.9", "latest"),
            (
                (
                    f"{int(rate):,}",
                    *(format_ms(late[key]) for key in ("p50", "p99", "p999", "max")),
                )
                for rate, late in found["lateness_ms"].items()
            ),
        ),
        _table(("CPU per callback", "µs"), found["cpu_us_per_callback"].items()),
        _table(("beside these", "measured"), _further(found)),
    ]
    if hostile.KEY in found:
        parts += [hostile.about(found), _table(hostile.HEAD, hostile.rows(found))]
    if merging.KEY in found:
        parts += [table.about(found), _table(table.HEAD, table.rows(found))]
    return "\n\n".join(parts)


def _about(found: Results) -> str:
    machine, versions, sizes = found["machine"], found["versions"], found["sizes"]
    server = found["settings"]["postgresql"]
    return (
        f"Measured on {found['date'][:10]}, {sizes['plan']} run: {machine['cores']} cores of "
        f"{machine['processor']}, {machine['memory_gib']:g} GiB, {machine['system']}, fdatasync "
        f"{machine['fdatasync_us']} µs, load {machine['load_at_start']:g} before; "
        f"PostgreSQL {versions['postgresql']} "
        f"(fsync {server['fsync']}, synchronous_commit {server['synchronous_commit']}, "
        f"shared_buffers {server['shared_buffers']}), Valkey {versions['valkey']}, Python "
        f"{versions['python']}{_speed(machine)}, libcurl {versions['libcurl']}, "
        f"receiver {versions['receiver']}"
        f"{', commit ' + versions['commit'] if 'commit' in versions else ''}."
    )


def _speed(machine: Mapping[str, Any]) -> str:
    """How long the interpreter takes for a step, where that was measured."""
    return f" ({machine['python_ns']:g} ns a step)" if "python_ns" in machine else ""


def _main(found: Results) -> Iterator[tuple[str, ...]]:
    sizes, details = found["sizes"], found["details"]
    jobs = sizes["drain_jobs"][-1]
    drain = details["drain"][f"{jobs}"]
    yield (
        f"drain of {jobs:,} jobs due at one instant",
        _rate(found["drain_per_s"]),
        f"{found['drain_vs_bare']:g} × the bare engine ({_rate(drain['bare_per_s'])})",
        "≥ 0.6 ×",
    )
    naive = found["naive_drain_per_s"]
    yield (
        "the naive design",
        _rate(naive),
        f"Wakecall is {found['drain_per_s'] / naive:.0f} × as fast",
        "",
    )
    for rate, aim in (("1000", "≤ 5 ms"), ("5000", "≤ 15 ms")):
        if rate in found["lateness_ms"]:
            late = found["lateness_ms"][rate]["p99"]
            yield f"lateness p99 at {int(rate):,}/s", format_ms(late), "", aim
    yield (
        "1 receiver in 1,000 hangs: p99 of the others",
        format_ms(details["slow"]["p99_ms_beside"]),
        f"{found['slow_receivers_p99_ratio']:g} × without them",
        "unchanged",
    )
    yield from _bookings(found)
    yield (
        "lateness p99 beside 1 or 50 accounts with a backlog",
        format_ms(found["neighbour_p99_ms"]),
        "",
        "≤ 250 ms",
    )
    yield from _beside(found)


def _bookings(found: Results) -> Iterator[tuple[str, ...]]:
    sizes, details = found["sizes"], found["details"]
    few, *_, many = sizes["claim_pending_jobs"]
    yield (
        f"CPU of a firing beside {many:,} pending jobs",
        f"{details['claim'][f'{many}']['cpu_us']:g} µs",
        f"{found['claim_10m_vs_100k']:g} × beside {few:,}",
        "≤ 1.2 ×",
    )
    yield (
        "create, one JSON document a request",
        _rate(found["create_per_s"]),
        ", ".join(_against(found)),
        "≥ 4,500/s, p99 ≤ 25 ms",
    )
    bulk = found["bulk_per_s"]
    yield (
        f"bulk create, {sizes['bulk_documents_per_request']:,} a request",
        "not there yet" if bulk is None else _rate(bulk),
        "",
        "≥ 20,000/s",
    )


def _against(found: Results) -> Iterator[str]:
    """Yield what bookings over HTTP are compared with; not every run measures all of it."""
    yield f"{found['create_vs_insert_route']:g} × a route that only inserts"
    if late := found.get("create_p99_ms"):
        yield f"p99 {format_ms(late)}"
    if ratio := found.get(merging.VS_QUIRREL):
        yield f"{ratio:g} × Quirrel"
    if ratio := found.get("create_vs_dapr"):
        yield f"through a sidecar {ratio:g} × Dapr, whose figure is of another run"


def _beside(found: Results) -> Iterator[tuple[str, ...]]:
    """Yield the rows of what not every run measures."""
    if console := found.get("console"):
        yield (
            f"lateness p99 beside {console['tabs']} tabs of the console",
            format_ms(console["beside"]["p99"]),
            (
                f"{format_ms(console['alone']['p99'])} without them; {console['pages_per_s']:g} "
                f"pages a second, p99 {format_ms(console['page_ms']['p99'])}"
            ),
            "unchanged",
        )
    if busy := found.get("busy"):
        many = busy["beside_many"]
        for rate, late in busy["beside_one"].items():
            yield (
                f"lateness p99 at {_rate(int(rate))} beside a process that computes",
                format_ms(late["p99"]),
                (
                    f"beside {many['processes']}: {format_ms(many['p99'])} at 1,000/s, and on time "
                    f"{many['recovered_after']} s after these have ended"
                ),
                "≤ 10 ms" if rate == "1000" else "≤ 50 ms",
            )
    if restart := found["details"].get("restart"):
        late = restart["lateness_ms"]
        yield (
            f"{len(restart['processes'])} processes restarted in turn at {_rate(restart['rate'])}",
            f"latest call {format_ms(late['max'])}",
            f"p99 {format_ms(late['p99'])}; no call came twice",
            "≤ 1,000 ms",
        )


_WAYS: Final = {
    "http": "over HTTP at the service",
    "http_sidecar": "over HTTP through a sidecar",
    "grpc": "over gRPC at the service",
    "grpc_sidecar": "over gRPC through a sidecar",
}


_SERVERS: Final = {
    "core": "the core of grpcio as Wakecall drives it",
    "asyncio": "the asyncio server of grpcio",
}


def _further(found: Results) -> Iterator[tuple[str, ...]]:
    details = found["details"]
    for form in ("xml", "path"):
        create = details["create"][form]
        ratio = f"{create['vs_insert_route']:g} × the route that only inserts"
        yield f"create, {form} form", f"{_rate(create['per_s'])}, {ratio}"
    for way, booked in details.get("dapr", {}).items():
        figure = f"{_rate(booked['per_s'])}, {booked['vs_http']:g} × over HTTP at the service"
        yield f"Dapr jobs booked {_WAYS[way]}", figure
    for server, answered in details.get("grpc_empty", {}).items():
        figure = f"{_rate(answered['per_s'])}, {answered['vs_http']:g} × Dapr jobs over HTTP"
        yield f"RPCs that do nothing, {_SERVERS[server]}", figure
    for jobs, drain in details["drain"].items():
        yield (
            f"drain of {int(jobs):,}",
            (
                f"{_rate(drain['per_s'])}, {drain['vs_bare']:g} × bare; rounds lay "
                f"{drain['per_s_spread']:.0%} apart (bare {drain['bare_spread']:.0%})"
            ),
        )
    if scale := found.get("scale"):
        rates = ", ".join(f"{_rate(run['per_s'])} with {n}" for n, run in scale["runs"].items())
        errors = ", ".join(f"{error:+.0%} with {n}" for n, error in scale["error"].items())
        yield (
            f"drain by workers on {scale['cores']} cores",
            f"{rates}; the model is off by {errors}",
        )
    tls = details["tls"]
    yield (
        f"TLS at {_rate(tls['rate'])}, on kept connections",
        f"p99 {format_ms(tls['lateness_ms']['p99'])}, {tls['cpu_us']['total']:g} µs of CPU a call",
    )
    yield (
        f"TLS, {found['sizes']['tls_handshakes']:,} handshakes at one instant",
        f"{_rate(tls['handshakes_per_s'])}, {tls['handshakes_cpu_us']['total']:g} µs of CPU a call",
    )
    crons = details["crons"]
    yield (
        f"{found['sizes']['cron_jobs']:,} different cron jobs at one instant",
        f"{_rate(crons['per_s'])}, {crons['scheduler_us']:g} µs of the scheduler each",
    )
    listed = details["list"]
    plain = listed["text/plain"]
    yield (
        f"list of {listed['ids']:,} ids",
        f"{plain['seconds']:g} s, web grows by {plain['web_memory_growth_mib']:g} MiB",
    )
    for name, late in details["neighbours"].items():
        each = found["sizes"]["neighbour_overdue_jobs"][name]
        yield (
            f"beside {name} with {each:,} overdue jobs each: p50, p99, latest",
            (
                f"{format_ms(late['p50'])}, {format_ms(late['p99'])}, {format_ms(late['max'])}, of "
                f"{late['samples']} calls"
            ),
        )


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}/s"


def _table(head: tuple[str, ...], rows: Any) -> str:  # noqa: ANN401 - rows of anything printable
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(f'{cell}' for cell in row)} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
