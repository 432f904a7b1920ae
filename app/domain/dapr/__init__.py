"""Dapr: the schedules of Dapr's Jobs API; reading them, their ticks, what may be booked.

`schedule` is the trigger, which app/domain/trigger.py unites with those of the other dialects.
The dialect is that of Dapr 1.18 (tests/vectors/dapr.json), its endless loops refused.
"""
