"""A real MLflow server on loopback, of the version that stacks run, in an environment of its own."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.environments import environment
from tests.processes import HOST, Process, free_port, until

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@contextmanager
def mlflow_server(folder: Path) -> Generator[str]:
    """Its URL; it keeps its tables and files in `folder`."""
    python = environment("mlflow", REQUIREMENTS) / "python"
    port = free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    process = Process(
        "mlflow",
        [
            *(python, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "artifacts"),
        ],
        folder,
        {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )
    url = f"http://{HOST}:{port}"
    with process:
        until(lambda: _is_up(url), "answer of MLflow", 240, [process])
        yield url


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False
