"""Triton from nvidia-pytriton's wheel, without pytriton's proxy: its server binary with the Python backend.

The wheel brings no ONNX backend. Writes a model repository and becomes the server.
https://github.com/triton-inference-server/python_backend
"""

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

TYPES = {"FP32": "TYPE_FP32", "INT64": "TYPE_INT64"}
HERE = Path(__file__).parent


def main() -> None:
    """Replace this process with Triton."""
    root = Path(tempfile.mkdtemp(prefix="triton-"))
    package = Path(importlib.util.find_spec("pytriton").origin).parent  # importing it would cost seconds
    metadata = json.loads((Path(os.environ["MODEL_DIRECTORY"]) / "metadata.json").read_bytes())
    write_model(root / "models" / metadata["name"], metadata)
    copy_backend(package / "tritonserver", root / "backends" / "python")
    binary = package / "tritonserver" / "bin" / "tritonserver"
    os.execve(binary, command(str(binary), root), environment(package))


def write_model(folder: Path, metadata: dict[str, Any]) -> None:
    """The repository's model: configuration and code."""
    (folder / "1").mkdir(parents=True)
    shutil.copy(HERE / "model.py", folder / "1" / "model.py")
    (folder / "config.pbtxt").write_text(config(metadata))


def config(metadata: dict[str, Any]) -> str:
    """Model configuration (https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md).

    A model of images takes a JPEG's bytes instead of its tensor, so neither is required and Triton adds no batch axis.
    """
    inputs, output = metadata["inputs"], metadata["outputs"][0]
    if metadata["preprocessing"]:
        tensors = [tensor("input", spec["name"], spec, spec["shape"], "optional: true") for spec in inputs]
        tensors += ['input { name: "jpeg" data_type: TYPE_UINT8 dims: [-1] optional: true }']
        tensors += [tensor("output", output["name"], output, output["shape"])]
    else:
        tensors = [tensor("input", spec["name"], spec, spec["shape"][1:]) for spec in inputs]
        tensors += [tensor("output", output["name"], output, output["shape"][1:])]
        tensors += [f"max_batch_size: {os.environ['TRITON_BATCH']}", batcher(os.environ.get("TRITON_DELAY"))]
    instances = f"instance_group [{{ kind: KIND_CPU count: {os.environ['TRITON_INSTANCES']} }}]"
    return "\n".join([f'name: "{metadata["name"]}"', 'backend: "python"', *tensors, instances])


def batcher(delay: str | None) -> str:
    """The dynamic batcher; with a delay, microseconds, it waits that long for 32 requests.

    https://github.com/triton-inference-server/server/blob/main/docs/user_guide/batcher.md#recommended-configuration-process
    """
    waits = f"preferred_batch_size: [32] max_queue_delay_microseconds: {delay}" if delay else ""
    return f"dynamic_batching {{ {waits} }}"


def tensor(kind: str, name: str, spec: dict[str, Any], shape: list[int], more: str = "") -> str:
    """One input or output."""
    return f'{kind} {{ name: "{name}" data_type: {TYPES[spec["datatype"]]} dims: {shape} {more} }}'


def copy_backend(source: Path, target: Path) -> None:
    """The Python backend with the stub of this interpreter's version."""
    shutil.copytree(source / "backends" / "python", target)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(source / "python_backend_stubs" / version / "triton_python_backend_stub", target)


def command(binary: str, root: Path) -> list[str]:
    """Triton's command line."""
    return [
        binary,
        f"--model-repository={root / 'models'}",
        f"--backend-directory={root / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={os.environ['PORT']}",
        f"--http-thread-count={os.environ['TRITON_HTTP_THREADS']}",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--log-info=false",
        "--log-warning=false",
    ]


def environment(package: Path) -> dict[str, str]:
    """Where Triton finds its libraries and its Python backend this environment's packages."""
    site = package.parent
    paths = [str(site), os.environ["PYTHONPATH"]]
    return {
        **os.environ,
        "LD_LIBRARY_PATH": str(site / "nvidia_pytriton.libs"),
        "PYTHONPATH": os.pathsep.join(paths),
    }


if __name__ == "__main__":
    main()
