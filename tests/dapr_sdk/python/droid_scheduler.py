"""A job scheduler as the quickstart of the Python SDK has it: asks the job service to book."""

import json
import os
import sys
import urllib.request

METHODS = f"http://localhost:{os.environ['DAPR_HTTP_PORT']}/v1.0/invoke/job-service-sdk/method"


def send(method: str, path: str, document: dict | None = None) -> str:
    data = None if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{METHODS}/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def main(due_times: list[str]) -> None:
    droids = (("R2-D2", "Oil Change"), ("C-3PO", "Limb Calibration"))
    for (name, job), due_time in zip(droids, due_times, strict=True):
        print(f"Sending request to schedule job: {name}", flush=True)
        document = {"name": name, "job": job, "dueTime": int(due_time)}
        print(f"Response: {send('POST', 'scheduleJob', document)}", flush=True)
        print(f"Sending request to retrieve job: {name}", flush=True)
        print(f"Job details for {name}: {send('GET', f'getJob/{name}')}", flush=True)
    print(send("DELETE", "deleteJob/C-3PO"), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
