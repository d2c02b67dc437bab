"""Are batches as large as they may be, and what do requests pay for it?"""

from inference_app import contract
from inference_app.contract import Metric
from infra.monitoring import queries
from infra.monitoring.dashboards import promql
from infra.monitoring.dashboards.panel import MODEL, PERCENTILES, RATE, Board, Kind, Panel, Row, Unit
from infra.monitoring.dashboards.subject import Subject


def board(subject: Subject) -> Board:
    """Size of batches, the model's work, and where the time of a request goes."""
    return Board(
        name="batching",
        title="Batching",
        description="How requests are put together for the model, and how long they wait for it.",
        rows=[
            Row("Batches", _batches(subject)),
            Row("Work", _work(subject)),
            Row("Time", _time(subject)),
            Row("Result cache", _cache(subject)),
            Row("Asynchronous inference", _jobs(subject)),
        ],
        events=promql.switched(subject.selector),
    )


def _batches(subject: Subject) -> list[Panel]:
    return [
        Panel(
            title="Distribution of batch size",
            description="How many model calls a second had how many examples. All in the lowest band under load "
            "means that batching does nothing: raise maxBatchDelayMs.",
            unit=Unit.COUNT,
            kind=Kind.HEATMAP,
            queries={"{{le}}": promql.buckets(contract.BATCH_SIZE, subject.models, RATE)},
        ),
        Panel(
            title="Batch size",
            description="Examples per model call. A 95th percentile at maxBatchSize means that larger batches would "
            "be made if they were allowed.",
            unit=Unit.COUNT,
            queries={
                "{{model}} mean": queries.mean(contract.BATCH_SIZE, subject.models, RATE, "model"),
                "{{model}} p95": queries.quantile(contract.BATCH_SIZE, subject.models, RATE, 0.95, "model"),
            },
        ),
    ]


def _work(subject: Subject) -> list[Panel]:
    calls = f"{contract.MODEL_DURATION.name}_count{{{subject.models}}}"
    examples = f"{contract.BATCH_SIZE.name}_sum{{{subject.models}}}"
    seconds = f"{contract.MODEL_DURATION.name}_sum{{{subject.models}}}"
    return [
        Panel(
            title="Examples",
            description="Examples that models answered. One request may hold many.",
            unit=Unit.COUNTS,
            width=8,
            queries={"{{model}}": f"sum by (model) (rate({examples}[{RATE}]))"},
        ),
        Panel(
            title="Model calls",
            description="Calls of models, each for one batch. It stays level while examples rise as long as batches "
            "take them in.",
            unit=Unit.CALLS,
            width=8,
            queries={"{{model}}": f"sum by (model) (rate({calls}[{RATE}]))"},
        ),
        Panel(
            title="Model busy",
            description="Share of the time in which a model call ran, by pod; more than 100 % where calls run side "
            "by side. A pod at its ceiling takes no more, whatever its CPU says.",
            unit=Unit.SHARE,
            width=8,
            queries={"{{pod}}": f"sum by (pod) (rate({seconds}[{RATE}]))"},
        ),
    ]


def _time(subject: Subject) -> list[Panel]:
    waiting = f"sum by (model, pod) ({contract.QUEUE_SIZE.name}{{{subject.models}}})"
    capacity = f"min by (model) ({contract.QUEUE_CAPACITY.name}{{{subject.models}}})"
    means = {
        "whole request": queries.mean(contract.REQUEST_DURATION, subject.predictions, RATE, ""),
        "waiting for the model": queries.mean(contract.QUEUE_DURATION, subject.models, RATE, ""),
        "one model call": queries.mean(contract.MODEL_DURATION, subject.models, RATE, ""),
    }
    return [
        Panel(
            title="Time in queue",
            description="How long an example waited for the model. Under little load it is maxBatchDelayMs at most; "
            "when it grows past a model call, pods are missing.",
            unit=Unit.SECONDS,
            queries=_percentiles(contract.QUEUE_DURATION, subject.models),
        ),
        Panel(
            title="Time in model",
            description="How long one model call took, of whatever size its batch was. When it grows without larger "
            "batches, the model shares its GPU or its cores.",
            unit=Unit.SECONDS,
            queries=_percentiles(contract.MODEL_DURATION, subject.models),
        ),
        Panel(
            title="Where the time goes",
            description="Means of a prediction, of the wait for the model and of one model call. What is left of the "
            "request is reading, checking and writing. Refusals (429) count as requests, and take no time.",
            unit=Unit.SECONDS,
            queries=means,
        ),
        Panel(
            title="Examples waiting",
            description="Examples in the queue of each pod, and how many may be.",
            unit=Unit.COUNT,
            queries={"{{model}} {{pod}}": waiting, "{{model}} may wait in a pod, at least": capacity},
            alert="QueueSaturated",
        ),
    ]


def _cache(subject: Subject) -> list[Panel]:
    return [
        Panel(
            title="Cache hits",
            description="Requests by what the result cache had: a hit never waits for the model. Errors and skipped "
            "ones mean that Redis is in trouble. Nothing where serving.cache is absent.",
            unit=Unit.REQUESTS,
            queries={"{{result}}": queries.rate(contract.CACHE_LOOKUPS, subject.models, RATE, "result")},
            stacked=True,
            width=8,
        ),
        Panel(
            title="Cache lookup",
            description="How long requests waited for Redis; at most serving.cache.timeoutMs, misses included.",
            unit=Unit.SECONDS,
            queries=_percentiles(contract.CACHE_LOOKUP_DURATION, subject.models),
            width=8,
        ),
        Panel(
            title="Cache stores",
            description="The model's answers by what became of them. Dropped ones are too large "
            "to be kept, or come faster than Redis takes them.",
            unit=Unit.REQUESTS,
            queries={"{{result}}": queries.rate(contract.CACHE_STORES, subject.models, RATE, "result")},
            stacked=True,
            width=8,
        ),
    ]


def _jobs(subject: Subject) -> list[Panel]:
    workers = f'{subject.selector},model=~"{MODEL}"'  # their pods are none of those to choose from
    return [
        Panel(
            title="Jobs",
            description="Attempts of the workers at jobs. Many that are retried mean that models are not ready, or "
            "that workers are lost. Nothing where serving.asynchronous is absent.",
            unit=Unit.REQUESTS,
            queries={"{{result}}": queries.rate(contract.JOBS, workers, RATE, "result")},
            stacked=True,
            width=8,
        ),
        Panel(
            title="Jobs without an answer",
            description="Jobs that wait or are in a worker's hands. KEDA brings a worker for each "
            "serving.asynchronous.jobsPerWorker of them; at maxOpen, more are refused.",
            unit=Unit.COUNT,
            queries={"jobs": f"max({contract.OPEN_JOBS.name}{{{subject.selector}}})"},
            width=8,
        ),
        Panel(
            title="Wait of jobs",
            description="How long jobs waited until a worker began them. When it grows, workers are missing: look at "
            "serving.asynchronous.replicas.max.",
            unit=Unit.SECONDS,
            queries=_percentiles(contract.JOB_WAIT, workers)
            | {"oldest": f"max({contract.OLDEST_JOB.name}{{{subject.selector}}})"},
            alert="JobsWait",
            width=8,
        ),
    ]


def _percentiles(metric: Metric, selector: str) -> dict[str, str]:
    return {f"{{{{model}}}} p{q}": queries.quantile(metric, selector, RATE, q / 100, "model") for q in PERCENTILES}
