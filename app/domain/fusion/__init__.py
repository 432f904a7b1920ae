"""Fusion: the values and decisions of the Fusion Jobs API: resources, schedules, tasks, statuses.

Their documents are read and written in app/api/fusion. Nothing is imported here, as
app/domain/trigger.py imports `time_triggers`, and other modules of this package import that.
"""
