"""The model server's settings as environment variables, for every target alike."""

from collections.abc import Mapping

from inference_app.contract import Env, ExecutionProvider
from infra.settings.served import ModelSettings

MIB = 1024 * 1024


def server_environment(model: ModelSettings, provider: ExecutionProvider) -> dict[str, str]:
    """What every server of the stack is told; what the stack leaves open is not there.

    A variable that is set would win over the best settings that were measured for a model.
    """
    return stated(
        {
            Env.MODEL_NAME: model.name,
            Env.EXECUTION_PROVIDER: provider,
            Env.MODEL_VERSION: model.version,
            Env.EXTRA_MODELS: ",".join(model.extra) or None,
            Env.MAX_BATCH_SIZE: model.batching.max_size,
            Env.MAX_BATCH_DELAY_MS: model.batching.max_delay_ms,
            Env.MAX_QUEUE_SIZE: model.batching.max_queue,
            Env.REQUEST_TIMEOUT_SECONDS: model.request_timeout_seconds,
            Env.MAX_BODY_BYTES: model.max_body_mib and model.max_body_mib * MIB,
        }
    )


def stated(variables: Mapping[Env, object]) -> dict[str, str]:
    """The variables that have a value, as text."""
    return {name.value: str(value) for name, value in variables.items() if value is not None}
