"""Nginx: its command and its configuration as the receiver of a run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.certificate import CERTIFICATE, KEY

_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")

# Quirrel does not send our headers: the job's id holds the due instant and the run.
# Buffered: a write for each call would cost more than the call. $msec is the clock as it stood when
# the event loop woke, cut to the millisecond.
_CONFIGURATION: Final = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
error_log stderr error;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_x_quirrel_meta $due {{
    default $http_wakecall_scheduled_for;
    '~"id":"(?<their_due>[^/"]+)/' $their_due;
  }}
  map $http_x_quirrel_meta $run {{
    default $http_webhook_id;
    '~"id":"[^/"]+/(?<their_run>[^"]+)"' $their_run;
  }}
  log_format arrival '$msec $due $run $status';
  server {{
{plain}
    location / {{ return 204; }}
    location = /count {{ stub_status; }}
  }}
  server {{
{timed}
    access_log {folder}/arrivals.log arrival buffer=256k flush=250ms;
    location / {{ return 204; }}
  }}
  server {{
{tls}
    ssl_certificate {folder}/{certificate};
    ssl_certificate_key {folder}/{key};
    access_log {folder}/arrivals.log arrival buffer=256k flush=250ms;
    location / {{ return 204; }}
  }}
}}
"""


def binary() -> str | None:
    """The nginx of this machine, if it has one."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_PLACES])
    return shutil.which("nginx", path=path)


def version(command: str) -> str:
    """Its version, as it tells it."""
    output = subprocess.run([command, "-v"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"nginx/[\w.]+", output)
    return found.group() if found else "nginx"


def configuration(
    folder: Path, addresses: Sequence[str], *, plain: int, timed: int, tls: int, files: int
) -> str:
    """The text of its configuration, which names nothing outside `folder`."""

    def listen(port: int, options: str = "") -> str:
        return "\n".join(f"    listen {each}:{port}{options} backlog=4096;" for each in addresses)

    return _CONFIGURATION.format(
        folder=folder,
        files=files,
        connections=files - 1000,
        # The master process opens all files. Only root can change the user.
        user="user nobody nogroup;" if _as_root_with_nogroup() else "",
        plain=listen(plain),
        timed=listen(timed),
        tls=listen(tls, " ssl"),
        certificate=CERTIFICATE,
        key=KEY,
    )


def command(binary: str, folder: Path, text: str) -> tuple[str, ...]:
    """Write the configuration down; the command line that serves it."""
    path = folder / "nginx.conf"
    path.write_text(text, encoding="utf-8")
    return (binary, "-p", f"{folder}", "-c", f"{path}", "-e", "stderr")


def _as_root_with_nogroup() -> bool:
    return os.geteuid() == 0 and "\nnogroup:" in Path("/etc/group").read_text(encoding="utf-8")
