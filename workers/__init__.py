"""The processes behind the web: scheduler, with maintenance, and worker, with its quarantine."""
