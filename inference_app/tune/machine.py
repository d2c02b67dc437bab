"""The machine that a measurement runs on."""

import platform
from pathlib import Path

from inference_app import execution
from inference_app.contract import ExecutionProvider
from inference_app.sessions import ort
from inference_app.tuning import Machine

CPU_INFO = Path("/proc/cpuinfo")


def describe(provider: ExecutionProvider) -> Machine:
    """This machine, for models on `provider`."""
    return Machine(
        cpu=cpu_name(),
        cores=execution.cores(),
        execution_provider=provider,
        onnxruntime=ort.__version__,
    )


def cpu_name(source: Path = CPU_INFO) -> str:
    """The processor's name as Linux gives it, else what Python knows."""
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
