"""The processes behind the web: scheduler, worker, maintenance."""
