"""`preprocess.py` beside a model: Python for what the metadata cannot declare."""

import hashlib
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias, cast

import numpy as np

from inference_app import logs, tensors
from inference_app.errors import BadRequest, InferenceError, ModelFailed, ModelUnusable
from inference_app.repository import ModelVersion
from inference_app.tensors import Array, Arrays, TensorSpec

logger = logging.getLogger(__name__)

Hook: TypeAlias = Callable[[bytes, str], Arrays]


def load(version: ModelVersion) -> Hook:
    """The file's `preprocess(body: bytes, content_type: str) -> dict[str, ndarray]`, checked on its way out.

    The file runs once, here; it may import installed packages, not its neighbours, whose checksums nobody declared.
    Requests call the function from several threads at a time. Whatever the content type, it gets the body as it came,
    and returns every input of the model by name, in its datatype and shape, batch axis first. A `ValueError` that it
    raises is the client's 400 with that message; anything else is a 500 whose details are in the log alone.
    Raises `ModelUnusable` where the file is not the declared one, fails, or has no such function.
    """
    path = version.hook_path
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != version.metadata.hook_sha256:
        raise ModelUnusable(f"{path} has SHA-256 {digest}, its metadata says {version.metadata.hook_sha256}")
    module = ModuleType(f"preprocess_{digest[:12]}")
    module.__file__ = str(path)
    try:
        # What runs is what was hashed: importing by path would read the file a second time.
        exec(compile(content, path, "exec"), module.__dict__)  # noqa: S102 - the model's own code, under its checksum
    except Exception as error:
        logger.exception("preprocess.py does not load")
        raise ModelUnusable(f"{path} does not load: {type(error).__name__}: {error}") from error
    function = getattr(module, "preprocess", None)
    if not callable(function):
        raise ModelUnusable(f"{path} has no function preprocess(body, content_type)")
    return _checked(function, version.metadata.inputs)


def _checked(function: Callable[[bytes, str], Any], specs: tuple[TensorSpec, ...]) -> Hook:
    def preprocess(body: bytes, content_type: str) -> Arrays:
        try:
            return _checked_inputs(function(body, content_type), specs)
        except InferenceError:
            raise
        except ValueError as error:
            raise BadRequest(str(error)) from None
        except Exception as error:
            logger.error("preprocess.py failed", extra={"exception": logs.outline(error)})
            raise ModelFailed("preprocessing failed on this input") from error

    return preprocess


def _checked_inputs(inputs: Any, specs: tuple[TensorSpec, ...]) -> Arrays:
    """Raise `TypeError`, the hook's own fault, unless it returned what the model takes."""
    if not isinstance(inputs, dict):
        raise TypeError(f"preprocess returned {type(inputs).__name__}, not a dict")
    arrays = cast("dict[str, Any]", inputs)
    for spec in specs:
        array = arrays.get(spec.name)
        if not isinstance(array, np.ndarray) or cast("Array", array).dtype != spec.dtype:
            raise TypeError(f"preprocess must return {spec.name} as an array of {spec.dtype}")
    try:
        tensors.check(arrays, specs)
    except BadRequest as error:
        raise TypeError(f"preprocess returned something else than the model takes: {error}") from None
    return {spec.name: arrays[spec.name] for spec in specs}
