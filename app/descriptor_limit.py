"""Descriptor limit: how many files and sockets a process may have open."""

from __future__ import annotations

import resource

from app.log import logger


def raise_descriptor_limit(wanted: int | None = None) -> None:
    """Raise the soft limit to `wanted`, or to the hard limit, as far as the system allows.

    Every connection needs a descriptor, and the usual soft limit (1,024) is soon reached. If the
    limit stays below `wanted`, or the system refuses to raise it, a warning is logged.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    limit = hard
    if wanted is not None and (hard == unlimited or wanted < hard):
        limit = wanted
    if soft != unlimited and (limit == unlimited or soft < limit):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (OSError, ValueError):
            logger.warning("process.files_limited", soft=soft)
    if wanted is not None and unlimited != limit < wanted:
        logger.warning("process.few_files", limit=limit, wanted=wanted)
