"""Main: the command `wakecall`, to which each module of this room adds its commands."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Book wake-up calls, and see what became of them."""
