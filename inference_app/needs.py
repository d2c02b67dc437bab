"""`python -m inference_app.needs`: measure what a model needs on one core, and write it beside the model.

Memory, a core's seconds from the process's start to ready, and those of a request with a full batch: what sizes a
function or a small container. The model is asked as AWS Lambda asks it.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from inference_app import repository, settings, tuning
from inference_app.contract import Env, ExecutionProvider, Route
from inference_app.errors import ConfigurationError, InferenceError
from inference_app.repository import ModelVersion
from inference_app.tuning import Machine

FILE = "needs.json"
KIB, MIB = 1024, 1024 * 1024
RUNS = 3
"""Fresh processes; the worst of each number counts."""
FEWEST_CALLS = 20
NEVER_MS = 3_600_000

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measurement(_Strict):
    """Of one process: its most memory, and CPU time from its start to ready and at the 99th percentile of requests.

    CPU time is what a smaller share of a core stretches, and does not depend on what else the machine does.
    """

    memory_mib: Annotated[int, Field(ge=1)]
    start_cpu_seconds: Seconds
    inference_cpu_seconds: Seconds


class Needs(Measurement):
    """The content of a version's needs.json."""

    batch_size: Annotated[int, Field(ge=1)]
    model_sha256: str
    machine: Machine
    measured: AwareDatetime


class MeasurementFailed(Exception):  # noqa: N818 - the measurement did
    """The measured process ended without numbers; the message holds its own words."""


class Context:
    """An invocation without an end."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds."""
        return NEVER_MS


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when the needs are written, 1 when the measurement failed, 2 for a wrong setting or a missing model."""
    options = _parser().parse_args(arguments)
    try:
        wanted = settings.load()
        folder = options.repository or wanted.model_repository
        version = repository.find(folder, options.model or wanted.model_name, options.version)
        if options.here:
            _say(measure_here(version, options.seconds).model_dump_json())
            return 0
        needs = measure(version, folder, options.seconds)
        _say(f"{needs.model_dump_json(indent=2)}\nWritten: {repository.write(version.directory / FILE, needs)}")
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 2
    except (MeasurementFailed, InferenceError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def measure(version: ModelVersion, folder: Path, seconds: float) -> Needs:
    """What a version needs: the worst of several processes, asked for `seconds` each; raises `MeasurementFailed`."""
    from inference_app.tune import machine  # loads ONNX Runtime

    variables = {
        Env.MODEL_REPOSITORY: str(folder),
        Env.MODEL_NAME: version.metadata.name,
        Env.MODEL_VERSION: version.directory.name,
        Env.EXTRA_MODELS: "",
        Env.EXECUTION_PROVIDER: ExecutionProvider.CPU,
        Env.LOG_LEVEL: "ERROR",
    }
    runs = [_in_a_process(variables, seconds) for _ in range(RUNS)]
    return Needs(
        memory_mib=max(run.memory_mib for run in runs),
        start_cpu_seconds=max(run.start_cpu_seconds for run in runs),
        inference_cpu_seconds=max(run.inference_cpu_seconds for run in runs),
        batch_size=_batch_size(version),
        model_sha256=version.metadata.sha256,
        machine=machine.describe(ExecutionProvider.CPU).model_copy(update={"cores": 1}),
        measured=datetime.now(UTC).replace(microsecond=0),
    )


def measure_here(version: ModelVersion, seconds: float) -> Measurement:
    """What this process, which has done nothing else, needs on one core.

    Raises what `inference_app.aws_lambda.load` raises, and `MeasurementFailed` where a request is not answered well.
    """
    if hasattr(os, "sched_setaffinity"):  # macOS has none
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from inference_app import aws_lambda  # here, since its imports are part of the start

    function = aws_lambda.load()
    ready = time.process_time()
    request, taken = event(version, _batch_size(version)), list[float]()
    end = time.perf_counter() + seconds
    while len(taken) < FEWEST_CALLS or time.perf_counter() < end:
        begin = time.process_time()
        answer = function(request, Context())
        taken.append(time.process_time() - begin)
        if answer["statusCode"] != 200:
            raise MeasurementFailed(f"a batch of {_batch_size(version)} was answered with {answer['body']}")
    p99 = sorted(taken)[math.ceil(0.99 * len(taken)) - 1]
    return Measurement(memory_mib=peak_mib(), start_cpu_seconds=round(ready, 3), inference_cpu_seconds=round(p99, 6))


def event(version: ModelVersion, size: int) -> dict[str, Any]:
    """The first golden example `size` times, in the Open Inference Protocol, as a function URL hands it over."""
    golden = json.loads((version.directory / version.metadata.golden.file).read_bytes())["inputs"]
    tensors = [
        {"name": spec.name, "datatype": spec.datatype, "shape": list(np.shape(data)), "data": data}
        for spec in version.metadata.inputs
        for data in [golden[spec.name][:1] * size]
    ]
    path = f"{Route.V2}/models/{version.metadata.name}/infer"
    return {
        "rawPath": path,
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": json.dumps({"inputs": tensors}),
    }


def peak_mib(status: Path = Path("/proc/self/status")) -> int:
    """The most memory that this process has had resident.

    Not `getrusage`: what that gives includes the process that this one was forked from
    (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html, VmHWM).
    """
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return math.ceil(int(line.split()[1]) * KIB / MIB)


def _batch_size(version: ModelVersion) -> int:
    return tuning.apply(version, settings.load()).max_batch_size


def _in_a_process(variables: Mapping[Env, str], seconds: float) -> Measurement:
    command = [sys.executable, "-m", "inference_app.needs", "--here", "--seconds", str(seconds)]
    ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    last = ended.stdout.strip().rpartition("\n")[2]
    try:
        return Measurement.model_validate_json(last)
    except ValidationError:
        words = (ended.stderr or ended.stdout).strip() or f"exit code {ended.returncode}"
        raise MeasurementFailed(f"The measured process failed: {words}") from None


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference_app.needs", description=__doc__)
    parser.add_argument("--model", help="model of the repository (default: MODEL_NAME)")
    parser.add_argument("--version", help="its version (default: the active one)")
    parser.add_argument("--repository", type=Path, help="folder of models (default: MODEL_REPOSITORY)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to ask each process (default: 5)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # this is the process to measure
    return parser


if __name__ == "__main__":
    sys.exit(main())
