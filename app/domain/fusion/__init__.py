"""Fusion: what the Fusion Jobs API speaks of: resources, schedules, tasks, chains and statuses.

Nothing is imported here: app/domain/trigger.py stands on `calendar`, and other modules of this
room on it.
"""
