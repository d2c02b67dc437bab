"""`python -m benchmarks.serving.ceiling FOLDER SECONDS`: examples/s of ONNX Runtime without a server around it.

A session with one intra-op thread is called from as many threads as there are cores; of several batch sizes, which
share the time, the best counts.
"""

import importlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import sample

BATCHES = (1, 4, 8)

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
ort: Any = importlib.import_module("onnxruntime")  # ships no type information


def measure(directory: Path, seconds: float) -> float:
    """Examples/s of the best batch size."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(directory / "model.onnx", options)
    inputs = sample.load(directory).inputs
    batches = [{name: np.repeat(array, size, axis=0) for name, array in inputs.items()} for size in BATCHES]
    rates = [_calls(session, batch, seconds / len(BATCHES)) for batch in batches]
    return max(rate * size for rate, size in zip(rates, BATCHES, strict=True))


def _calls(session: Any, batch: dict[str, Any], seconds: float) -> float:
    """Calls/s, from as many threads as cores."""
    session.run(None, batch)
    threads = len(os.sched_getaffinity(0))
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(_until, session, batch, start + seconds) for _ in range(threads)]
        total = sum(call.result() for call in calls)
    return total / (time.perf_counter() - start)


def _until(session: Any, batch: dict[str, Any], end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        session.run(None, batch)
        count += 1
    return count


def main() -> None:
    """Print the figure as JSON."""
    directory, seconds = sys.argv[1:]
    sys.stdout.write(json.dumps({"per_second": measure(Path(directory), float(seconds))}))


if __name__ == "__main__":
    main()
