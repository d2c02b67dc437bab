"""Two tracks of a stack's model server on loopback, under all that metrics tell of: enough, too much, and mistakes.

What is real: the servers, their requests, Prometheus, and the scrape configuration, which comes from the stack's own
ServiceMonitor; the cluster's objects and autoscalers, and kube-state-metrics. The servers are called its pods.
"""

import asyncio
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import httpx

from inference_app.asynchronous.request import JobRequest
from inference_app.contract import Env, Execution, Route, TraceSampler
from inference_app.grpc import open_inference_pb2 as messages
from inference_app.grpc.service import NAME as SERVICE
from inference_app.process import ServerProcess
from infra.monitoring import jobs
from tests.cluster import slow_model, stacks, variants
from tests.cluster.served import NAMESPACE
from tests.drills import versions
from tests.drills.client import Load
from tests.inference_app.collector import Collector
from tests.job_queue import submit
from tests.monitoring.cluster import Cluster, cluster
from tests.monitoring.prometheus import Prometheus, Target, exporter
from tests.processes import HOST, free_port
from tests.redis_server import PASSWORD, RedisServer

MODELS = stacks.ROOT / "inference_app" / "model_repository"
STABLE, CANARY = "stable", "canary"
SERVER, WORKER = f"{NAMESPACE}-model-server", f"{NAMESPACE}-model-worker"
"""What watches them."""
SCRAPE = "1s"
TARGET_MS = 100
TOKEN = "a token of the scene"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NOBODY = "/v2/models/nobody/infer"
BACKLOG = 300
"""Jobs at once, for which the worker takes some seconds: longer than their number is out of date."""

PRICES: Mapping[str, Mapping[str, float]] = {
    "g6.xlarge": {"spot": 0.35, "onDemand": 0.8},
    "g5.xlarge": {"spot": 0.45, "onDemand": 1.0},
}
"""Dollars per hour, made up."""

COMMON: Mapping[str, str] = {Env.ADMIN_TOKEN: TOKEN, Env.LATENCY_TARGET_MS: str(TARGET_MS)}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The stack, its cluster, its servers by track, the Prometheus that reads them, and who takes their traces."""

    stack: stacks.Stack
    cluster: Cluster
    servers: Mapping[str, ServerProcess]
    prometheus: Prometheus
    collector: Collector
    redis: RedisServer
    grpc: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What the stack makes on its first cluster."""
        return next(iter(self.stack.objects.values()))

    @contextmanager
    def load(self) -> Generator[None]:
        """What the stable track can answer, and more than the canary can."""
        asked = versions.questions(versions.found(MODELS))
        with (
            Load(self.servers[STABLE].url(), asked, rate=60, connections=4),
            Load(self.servers[CANARY].url(), asked, rate=150, connections=16),
        ):
            yield

    def stray(self) -> None:
        """Requests that no dashboard should hide: wrong ones, other protocols, and changes of version."""
        with httpx.Client(base_url=self.servers[STABLE].url(), headers=BEARER, timeout=20) as client:
            assert client.post(Route.PREDICT, content=b"{").status_code == HTTPStatus.BAD_REQUEST
            for _ in range(BACKLOG):
                assert client.post(Route.JOBS, json=[[[0.0]] * 8] * 8).status_code == HTTPStatus.ACCEPTED
            # Of a model that the worker does not have any more.
            asyncio.run(submit(_jobs(self.redis), [JobRequest.of("gone", b"[]", {})]))
            assert client.post(NOBODY, json={}).status_code == HTTPStatus.NOT_FOUND
            assert client.post(Route.SWITCH_MODEL, json={"version": "2"}).is_success
            assert client.post(Route.SWITCH_MODEL, json={"version": "1"}).is_success
            assert client.post(Route.SWITCH_MODEL, json={"version": "broken"}).is_error
        with grpc.insecure_channel(self.grpc) as channel:
            call = channel.unary_unary(
                f"/{SERVICE}/ModelInfer",
                request_serializer=messages.ModelInferRequest.SerializeToString,
                response_deserializer=messages.ModelInferResponse.FromString,
            )
            assert call(_example(), timeout=10).outputs


def _example() -> messages.ModelInferRequest:
    tensor = messages.ModelInferRequest.InferInputTensor(name="image", datatype="FP32", shape=[1, 8, 8, 1])
    tensor.contents.fp32_contents.extend([0.0] * 64)
    return messages.ModelInferRequest(model_name=versions.NAME, inputs=[tensor])


@contextmanager
def scene(folder: Path, beside: Sequence[Mapping[str, Any]] = ()) -> Generator[Scene]:
    """Everything running, and a Prometheus that looks every second, also as the scrape configurations `beside` say.

    The cluster has no nodes yet. Raises MissingProgramError.
    """
    stack = _stack()
    port, metrics = free_port(), f"{HOST}:{free_port()}"
    with ExitStack() as running:
        collector = running.enter_context(Collector())
        redis = running.enter_context(RedisServer(folder))
        slow = _slow(folder)
        servers = {STABLE: _stable(folder, port, collector.endpoint, redis), CANARY: _canary(slow)}
        for server in servers.values():
            running.enter_context(server).until("ready")
        worker = running.enter_context(ServerProcess({**slow, **_jobs(redis)}, module="inference_app.asynchronous"))
        objects = next(iter(stack.objects.values()))
        (monitor,) = [each for each in objects if each["kind"] == "ServiceMonitor" and _name(each) == SERVER]
        targets = [
            Target(address=server.url().removeprefix("http://"), pod=f"model-server-{name}-0", labels={"track": name})
            for name, server in servers.items()
        ]
        groups = [{"name": "shipped", "rules": rules(objects)}]
        read = [exporter("kube-state-metrics", metrics, SCRAPE), _of_worker(worker), *beside]
        prometheus = Prometheus(folder, targets, monitor, interval=SCRAPE, rules=groups, beside=read)
        running.enter_context(prometheus.process())
        around = running.enter_context(
            cluster(folder, stack, prometheus=prometheus.url, metrics=metrics, pid=servers[STABLE].pid)
        )
        yield Scene(
            stack=stack,
            cluster=around,
            servers=servers,
            prometheus=prometheus,
            collector=collector,
            redis=redis,
            grpc=f"{HOST}:{port}",
        )


def _stack() -> stacks.Stack:
    """Prod on EKS in two tracks, whose pods are scaled for a third of what the load asks of the canary."""
    few = {"requestsPerSecond": {"capacity": 30, "utilisation": 67}}
    rollout = {"traffic": "gateway-api", "tracks": variants.CANARIES}
    jobs_too = {"asynchronous": {"replicas": {"max": 1}}, "replicas": {"max": 9}}  # which fit the GPU pools together
    serving = {"grpc": True, "rollout": rollout, "autoscaling": few, **jobs_too}
    without = ("aks", "training", "mlflow", "backups", "security", *variants.MANAGED)
    return stacks.shipped("prod", {"serving": serving, "monitoring": {"prices": PRICES}}, without)


def _stable(folder: Path, port: int, collector: str, redis: RedisServer) -> ServerProcess:
    """Two versions to switch between, and one that is no model; its answers are kept for a second."""
    made = versions.write(folder / "models", 2)
    broken = made[-1].directory.with_name("broken")
    broken.mkdir()
    environment: dict[str, str] = {
        **COMMON,
        Env.MODEL_REPOSITORY: str(folder / "models"),
        Env.GRPC_PORT: str(port),
        Env.RESULT_CACHE_URL: redis.url,
        Env.RESULT_CACHE_PASSWORD: PASSWORD,
        Env.RESULT_CACHE_TTL_SECONDS: "1",
        **_jobs(redis),
        Env.OTEL_EXPORTER_OTLP_ENDPOINT: collector,
        Env.OTEL_TRACES_SAMPLER: TraceSampler.TRACEIDRATIO,
        Env.OTEL_TRACES_SAMPLER_ARG: "0.2",
    }
    return ServerProcess(environment)


def _jobs(redis: RedisServer) -> Mapping[str, str]:
    return {Env.JOBS_URL: redis.url, Env.JOBS_PASSWORD: PASSWORD}


def _of_worker(worker: ServerProcess) -> Mapping[str, Any]:
    """What its ServiceMonitor makes of a worker of asynchronous inference."""
    place = {"namespace": NAMESPACE, "pod": "model-worker-0"}
    return {
        "job_name": "model-worker",
        "scrape_interval": SCRAPE,
        "scrape_timeout": SCRAPE,
        "static_configs": [{"targets": [worker.url().removeprefix("http://")], "labels": place}],
        "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": jobs.KEPT, "action": "keep"}],
    }


def _slow(folder: Path) -> dict[str, str]:
    """What a server is told of a model that takes one example after the other."""
    return {
        Env.MODEL_REPOSITORY: str(slow_model.write(MODELS, folder / "slow")),
        Env.EXECUTION: Execution.THREADS,
        Env.MODEL_THREADS: "1",
        Env.MAX_BATCH_SIZE: "1",
    }


def _canary(slow: Mapping[str, str]) -> ServerProcess:
    """A slow model with room for a few in its queue, of whom some wait longer than they may."""
    return ServerProcess({**COMMON, **slow, Env.MAX_QUEUE_SIZE: "10", Env.REQUEST_TIMEOUT_SECONDS: "0.12"})


def rules(objects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What Prometheus is to record and judge of the model server and of jobs."""
    found = [each for each in objects if each["kind"] == "PrometheusRule" and _name(each) in (SERVER, WORKER)]
    return [rule for each in found for group in each["spec"]["groups"] for rule in group["rules"]]


def _name(document: Mapping[str, Any]) -> str:
    return document["metadata"]["name"]
