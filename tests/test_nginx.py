"""The example of a proxy: which addresses it takes for those of one client."""

from __future__ import annotations

import http.client
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest

from bench import nginx
from tests.api.server import ROOT, until
from tests.ports import free_port

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {example}
  server {{
    listen 127.0.0.1:{port};
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    location / {{ return 200 $client_network; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def network_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], bytes]]:
    """Tells what the example counts the connections of an address by."""
    program = nginx.binary()
    if program is None:
        pytest.skip("nginx is missing")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    found = re.search(
        r"map \S+ \$client_network \{.*?\n    \}",
        (ROOT / "deploy" / "nginx.conf").read_text(),
        re.DOTALL,
    )
    assert found is not None
    text = CONFIGURATION.format(folder=folder, port=port, example=found[0])

    def ask(address: str) -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/", headers={"X-Real-IP": address})
            return connection.getresponse().read()

    def answers() -> bool:
        assert process.poll() is None
        try:
            return bool(ask("127.0.0.1"))
        except OSError:
            return False

    with subprocess.Popen(nginx.command(program, Path(folder), text)) as process:
        try:
            until(answers)
            yield ask
        finally:
            process.terminate()


@pytest.mark.parametrize(
    "network",
    [
        "2001:db8:1:2::/64",
        "2001:db8:1::/64",
        "2001:db8::/64",
        "2001:0:0:5::/64",
        "2001:db8:a0a:a00::/64",
    ],
)
def test_one_client_has_all_addresses_of_a_64(
    network_of: Callable[[str], bytes], network: str
) -> None:
    first = int(ip_address(network.partition("/")[0]))
    within = [f"{ip_address(first + n)}" for n in (0, 1, 0x0A << 56, 0xABCD << 48, 2**64 - 1)]

    assert len({network_of(each) for each in within}) == 1
    assert network_of(f"{ip_address(first + 2**64)}") != network_of(within[0])


def test_each_address_of_ipv4_is_a_client(network_of: Callable[[str], bytes]) -> None:
    addresses = ["192.0.2.1", "192.0.2.2", "10.10.10.10", "203.0.113.1"]

    assert len({network_of(each) for each in addresses}) == len(addresses)
