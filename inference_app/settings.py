"""The server's settings, read from environment variables; nothing else reads the environment."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from inference_app import contract, mistakes
from inference_app.api_keys import split
from inference_app.errors import ConfigurationError
from inference_app.redis_url import RedisUrl

MIB = 1024 * 1024
Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


def _names(value: object) -> object:
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


class Settings(BaseModel):
    """One field per environment variable of the same name in capitals (`contract.Env`); an empty one is unset."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; the container image sets 0.0.0.0.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=contract.PORT, description="TCP port to listen on; 0 takes a free one, which the log names."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe level logged."
    )
    workers: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="Processes that share the port, each with models of its own; limits on queues and buffers hold for "
        "each. More than 1 pays for models under 1 ms; models can then be loaded or unloaded by a restart only.",
        json_schema_extra=_unit("processes"),
    )
    model_repository: Path = Field(
        default=Path(__file__).parent / "model_repository", description="Folder that holds one folder per model."
    )
    model_name: Annotated[str, Field(min_length=1)] = Field(default="digits", description="Model to serve.")
    extra_models: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        default=(), description="Further models to serve, by name, with commas between them."
    )
    model_version: str | None = Field(
        default=None, description="Version to serve; unset, the one that the model's active.json names."
    )
    repository_poll_seconds: Finite = Field(
        default=0,
        description="How often to look whether a model's active.json names another version, and to switch to it; 0 is "
        "never. A model that MODEL_VERSION pins stays.",
        json_schema_extra=_unit("seconds"),
    )
    model_source: str | None = Field(
        default=None,
        description="Where `python -m inference_app.pull` takes the models from: `s3://bucket/prefix`, "
        "`https://account.blob.core.windows.net/container/prefix`, or MLflow's `models:/name@alias` or "
        "`models:/name/number`. The server itself takes none from there.",
    )
    model_source_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        default=None, description="SHA-256 of the SHA256SUMS of MODEL_NAME's MODEL_VERSION at the source."
    )
    model_source_max_bytes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most that pulled models may take together.", json_schema_extra=_unit("bytes")
    )
    model_source_retry_seconds: Finite = Field(
        default=120,
        description="How long a request to the source is tried again after errors that may pass.",
        json_schema_extra=_unit("seconds"),
    )
    predictor_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] | None = Field(
        default=None,
        description="Server that runs the models, as `http://host:port`; it is asked over the Open Inference Protocol. "
        "Unset, they run here.",
    )
    execution_provider: contract.ExecutionProvider = Field(
        default=contract.ExecutionProvider.CPU,
        description="Where the model must run; the server never becomes ready anywhere else.",
    )
    execution: contract.Execution = Field(
        default=contract.Execution.AUTO,
        description="Run the model on the event loop (for calls under 0.3 ms) or on threads; auto measures.",
    )
    model_threads: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="Model calls at a time where threads run them; 0 is cores / WORKERS / INTRA_OP_THREADS; GPU: 1.",
        json_schema_extra=_unit("threads"),
    )
    intra_op_threads: Annotated[int, Field(ge=0)] = Field(
        default=1,
        description="Threads of one model call; 0 takes one per core: shortest for a lone request, less in all.",
        json_schema_extra=_unit("threads"),
    )
    gpu_device_id: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="GPU to use, of those that the process sees; for several GPUs run one process each.",
        json_schema_extra=_unit("index"),
    )
    gpu_memory_limit_mb: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="Most GPU memory that the model's arena takes, CUDA's own not counted; 0 is no limit.",
        json_schema_extra=_unit("MiB"),
    )
    cuda_graphs: bool = Field(
        default=False,
        description="Replay captured CUDA graphs; for models in whose tensors only the batch size varies.",
    )
    watchdog_interval_seconds: Finite = Field(
        default=10,
        description="How long a model may be silent before it is probed with its golden input; 0 only after errors.",
        json_schema_extra=_unit("seconds"),
    )
    watchdog_timeout_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=30,
        description="How long a model call may take; a longer one turns the server not live, so that it is restarted.",
        json_schema_extra=_unit("seconds"),
    )
    max_batch_size: Annotated[int, Field(ge=1)] = Field(
        default=32, description="Most examples in one model call.", json_schema_extra=_unit("examples")
    )
    max_batch_delay_ms: Finite = Field(
        default=0,
        description="How long a free model waits for a fuller batch; 0 takes what is there.",
        json_schema_extra=_unit("milliseconds"),
    )
    max_queue_size: Annotated[int, Field(ge=1)] = Field(
        default=512,
        description="Most examples waiting for the model; more get 429.",
        json_schema_extra=_unit("examples"),
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = Field(
        default=8 * MIB, description="Largest request body; larger ones get 413.", json_schema_extra=_unit("bytes")
    )
    max_buffered_bytes: Annotated[int, Field(ge=1)] = Field(
        default=256 * MIB,
        description="Most bytes of bodies held for unanswered requests; a body that comes on top gets 503.",
        json_schema_extra=_unit("bytes"),
    )
    read_timeout_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=30,
        description="How long a client may take to send its headers, and again its body (408).",
        json_schema_extra=_unit("seconds"),
    )
    request_timeout_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=10,
        description="How long a request may wait for the model; then it gets 504 and never reaches the model.",
        json_schema_extra=_unit("seconds"),
    )
    latency_target_ms: Annotated[float, Field(gt=0, le=60_000)] | None = Field(
        default=None,
        description="Latency objective; request durations get a histogram bucket that ends there, so that the share of "
        "requests that keep it is exact. Unset, the buckets are the usual ones.",
        json_schema_extra=_unit("milliseconds"),
    )
    grpc_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None, description="TCP port for gRPC; unset, gRPC is off."
    )
    admin_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that calls which load or unload models must bring; unset, they are refused.",
    )
    api_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(split)] = Field(
        default=(),
        description="Keys, with commas between, of which requests to a model must bring one; unset, none is needed.",
    )
    sagemaker_multi_model: bool = Field(
        default=False,
        description="Start without a model; SageMaker, which sets this on a multi-model endpoint, loads them by name.",
    )
    result_cache_url: RedisUrl | None = Field(
        default=None,
        description="Redis that keeps answers to inputs that come again, as `redis://host:port/database`, or `rediss` "
        "for TLS; a user may stand before an `@`. Unset, nothing is kept.",
    )
    result_cache_password: SecretStr | None = Field(default=None, description="Password for that Redis.")
    result_cache_ttl_seconds: Annotated[int, Field(ge=1)] = Field(
        default=3600, description="How long an answer is kept.", json_schema_extra=_unit("seconds")
    )
    result_cache_timeout_ms: Annotated[Finite, Field(gt=0, le=1000)] = Field(
        default=5,
        description="How long a request waits for Redis before it goes to the model instead.",
        json_schema_extra=_unit("milliseconds"),
    )
    result_cache_max_value_bytes: Annotated[int, Field(ge=1)] = Field(
        default=256 * 1024, description="Largest answer that is kept.", json_schema_extra=_unit("bytes")
    )
    jobs_url: RedisUrl | None = Field(
        default=None,
        description="Redis that keeps the jobs of asynchronous inference and never evicts one, as RESULT_CACHE_URL. "
        "Unset, there are none.",
    )
    jobs_password: SecretStr | None = Field(default=None, description="Password for that Redis.")
    jobs_max_open: Annotated[int, Field(ge=1)] = Field(
        default=1000, description="Most jobs that have no answer yet; more get 429.", json_schema_extra=_unit("jobs")
    )
    jobs_max_body_bytes: Annotated[int, Field(ge=1)] = Field(
        default=MIB,
        description="Largest body of a job, which Redis keeps in memory; larger ones get 413.",
        json_schema_extra=_unit("bytes"),
    )
    jobs_wait_seconds: Annotated[int, Field(ge=1)] = Field(
        default=86_400,
        description="How long a job is kept that gets no answer, and its body with it.",
        json_schema_extra=_unit("seconds"),
    )
    jobs_result_ttl_seconds: Annotated[int, Field(ge=1)] = Field(
        default=3600, description="How long the answer of a job is kept.", json_schema_extra=_unit("seconds")
    )
    jobs_timeout_seconds: Annotated[Finite, Field(ge=1)] = Field(
        default=30,
        description="How long one attempt may take; a job of a worker that was lost comes back after 5 or 6 times as "
        "long.",
        json_schema_extra=_unit("seconds"),
    )
    jobs_max_attempts: Annotated[int, Field(ge=1)] = Field(
        default=5,
        description="How often a job is tried where what stands in its way may pass, lost workers included.",
        json_schema_extra=_unit("attempts"),
    )
    jobs_concurrency: Annotated[int, Field(ge=1)] = Field(
        default=64,
        description="Jobs that one worker has in hand; at least MAX_BATCH_SIZE, for full batches.",
        json_schema_extra=_unit("jobs"),
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="URL of an OpenTelemetry collector that takes OTLP over HTTP; unset, nothing is traced. "
        "OpenTelemetry's other variables (OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS, ...) hold as well.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        default=None, description="The same for traces alone, path included."
    )
    otel_traces_sampler: contract.TraceSampler = Field(
        default=contract.TraceSampler.PARENTBASED_ALWAYS_ON, description="How requests to be traced are chosen."
    )
    otel_traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1,
        description="Share of requests that the `traceidratio` samplers choose, 0 to 1.",
        json_schema_extra=_unit("share"),
    )
    drain_seconds: Finite = Field(
        default=contract.DRAIN_SECONDS,
        description="How long a stopping server keeps answering while load balancers take it out.",
        json_schema_extra=_unit("seconds"),
    )
    grace_seconds: Annotated[Finite, Field(gt=0)] = Field(
        default=contract.GRACE_SECONDS,
        description="From SIGTERM to exit at the latest, the drain included.",
        json_schema_extra=_unit("seconds"),
    )

    @model_validator(mode="after")
    def _one_worker_loads_models(self) -> "Settings":
        if self.sagemaker_multi_model and self.workers > 1:
            raise ValueError(f"WORKERS must be 1 where SAGEMAKER_MULTI_MODEL is true, got {self.workers}")
        if self.repository_poll_seconds and self.workers > 1:
            raise ValueError(f"WORKERS must be 1 where REPOSITORY_POLL_SECONDS is not 0, got {self.workers}")
        return self

    @model_validator(mode="after")
    def _pinned_sums_are_of_a_pinned_version(self) -> "Settings":
        if self.model_source_sha256 and not self.model_version:
            raise ValueError(f"MODEL_SOURCE_SHA256 needs MODEL_VERSION, which is unset, got {self.model_source_sha256}")
        return self

    @model_validator(mode="after")
    def _grace_outlasts_drain(self) -> "Settings":
        if self.grace_seconds < self.drain_seconds + 1:
            raise ValueError(
                f"GRACE_SECONDS must exceed DRAIN_SECONDS by at least 1 ({self.drain_seconds:g} + 1), "
                f"got {self.grace_seconds:g}"
            )
        return self


def load() -> Settings:
    """Read the settings from the environment.

    Raises `ConfigurationError` with one line per wrong variable: name, rule, value.
    """
    known = {field: os.environ.get(field.upper(), "") for field in Settings.model_fields}
    try:
        return Settings.model_validate({field: value for field, value in known.items() if value})
    except ValidationError as error:
        raise ConfigurationError("\n".join(map(mistakes.line, error.errors()))) from None
