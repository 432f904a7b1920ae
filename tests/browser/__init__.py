"""The console in a real browser: what scripts do, what the keyboard does, what axe finds."""
