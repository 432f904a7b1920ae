"""The description of the Dapr Jobs API: its operations, its errors and what it calls."""
