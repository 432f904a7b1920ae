"""Dapr: the schedules of Dapr's Jobs API: how they are read, their ticks, what may be booked.

`schedule` is the trigger, which app/domain/trigger.py unites with those of the other dialects.
Schedules mean what they mean to Dapr 1.18 (tests/vectors/dapr.json); those at which Dapr would
fire endlessly are refused.
"""
