"""Run elements: the functions that templates about runs call."""

from __future__ import annotations

from datetime import datetime

from flask import Flask
from markupsafe import Markup

from app.console import charts, firing_text, held_text, page_context, run_text, times
from app.domain import instants


def install(app: Flask) -> None:
    """Give these functions to the templates of this application."""
    app.jinja_env.globals |= {
        "dated_link": dated_link,
        "destination_text": firing_text.destination,
        "firing_title": firing_text.title,
        "held_text": held_text.reason_of,
        "hour": hour,
        "is_success": run_text.is_success,
        "job_text": run_text.job_text,
        "kind_text": run_text.kind_text,
        "lateness_text": lateness_text,
        "moment": moment,
        "outcome_of": run_text.outcome_of,
        "outcome": run_text.outcome,
        "phases": charts.phases,
        "reason_text": run_text.reason_text,
        "reply_text": run_text.reply_text,
        "result_text": run_text.result_text,
        "schedule_text": firing_text.schedule,
        "state_text": run_text.state_text,
        "timing_bar": charts.timing_bar,
        "utc": instants.format_utc,
    }


def dated_link(url: str, instant: datetime) -> Markup:
    """Return a link whose text is an instant, and how far off that is, as one `<time>`."""
    text = times.absolute(
        instant, page_context.zone(), now=page_context.now(), hours=page_context.hours()
    )
    return Markup(
        '<time datetime="{}"><a href="{}">{}</a> <span class="ago">{}</span></time>'
    ).format(times.iso(instant), url, text, times.relative(instant, page_context.now()))


def moment(instant: datetime) -> Markup:
    """Return an instant as `<time>` in the page's zone, in as few bytes as a long list can have."""
    text = times.absolute(
        instant, page_context.zone(), now=page_context.now(), hours=page_context.hours()
    )
    return Markup('<time datetime="{}">{}</time>').format(times.iso(instant), text)


def lateness_text(milliseconds: float | None) -> str:
    """Return a lateness as `1.3 ms`; `-` for None."""
    return "-" if milliseconds is None else times.milliseconds(milliseconds)


def hour(instant: datetime) -> str:
    """Return the time of day of an instant in the page's zone, without seconds: `09:30`."""
    local = instant.astimezone(page_context.zone())
    if page_context.hours() == times.NOON:
        half = "am" if local.hour < times.NOON else "pm"
        return f"{(local.hour - 1) % times.NOON + 1}:{local:%M} {half}"
    return f"{local:%H:%M}"
