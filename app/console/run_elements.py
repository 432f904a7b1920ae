"""Run elements: the functions that templates about runs call."""

from __future__ import annotations

from datetime import datetime

from flask import Flask
from markupsafe import Markup

from app.console import charts, firing_words, held_words, run_words, shown, times
from app.domain import instants


def install(app: Flask) -> None:
    """Give these functions to the templates of this application."""
    app.jinja_env.globals |= {
        "dated_link": dated_link,
        "destination_words": firing_words.destination,
        "firing_words": firing_words.title,
        "held_words": held_words.held_words,
        "hour": hour,
        "is_success": run_words.is_success,
        "job_words": run_words.job_words,
        "kind_words": run_words.kind_words,
        "lateness_text": lateness_text,
        "moment": moment,
        "outcome_of": run_words.outcome_of,
        "outcome": run_words.outcome,
        "phases": charts.phases,
        "reason_words": run_words.reason_words,
        "reply_words": run_words.reply_words,
        "result_words": run_words.result_words,
        "rhythm_words": firing_words.rhythm,
        "state_words": run_words.state_words,
        "timing_bar": charts.timing_bar,
        "utc": instants.format_utc,
    }


def dated_link(url: str, instant: datetime) -> Markup:
    """Return a link whose text is an instant, and how far off that is, as one `<time>`."""
    text = times.absolute(instant, shown.zone(), now=shown.now(), hours=shown.hours())
    return Markup(
        '<time datetime="{}"><a href="{}">{}</a> <span class="ago">{}</span></time>'
    ).format(times.iso(instant), url, text, times.relative(instant, shown.now()))


def moment(instant: datetime) -> Markup:
    """Return an instant as `<time>` in the page's zone, in as few bytes as a long list can have."""
    text = times.absolute(instant, shown.zone(), now=shown.now(), hours=shown.hours())
    return Markup('<time datetime="{}">{}</time>').format(times.iso(instant), text)


def lateness_text(milliseconds: float | None) -> str:
    """Return a lateness as `1.3 ms`; `-` for None."""
    return "-" if milliseconds is None else times.milliseconds(milliseconds)


def hour(instant: datetime) -> str:
    """Return the time of day of an instant in the page's zone, without seconds: `09:30`."""
    local = instant.astimezone(shown.zone())
    if shown.hours() == times.NOON:
        half = "am" if local.hour < times.NOON else "pm"
        return f"{(local.hour - 1) % times.NOON + 1}:{local:%M} {half}"
    return f"{local:%H:%M}"
