"""PostgreSQL: tables, rows to values and back, and the SQL of the hot path."""
