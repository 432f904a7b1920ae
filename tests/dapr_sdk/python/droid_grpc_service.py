"""A job service that is called over gRPC, by the Python SDK's `dapr.ext.grpc`."""

import json
import os

from dapr.clients import DaprClient, Job
from dapr.ext.grpc import App, InvokeMethodRequest, InvokeMethodResponse, JobEvent
from google.protobuf.any_pb2 import Any

app = App()


@app.job_event("R2-D2")
def work(event: JobEvent) -> None:
    task = json.loads(event.get_data_as_string())
    print(f"Starting droid: {task['droid']}", flush=True)
    print(f"Executing maintenance job: {task['task']}", flush=True)


@app.job_event("BB-8")
def work_without_data(event: JobEvent) -> None:
    print(f"Job {event.name} has {len(event.data)} bytes", flush=True)


@app.method(name="greet")
def greet(request: InvokeMethodRequest) -> InvokeMethodResponse:
    caller = request.metadata.get("dapr-caller-app-id", ["?"])
    print(f"Invoked by {caller[0]} with {request.text()}", flush=True)
    task = json.dumps({"droid": "R2-D2", "task": "Oil Change"})
    with DaprClient() as client:
        job = Job(name="R2-D2", due_time="0s", data=Any(value=task.encode()))
        client.schedule_job_alpha1(job=job, overwrite=True)
    return InvokeMethodResponse(f"hello {request.text()}".encode(), "text/plain; charset=UTF-8")


if __name__ == "__main__":
    print("Job service listens", flush=True)
    app.run(int(os.environ["APP_PORT"]))
