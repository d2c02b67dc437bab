"""What SageMaker says to a container, in the server's own settings.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
Real-time, serverless and asynchronous endpoints and batch transform all speak this one contract
(https://docs.aws.amazon.com/sagemaker/latest/dg/deploy-model-options.html), so none needs more.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from inference_app import repository
from inference_app.contract import Env
from inference_app.errors import ConfigurationError
from inference_app.repository import ModelVersion

COMMAND = "serve"
"""SageMaker runs `docker run IMAGE serve`."""

MODEL_DIRECTORY = "/opt/ml/model"
"""Where a model's archive is unpacked before the container starts; without model data it is empty or absent."""

MAX_BODY_BYTES = 25 * 1024 * 1024
"""Room for what `InvokeEndpoint` carries, 6 MiB by its service model; asynchronous endpoints may need more."""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment `given` by SageMaker and by the endpoint's own variables, which win.

    Nothing listens on a second port unless GRPC_PORT is set, so SAGEMAKER_SAFE_PORT_RANGE has no use here.
    Raises `ConfigurationError` when the model data is none that can be served.
    """
    added = {str(Env.MAX_BODY_BYTES): str(MAX_BODY_BYTES)} | _model(given)
    wanted = {name: value for name, value in added.items() if not given.get(name)}
    # The image sets PORT, so the port that SageMaker binds a pipeline's container to must win over it
    # (https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipeline-real-time.html).
    port = given.get("SAGEMAKER_BIND_TO_PORT")
    return wanted | {str(Env.PORT): port} if port else wanted


def _model(given: Mapping[str, str]) -> dict[str, str]:
    directory = Path(given.get("SM_MODEL_DIR") or MODEL_DIRECTORY).absolute()
    if given.get(Env.MODEL_REPOSITORY) or not _has_content(directory):
        return {}
    if given.get(Env.MODEL_NAME):
        return {str(Env.MODEL_REPOSITORY): str(directory)}
    found = locate(directory).directory
    if len(found.parents) < 2:
        raise ConfigurationError(f"{found} must lie deeper: the two folders above it pass for a repository and a model")
    names = {Env.MODEL_REPOSITORY: found.parents[1], Env.MODEL_NAME: found.parent.name, Env.MODEL_VERSION: found.name}
    return {str(variable): str(value) for variable, value in names.items()}


def _has_content(directory: Path) -> bool:
    try:
        return directory.is_dir() and any(directory.iterdir())
    except PermissionError:
        raise ConfigurationError(f"{directory} cannot be read by user {os.getuid()}; let all users read it") from None


def locate(directory: Path) -> ModelVersion:
    """The one model in a folder: a version's files, a model's folder with active.json, or a repository of one model.

    Raises `ConfigurationError` for anything else.
    """
    if (directory / "metadata.json").is_file():
        return repository.read(directory)
    if (directory / "active.json").is_file():
        return repository.find(directory.parent, directory.name)
    models = [path.parent.name for path in directory.glob("*/active.json")]
    if len(models) != 1:
        found = ", ".join(sorted(models)) or "none"
        raise ConfigurationError(f"{directory} must hold one model, or {Env.MODEL_NAME} name one of several: {found}")
    return repository.find(directory, models[0])
