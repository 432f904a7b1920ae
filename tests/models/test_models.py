"""The HTTP API of each dialect does what its model says, whatever clients ask in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.api.dapr.rpc.conftest import serving
from tests.models.dapr import DaprJobs
from tests.models.fusion import FusionJobs
from tests.models.native import NativeJobs
from tests.models.service import Service, service
from tests.servers import Databases, database_name

FEW = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=8,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
"""`make models` plays many, drawn anew each time."""


@pytest.fixture(scope="module")
def made(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    url = databases.fresh()
    with service(url, tmp_path_factory.mktemp("home")) as opened:
        yield opened
    databases.drop(database_name(url))


@pytest.fixture(scope="module")
def channel(made: Service) -> Iterator[grpc.Channel]:
    with serving(made.app) as address, grpc.insecure_channel(address) as opened:
        yield opened


def play(make: Callable[[], RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(make, settings=FEW)  # type: ignore[arg-type] # anything that makes one


def test_dapr_jobs(made: Service, channel: grpc.Channel) -> None:
    play(lambda: DaprJobs(made, channel))


def test_native_jobs(made: Service) -> None:
    play(lambda: NativeJobs(made))


def test_fusion_jobs(made: Service) -> None:
    play(lambda: FusionJobs(made))
