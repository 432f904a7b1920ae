"""Books, reads and deletes with the Python SDK, and prints what came back, a line for each."""

import json
import warnings

from dapr.clients import ConstantFailurePolicy, DaprClient, DropFailurePolicy, Job
from dapr.clients.exceptions import DaprGrpcError
from google.protobuf.any_pb2 import Any

# The SDK warns that jobs were an alpha.
warnings.simplefilter("ignore")


def described(job: Job) -> dict:
    policy = job.failure_policy
    return {
        "name": job.name,
        "schedule": job.schedule,
        "repeats": job.repeats,
        "due_time": job.due_time,
        "ttl": job.ttl,
        "data": None if job.data is None else [job.data.type_url, job.data.value.hex()],
        "policy": None if policy is None else [type(policy).__name__, vars(policy)],
    }


def main() -> None:
    with DaprClient() as client:
        # The stable names came with 1.19.
        schedule = getattr(client, "schedule_job", client.schedule_job_alpha1)
        get = getattr(client, "get_job", client.get_job_alpha1)
        delete = getattr(client, "delete_job", client.delete_job_alpha1)

        def book(job: Job, **options: bool) -> None:
            schedule(job, **options)
            print(json.dumps(described(get(job.name))), flush=True)

        def refused(act) -> None:
            try:
                act()
            except DaprGrpcError as error:
                print(f"{error.code().name} {error.error_code()} {error.details()}", flush=True)
            else:
                print("not refused", flush=True)

        book(Job(name="plain", due_time="1h"))
        everything = {
            "schedule": "@every 90m",
            "repeats": 5,
            "due_time": "2h",
            "ttl": "48h",
            "data": Any(type_url="example.com/droid", value=b"\x00\xff droid"),
            "failure_policy": ConstantFailurePolicy(max_retries=7, interval_seconds=20),
        }
        book(Job(name="full", **everything))
        refused(lambda: schedule(Job(name="full", due_time="3h")))
        book(Job(name="full", due_time="3h", failure_policy=DropFailurePolicy()), overwrite=True)
        book(Job(name="endless", due_time="1h", failure_policy=ConstantFailurePolicy()))
        refused(lambda: schedule(Job(name="never", due_time="tomorrow")))
        for name in ("plain", "full", "endless", "nobody"):
            delete(name)
        refused(lambda: get("full"))


if __name__ == "__main__":
    main()
