"""Coverage-guided fuzzing of what parses bytes, for a bounded time, in an environment of its own."""

import json
import os
import struct
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.environments import environment

HERE = Path(__file__).parent
SECONDS = 20
MAX_BYTES = 4096


@pytest.fixture(scope="session")
def python() -> Path:
    """An interpreter with atheris, which the server's own packages are lent to."""
    return environment("fuzz", HERE / "requirements.txt") / "python"


def seed() -> bytes:
    """A request with binary tensors that the codec takes."""
    data = [struct.pack("<2f", 1, 2), struct.pack("<I", 2) + b"ok", b"\1\0"]
    shapes = {"a": ("FP32", [1, 2]), "b": ("BYTES", [1]), "c": ("BOOL", [1, 2])}
    inputs = [
        {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(content)}}
        for (name, (datatype, shape)), content in zip(shapes.items(), data, strict=True)
    ]
    header = json.dumps({"id": "1", "inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return struct.pack("<H", len(header)) + header + b"".join(data)


@pytest.mark.slow
def test_no_body_breaks_the_open_inference_codec(python: Path, tmp_path: Path) -> None:
    (tmp_path / "seed").write_bytes(seed())
    limits = [f"-max_total_time={SECONDS}", f"-max_len={MAX_BYTES}", "-timeout=5", "-rss_limit_mb=1024"]
    packages = os.pathsep.join([str(Path.cwd()), sysconfig.get_path("purelib")])
    # A program begins with the peak memory of whoever starts it (getrusage(2)); a shell's is small.
    from_shell = ["sh", "-c", '"$@"; exit $?', "sh"]

    done = subprocess.run(
        [*from_shell, python, HERE / "open_inference_target.py", *limits, f"-artifact_prefix={tmp_path}/", tmp_path],
        env={**os.environ, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    runs = [int(line.split()[1]) for line in done.stderr.splitlines() if line.startswith("Done ")]
    assert runs, done.stderr[-4000:]
    assert runs[0] > 1000
