"""Runs of an experiment, as an MLflow server keeps them.

https://mlflow.org/docs/latest/ml/tracking/
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from inference_app.mlflow.connection import API, Connection, MlflowError

PROXIED = "mlflow-artifacts:"
"""Begins the URI of files that go through the server."""

# https://mlflow.org/docs/latest/api_reference/rest-api.html#request-limits
_MOST_PARAMETERS, _MOST_METRICS, _MOST_CHARACTERS = 100, 1000, 6000


@dataclass(frozen=True)
class Run:
    """A run that is being recorded; every method raises `MlflowError`."""

    connection: Connection
    id: str
    artifacts: str
    """The URI of its files."""

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """What it was told, each value as text."""
        listed = [{"key": key, "value": str(value)[:_MOST_CHARACTERS]} for key, value in parameters.items()]
        for some in _portions(listed, _MOST_PARAMETERS):
            self.connection.post("/runs/log-batch", run_id=self.id, params=some)

    def log_metrics(self, metrics: Mapping[str, Sequence[float]]) -> None:
        """What it measured, a number a step."""
        now = _now()
        listed = [
            {"key": key, "value": value, "timestamp": now, "step": step}
            for key, values in metrics.items()
            for step, value in enumerate(values)
        ]
        for some in _portions(listed, _MOST_METRICS):
            self.connection.post("/runs/log-batch", run_id=self.id, metrics=some)

    def send(self, content: BinaryIO, size: int, path: str) -> None:
        """Send `size` bytes to `path` among its files."""
        root = self.artifacts.removeprefix(PROXIED).lstrip("/")
        self.connection.put(f"{root}/{path}", content, size)


@contextmanager
def started(connection: Connection, experiment: str, name: str, tags: Mapping[str, str]) -> Generator[Run]:
    """A new run in an experiment, which is made if need be; it ends as failed if the block raises."""
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    number = _experiment(connection, experiment)
    made = connection.post("/runs/create", experiment_id=number, run_name=name, start_time=_now(), tags=listed)
    info = made["run"]["info"]
    run = Run(connection, info["run_id"], info["artifact_uri"])
    try:
        if not run.artifacts.startswith(PROXIED):
            raise MlflowError(
                f"experiment {experiment} must keep its files with the server, got {run.artifacts}; name another",
                run.artifacts,
                400,
            )
        yield run
    except BaseException:
        with suppress(MlflowError):  # the first error is the one to tell
            _end(run, "FAILED")
        raise
    _end(run, "FINISHED")


def _experiment(connection: Connection, name: str) -> str:
    try:
        found = connection.get(f"{API}/experiments/get-by-name", experiment_name=name)
    except MlflowError as error:
        if error.status != 404:
            raise
        return connection.post("/experiments/create", name=name)["experiment_id"]
    return found["experiment"]["experiment_id"]


def _end(run: Run, status: str) -> None:
    run.connection.post("/runs/update", run_id=run.id, status=status, end_time=_now())


def _now() -> int:
    return int(time.time() * 1000)


def _portions(items: Sequence[Mapping[str, object]], most: int) -> Iterator[Sequence[Mapping[str, object]]]:
    return (items[start : start + most] for start in range(0, len(items), most))
