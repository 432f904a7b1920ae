"""Fusion: the values and decisions of the Fusion Jobs API: resources, schedules, tasks, statuses.

Their documents are read and written in app/api/fusion. `time_triggers` has the trigger, which
app/domain/trigger.py unites with those of the other dialects.
"""
