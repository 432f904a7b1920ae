"""A job service on the Python SDK: books when it is asked to, over HTTP, and does its jobs."""

import json
import os
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dapr.clients import DaprClient, Job
from google.protobuf.any_pb2 import Any

# The SDK warns that jobs were an alpha.
warnings.simplefilter("ignore")


def schedule(droid: dict) -> dict:
    print(f"Scheduling job: {droid['name']}", flush=True)
    task = json.dumps({"droid": droid["name"], "task": droid["job"]})
    job = Job(name=droid["name"], due_time=f"{droid['dueTime']}s", data=Any(value=task.encode()))
    with DaprClient() as client:
        client.schedule_job_alpha1(job=job, overwrite=True)
    print(f"Job scheduled: {droid['name']}", flush=True)
    return droid


def get(name: str) -> dict:
    print(f"Retrieving job: {name}", flush=True)
    with DaprClient() as client:
        job = client.get_job_alpha1(name)
    return {"name": job.name, "due_time": job.due_time, "data": json.loads(job.data.value)}


def delete(name: str) -> dict:
    print(f"Deleting job: {name}", flush=True)
    with DaprClient() as client:
        client.delete_job_alpha1(name)
    print(f"Job deleted: {name}", flush=True)
    return {"message": "Job deleted"}


def work(task: dict) -> dict:
    print(f"Starting droid: {task['droid']}", flush=True)
    print(f"Executing maintenance job: {task['task']}", flush=True)
    return {"status": "success"}


class Handler(BaseHTTPRequestHandler):
    """Answers with what the functions above return, in JSON."""

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.answer(lambda: (schedule if self.path == "/scheduleJob" else work)(document))

    def do_GET(self) -> None:
        self.answer(lambda: get(self.path.removeprefix("/getJob/")))

    def do_DELETE(self) -> None:
        self.answer(lambda: delete(self.path.removeprefix("/deleteJob/")))

    def answer(self, made) -> None:
        try:
            status, document = 200, made()
        except Exception as error:
            print(f"Error: {error}", flush=True)
            status, document = 500, {"detail": str(error)}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_ignored: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["APP_PORT"])), Handler)
    print("Job service listens", flush=True)
    server.serve_forever()
