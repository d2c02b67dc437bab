"""What the server and the infrastructure agree on: ports, paths, environment names, metric names.

Standard library only: `infra` imports this module and nothing else of `inference_app`, so a rename here reaches
probes, alerts, dashboards and autoscaling queries at once.
"""

from dataclasses import dataclass
from enum import StrEnum

PORT = 8080
"""The one port the container listens on; SageMaker requires 8080 (https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html)."""

GRPC_PORT = 8081
"""Where gRPC listens when it is on."""

USER_ID = 10001
"""The user and group the container runs as."""

REPOSITORY_PATH = "/models"
"""Where a container finds models that are not of its image."""

_PREFIX = r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._=-]+)*"

MODEL_URI = r"models:/(?P<name>[^/@:]+)(@(?P<alias>[A-Za-z0-9_-]+)|/(?P<number>[1-9][0-9]*))"
"""A version of a registered model, by an alias or by its number
(https://mlflow.org/docs/latest/ml/model-registry/)."""

S3_URL = r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>" + _PREFIX + ")"
"""A bucket and a prefix (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)."""

BLOB_URL = (
    r"https://(?P<account>[a-z0-9]{3,24})\.blob\.core\.windows\.net/(?P<container>[a-z0-9-]{3,63})(?P<prefix>"
    + _PREFIX
    + ")"
)
"""An account, a container and a prefix
(https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata)."""

REDIS_URL = (
    r"(?P<scheme>rediss?)://([^:@/\s]+@)?(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:(?P<port>[0-9]{1,5}))?(/[0-9]+)?"
)
"""A Redis, its user and its database; without a password, since what is in a URL is printed sooner or later."""

REDIS_PORT = 6379
"""Of a URL that names none."""

JOB_QUEUE = "inference-jobs"
"""The list in Redis where jobs of asynchronous inference wait for a worker."""

JOBS_OPEN = "inference-jobs-open"
"""The sorted set beside it with all jobs that have no answer, those included that a worker has in hand."""

API_KEY_HEADER = "X-API-Key"
"""Where a request may bring an API key, besides `Authorization: Bearer`."""

DRAIN_SECONDS = 5
"""How long a stopping server keeps answering while load balancers learn that it is not ready."""

GRACE_SECONDS = 25
"""From SIGTERM to exit, the drain included; under the 30 s an AKS spot node gives
(https://learn.microsoft.com/azure/virtual-machines/spot-vms#eviction-policy)."""


class Route(StrEnum):
    """The server's own HTTP paths; the Open Inference Protocol's lie below `V2`."""

    PREDICT = "/predict"
    HEALTH = "/health"
    READY = "/ready"
    METRICS = "/metrics"
    DOCS = "/docs"
    V2 = "/v2"
    PING = "/ping"
    INVOCATIONS = "/invocations"
    MODELS = "/models"
    JOBS = "/jobs"
    SWITCH_MODEL = "/admin/switch_model"


class Env(StrEnum):
    """The environment variables that configure the server; `inference_app.settings` gives type, unit and default."""

    HOST = "HOST"
    PORT = "PORT"
    LOG_LEVEL = "LOG_LEVEL"
    WORKERS = "WORKERS"
    MODEL_REPOSITORY = "MODEL_REPOSITORY"
    MODEL_NAME = "MODEL_NAME"
    EXTRA_MODELS = "EXTRA_MODELS"
    MODEL_VERSION = "MODEL_VERSION"
    REPOSITORY_POLL_SECONDS = "REPOSITORY_POLL_SECONDS"
    MODEL_SOURCE = "MODEL_SOURCE"
    MODEL_SOURCE_SHA256 = "MODEL_SOURCE_SHA256"
    MODEL_SOURCE_MAX_BYTES = "MODEL_SOURCE_MAX_BYTES"
    MODEL_SOURCE_RETRY_SECONDS = "MODEL_SOURCE_RETRY_SECONDS"
    PREDICTOR_URL = "PREDICTOR_URL"
    EXECUTION_PROVIDER = "EXECUTION_PROVIDER"
    EXECUTION = "EXECUTION"
    MODEL_THREADS = "MODEL_THREADS"
    INTRA_OP_THREADS = "INTRA_OP_THREADS"
    GPU_DEVICE_ID = "GPU_DEVICE_ID"
    GPU_MEMORY_LIMIT_MB = "GPU_MEMORY_LIMIT_MB"
    CUDA_GRAPHS = "CUDA_GRAPHS"
    WATCHDOG_INTERVAL_SECONDS = "WATCHDOG_INTERVAL_SECONDS"
    WATCHDOG_TIMEOUT_SECONDS = "WATCHDOG_TIMEOUT_SECONDS"
    MAX_BATCH_SIZE = "MAX_BATCH_SIZE"
    MAX_BATCH_DELAY_MS = "MAX_BATCH_DELAY_MS"
    MAX_QUEUE_SIZE = "MAX_QUEUE_SIZE"
    MAX_BODY_BYTES = "MAX_BODY_BYTES"
    MAX_BUFFERED_BYTES = "MAX_BUFFERED_BYTES"
    READ_TIMEOUT_SECONDS = "READ_TIMEOUT_SECONDS"
    REQUEST_TIMEOUT_SECONDS = "REQUEST_TIMEOUT_SECONDS"
    LATENCY_TARGET_MS = "LATENCY_TARGET_MS"
    GRPC_PORT = "GRPC_PORT"
    ADMIN_TOKEN = "ADMIN_TOKEN"  # noqa: S105 - the variable's name
    API_KEYS = "API_KEYS"
    SAGEMAKER_MULTI_MODEL = "SAGEMAKER_MULTI_MODEL"
    RESULT_CACHE_URL = "RESULT_CACHE_URL"
    RESULT_CACHE_PASSWORD = "RESULT_CACHE_PASSWORD"  # noqa: S105 - the variable's name
    RESULT_CACHE_TTL_SECONDS = "RESULT_CACHE_TTL_SECONDS"
    RESULT_CACHE_TIMEOUT_MS = "RESULT_CACHE_TIMEOUT_MS"
    RESULT_CACHE_MAX_VALUE_BYTES = "RESULT_CACHE_MAX_VALUE_BYTES"
    JOBS_URL = "JOBS_URL"
    JOBS_PASSWORD = "JOBS_PASSWORD"  # noqa: S105 - the variable's name
    JOBS_MAX_OPEN = "JOBS_MAX_OPEN"
    JOBS_MAX_BODY_BYTES = "JOBS_MAX_BODY_BYTES"
    JOBS_WAIT_SECONDS = "JOBS_WAIT_SECONDS"
    JOBS_RESULT_TTL_SECONDS = "JOBS_RESULT_TTL_SECONDS"
    JOBS_TIMEOUT_SECONDS = "JOBS_TIMEOUT_SECONDS"
    JOBS_MAX_ATTEMPTS = "JOBS_MAX_ATTEMPTS"
    JOBS_CONCURRENCY = "JOBS_CONCURRENCY"
    OTEL_EXPORTER_OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    OTEL_TRACES_SAMPLER = "OTEL_TRACES_SAMPLER"
    OTEL_TRACES_SAMPLER_ARG = "OTEL_TRACES_SAMPLER_ARG"
    DRAIN_SECONDS = "DRAIN_SECONDS"
    GRACE_SECONDS = "GRACE_SECONDS"


class ExecutionProvider(StrEnum):
    """ONNX Runtime's names for where a model runs (https://onnxruntime.ai/docs/execution-providers/)."""

    CPU = "CPUExecutionProvider"
    CUDA = "CUDAExecutionProvider"


class Execution(StrEnum):
    """Where a model's calls run: on the event loop, on threads beside it, or on whichever suits the model."""

    AUTO = "auto"
    INLINE = "inline"
    THREADS = "threads"


class LookupResult(StrEnum):
    """How the look into the result cache ended that a request began with."""

    HIT = "hit"
    MISS = "miss"
    ERROR = "error"
    """No answer in time, or none that can be read."""
    SKIPPED = "skipped"
    """Redis was not asked, since it is in trouble."""


class StoreResult(StrEnum):
    """What became of a model's answer that the result cache did not have."""

    STORED = "stored"
    ERROR = "error"
    DROPPED = "dropped"
    """Larger than a value may be, or too much waits for Redis."""


class JobResult(StrEnum):
    """How a worker's attempt at a job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRIED = "retried"
    """What stood in its way may pass."""
    DISCARDED = "discarded"
    """It was cancelled meanwhile, another attempt was first, or its time was over."""


class SwitchResult(StrEnum):
    """How an attempt to bring another version of a model into service ended; where it failed, the old one stays."""

    SWITCHED = "switched"
    FAILED = "failed"


class TraceSampler(StrEnum):
    """OpenTelemetry's names for how requests to be traced are chosen; those on a parent follow the caller's choice.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
    """

    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"
    TRACEIDRATIO = "traceidratio"
    PARENTBASED_ALWAYS_ON = "parentbased_always_on"
    PARENTBASED_ALWAYS_OFF = "parentbased_always_off"
    PARENTBASED_TRACEIDRATIO = "parentbased_traceidratio"


class MetricKind(StrEnum):
    """Prometheus metric types (https://prometheus.io/docs/concepts/metric_types/)."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric the server exports; counters carry their `_total` in the name."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


TRACE_ID = "trace_id"
"""What names the trace, in exemplars (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md#exemplars)
and in lines of the log."""

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds; dense around the 100 ms and 500 ms that latency objectives usually name."""


def request_buckets(target: float | None) -> tuple[float, ...]:
    """The buckets of request durations, with one that ends at the latency target (seconds) where there is one.

    How many requests keep an objective can be told exactly at a bucket's bound only.
    """
    return tuple(sorted({*LATENCY_BUCKETS, *([target] if target else [])}))


LOAD_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds; a small model loads in a fraction of one, a large one from a network volume in minutes."""

CACHE_BUCKETS = (0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025)
"""Seconds; a Redis nearby answers in under a millisecond, and nobody waits for one longer than a few."""

WAIT_BUCKETS = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds; a job may have to wait for a node that boots, or for the load to fall."""

BATCH_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

REQUESTS = Metric(
    name="inference_requests_total",
    kind=MetricKind.COUNTER,
    help="Requests answered, by route template, HTTP status code, and the model version asked, where it was known.",
    labels=("route", "code", "model", "version"),
)
REQUEST_DURATION = Metric(
    name="inference_request_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from the request's last byte to the answer, in seconds.",
    labels=("route", "model", "version"),
    buckets=LATENCY_BUCKETS,
)
REJECTED = Metric(
    name="inference_rejected_total",
    kind=MetricKind.COUNTER,
    help="Requests refused because the queue was full (429).",
    labels=("model",),
)
IN_FLIGHT = Metric(name="inference_in_flight_requests", kind=MetricKind.GAUGE, help="Requests being answered now.")
QUEUE_SIZE = Metric(
    name="inference_queue_size",
    kind=MetricKind.GAUGE,
    help="Examples waiting for the model now.",
    labels=("model",),
)
QUEUE_CAPACITY = Metric(
    name="inference_queue_capacity",
    kind=MetricKind.GAUGE,
    help="Examples that may wait for the model at most; what comes on top is refused.",
    labels=("model",),
)
QUEUE_DURATION = Metric(
    name="inference_queue_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time an example waited for the model, in seconds.",
    labels=("model",),
    buckets=LATENCY_BUCKETS,
)
BATCH_SIZE = Metric(
    name="inference_batch_size",
    kind=MetricKind.HISTOGRAM,
    help="Examples per model call.",
    labels=("model",),
    buckets=BATCH_BUCKETS,
)
MODEL_DURATION = Metric(
    name="inference_model_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time of one model call, in seconds.",
    labels=("model",),
    buckets=LATENCY_BUCKETS,
)
MODEL_INFO = Metric(
    name="inference_model_info",
    kind=MetricKind.GAUGE,
    help="1 for the model version that answers, with the execution provider it really runs on.",
    labels=("model", "version", "execution_provider"),
)
SWITCHES = Metric(
    name="inference_model_switches_total",
    kind=MetricKind.COUNTER,
    help="Attempts to bring another version of a model into service, by result: switched, or failed.",
    labels=("model", "result"),
)
LOAD_DURATION = Metric(
    name="inference_model_load_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time to load, warm up and prove a model version, in seconds.",
    labels=("model",),
    buckets=LOAD_BUCKETS,
)
CACHE_LOOKUPS = Metric(
    name="inference_cache_lookups_total",
    kind=MetricKind.COUNTER,
    help="Requests by what the result cache said: hit, miss, error, or skipped, while Redis is in trouble.",
    labels=("model", "result"),
)
CACHE_LOOKUP_DURATION = Metric(
    name="inference_cache_lookup_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time that requests waited for the result cache, in seconds.",
    labels=("model",),
    buckets=CACHE_BUCKETS,
)
CACHE_STORES = Metric(
    name="inference_cache_stores_total",
    kind=MetricKind.COUNTER,
    help="Answers of the model for the result cache, by result: stored, error, or dropped, being too large or many.",
    labels=("model", "result"),
)
JOBS = Metric(
    name="inference_jobs_total",
    kind=MetricKind.COUNTER,
    help="Attempts of this worker at jobs, by result: succeeded, failed, retried, or discarded, nobody needing it.",
    labels=("model", "result"),
)
JOB_WAIT = Metric(
    name="inference_job_wait_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from a job's submission until a worker began it, in seconds.",
    labels=("model",),
    buckets=WAIT_BUCKETS,
)
OPEN_JOBS = Metric(
    name="inference_jobs_open",
    kind=MetricKind.GAUGE,
    help="Jobs that have no answer, in a worker's hands or not, as the queue said last; each server tells of them all.",
)
OLDEST_JOB = Metric(
    name="inference_jobs_oldest_wait_seconds",
    kind=MetricKind.GAUGE,
    help="Time since the one of them that waits longest was submitted or last begun, in seconds; 0 for none.",
)
GPU_MEMORY_USED = Metric(
    name="inference_gpu_memory_used_bytes",
    kind=MetricKind.GAUGE,
    help="Memory in use on the GPU that the models run on, by all of its processes, in bytes.",
    labels=("device",),
)
GPU_MEMORY_SIZE = Metric(
    name="inference_gpu_memory_size_bytes",
    kind=MetricKind.GAUGE,
    help="Memory of that GPU, in bytes.",
    labels=("device",),
)
BUILD_INFO = Metric(
    name="inference_build_info",
    kind=MetricKind.GAUGE,
    help="1, with the versions of the server, of Python and of ONNX Runtime.",
    labels=("version", "python", "onnxruntime"),
)
READY = Metric(name="inference_ready", kind=MetricKind.GAUGE, help="1 while the server is ready, else 0.")

METRICS = (
    REQUESTS,
    REQUEST_DURATION,
    REJECTED,
    IN_FLIGHT,
    QUEUE_SIZE,
    QUEUE_CAPACITY,
    QUEUE_DURATION,
    BATCH_SIZE,
    MODEL_DURATION,
    MODEL_INFO,
    SWITCHES,
    LOAD_DURATION,
    CACHE_LOOKUPS,
    CACHE_LOOKUP_DURATION,
    CACHE_STORES,
    JOBS,
    JOB_WAIT,
    OPEN_JOBS,
    OLDEST_JOB,
    GPU_MEMORY_USED,
    GPU_MEMORY_SIZE,
    BUILD_INFO,
    READY,
)
