"""Server processes and a real Redis: what is kept, and that no trouble of Redis's is a client's."""

import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
import trustme

from inference_app.contract import BATCH_SIZE, CACHE_LOOKUPS, CACHE_STORES, Env, Execution, Metric, Route
from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc.service import NAME
from inference_app.process import ServerProcess
from inference_app.settings import Settings
from tests.drills import versions
from tests.drills.client import Load, Outcome
from tests.drills.drill import p99
from tests.inference_app.collector import Collector
from tests.processes import HOST, free_port, until
from tests.redis_server import PASSWORD, RedisServer

pytestmark = pytest.mark.slow

MANY = 150
"""Requests."""
NOISE_MS = 500
"""How much longer a busy machine may take over 99 % of the requests; who waits for Redis itself waits for a second."""
TOKEN = "a token of the test"
GRPC_PORT = free_port()

QUESTIONS = versions.questions(versions.found(Settings().model_repository))
EXAMPLE = json.loads(QUESTIONS[0].body)

Trouble = Callable[[RedisServer], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty(redis: RedisServer) -> None:
    with redis.client() as owner:
        owner.flushall()


@pytest.fixture(scope="module")
def cached(redis: RedisServer) -> Generator[httpx.Client]:
    """A server whose model runs on threads, as those do that a cache pays for."""
    with server(redis.url, EXECUTION=Execution.THREADS, GRPC_PORT=str(GRPC_PORT)) as client:
        yield client


def process(url: str, **environment: str) -> ServerProcess:
    """A server that waits long enough for a Redis that answers, however busy the machine is."""
    cache = {Env.RESULT_CACHE_URL: url, Env.RESULT_CACHE_PASSWORD: PASSWORD, Env.RESULT_CACHE_TIMEOUT_MS: "200"}
    return ServerProcess({**cache, **environment})


@contextmanager
def client_of(running: ServerProcess) -> Generator[httpx.Client]:
    running.until("ready")
    with httpx.Client(base_url=running.url(), timeout=30, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@contextmanager
def server(url: str, **environment: str) -> Generator[httpx.Client]:
    with process(url, **environment) as running, client_of(running) as client:
        yield client


def counts(client: httpx.Client, metric: Metric = CACHE_LOOKUPS) -> dict[str, int]:
    """By result, those that are not 0."""
    lines = [line for line in client.get(Route.METRICS).text.splitlines() if line.startswith(f"{metric.name}{{")]
    found = {line.partition('result="')[2].partition('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines}
    return {result: int(count) for result, count in found.items() if count}


def hits(client: httpx.Client) -> int:
    return counts(client).get("hit", 0)


def calls(client: httpx.Client) -> list[str]:
    """What the metrics say of how many batches the model has run."""
    return [line for line in client.get(Route.METRICS).text.splitlines() if line.startswith(f"{BATCH_SIZE.name}_count")]


def ask(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(Route.PREDICT, json=EXAMPLE, headers=headers)


def keep(client: httpx.Client) -> None:
    """Ask until the answer comes from Redis."""
    before = hits(client)
    until(lambda: ask(client).is_success and hits(client) > before, "hit")


def test_every_protocol_gets_what_another_one_has_asked_the_model(cached: httpx.Client) -> None:
    keep(cached)
    before, ran = hits(cached), calls(cached)
    flat = [number for row in EXAMPLE for (number,) in row]
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 8, 8, 1], "data": flat}
    predicted = ask(cached).json()
    inferred = cached.post(f"{Route.V2}/models/digits/infer", json={"inputs": [tensor]}).json()
    invoked = cached.post(Route.INVOCATIONS, json={"instances": [EXAMPLE]}).json()

    assert inferred["outputs"][0]["data"] == pytest.approx(asked_by_grpc(flat))
    assert invoked["predictions"][0]["label"] == predicted["predictions"][0]["label"]
    assert hits(cached) == before + 4
    assert calls(cached) == ran


def asked_by_grpc(flat: list[float]) -> list[float]:
    request = pb.ModelInferRequest(model_name="digits")
    request.inputs.add(name="image", datatype="FP32", shape=[1, 8, 8, 1]).contents.fp32_contents.extend(flat)
    with grpc.insecure_channel(f"{HOST}:{GRPC_PORT}") as channel:
        call = channel.unary_unary(
            f"/{NAME}/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        return list(call(request, timeout=20).outputs[0].contents.fp32_contents)


def test_another_server_finds_what_one_has_kept_for_as_long_as_the_setting_says(
    cached: httpx.Client, redis: RedisServer
) -> None:
    keep(cached)
    with redis.client() as owner:
        (ttl,) = [owner.ttl(key) for key in owner.scan_iter()]
    with server(redis.url, RESULT_CACHE_MAX_VALUE_BYTES="100") as other:
        keep(other)

        assert "miss" not in counts(other)
        assert 3000 < ttl <= 3600


def test_an_answer_too_large_to_be_kept_is_given_all_the_same(redis: RedisServer) -> None:
    with server(redis.url, RESULT_CACHE_MAX_VALUE_BYTES="100", RESULT_CACHE_TTL_SECONDS="60") as client:
        until(lambda: ask(client).is_success and counts(client).get("miss"), "miss")

        assert set(counts(client, CACHE_STORES)) == {"dropped"}


def test_what_is_refused_is_kept_by_nobody(cached: httpx.Client) -> None:
    keep(cached)
    before = counts(cached, CACHE_STORES)
    answers = [cached.post(Route.PREDICT, content=b"[1, 2]").status_code for _ in range(3)]

    assert (answers, counts(cached, CACHE_STORES)) == ([400] * 3, before)


def test_a_value_that_somebody_has_spoilt_is_put_right(cached: httpx.Client, redis: RedisServer) -> None:
    keep(cached)
    before = counts(cached)
    with redis.client() as owner:
        for key in owner.scan_iter():
            owner.set(key, b"spoilt")
        answer = ask(cached)
        keep(cached)

    assert answer.is_success
    assert counts(cached)["error"] == before.get("error", 0) + 1


def test_no_answer_of_the_version_before_comes_after_a_switch(redis: RedisServer, tmp_path: Path) -> None:
    made = versions.write(tmp_path / "models", 2)
    with server(redis.url, MODEL_REPOSITORY=str(tmp_path / "models"), ADMIN_TOKEN=TOKEN) as client:
        with Load(str(client.base_url), versions.questions(made), connections=4, rate=MANY) as load:
            for version in ("2", "1", "2"):
                load.reach(60)
                client.post(Route.SWITCH_MODEL, json={"version": version}).raise_for_status()
            load.reach(60)

        assert {request.outcome for request in load.requests} == {Outcome.ANSWERED}
        assert {request.version for request in load.requests} == {"1", "2"}
        assert hits(client) > len(load.requests) / 2


def test_a_model_whose_answers_differ_is_never_looked_up(redis: RedisServer, own_repository: Path) -> None:
    (path,) = own_repository.glob("*/1/metadata.json")
    path.write_text(path.read_text().replace("{", '{"cacheable": false,', 1))
    with server(redis.url, MODEL_REPOSITORY=str(own_repository)) as client:
        answers = [ask(client).status_code for _ in range(5)]

        assert (answers, counts(client)) == ([200] * 5, {})


def test_a_look_into_the_cache_is_a_span_and_a_hit_has_none_of_the_model(redis: RedisServer) -> None:
    with (
        Collector() as collector,
        server(redis.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_BSP_SCHEDULE_DELAY="50") as client,
    ):
        keep(client)
        ask(client, traceparent=f"00-{7:032x}-{8:016x}-01")
        until(lambda: {span.trace_id for span in collector.spans} & {f"{7:032x}"}, "spans")
        spans = {span.name: span for span in collector.spans if span.trace_id == f"{7:032x}"}

    lookup, request = spans["cache.lookup"], spans["POST /predict"]
    assert set(spans) == {"POST /predict", "preprocess", "cache.lookup"}
    assert (lookup.parent_id, lookup.attributes) == (request.span_id, {"inference.cache_result": "hit"})
    assert request.start <= lookup.start <= lookup.end <= request.end


@contextmanager
def killed(redis: RedisServer) -> Generator[None]:
    redis.kill()
    yield
    redis.start()


@contextmanager
def stalled(redis: RedisServer) -> Generator[None]:
    with redis.stalled():
        yield


@contextmanager
def with_another_password(redis: RedisServer) -> Generator[None]:
    with redis.client() as owner:
        owner.config_set("requirepass", "another password")
        owner.client_kill_filter(_type="normal", skipme=True)
        yield
        owner.config_set("requirepass", PASSWORD)


@contextmanager
def full(redis: RedisServer) -> Generator[None]:
    with redis.client() as owner:
        owner.flushall()
        owner.config_set("maxmemory", 1)
        yield
        owner.config_set("maxmemory", 0)


@contextmanager
def read_only(redis: RedisServer) -> Generator[None]:
    with redis.client() as owner:
        owner.flushall()
        owner.replicaof(HOST, str(free_port()))
        yield
        owner.replicaof("NO", "ONE")


@pytest.mark.parametrize(
    ("trouble", "metric", "result"),
    [
        (killed, CACHE_LOOKUPS, "skipped"),
        (stalled, CACHE_LOOKUPS, "skipped"),
        (with_another_password, CACHE_LOOKUPS, "skipped"),
        (full, CACHE_STORES, "error"),
        (read_only, CACHE_STORES, "error"),
    ],
    ids=["killed", "stalled", "with another password", "full", "read-only"],
)
def test_no_trouble_of_redis_costs_a_request_and_afterwards_it_is_used_again(
    cached: httpx.Client, redis: RedisServer, trouble: Trouble, metric: Metric, result: str
) -> None:
    keep(cached)
    with Load(str(cached.base_url), QUESTIONS, connections=4) as load:
        load.reach(MANY)
        before, begun = counts(cached, metric), len(load.requests)
        with trouble(redis):
            load.reach(3 * MANY)
            during = counts(cached, metric)
        found = hits(cached)
        until(lambda: hits(cached) > found + MANY, "hits when the trouble is over")

    assert during[result] - before.get(result, 0) > MANY
    assert {request.outcome for request in load.requests} == {Outcome.ANSWERED}
    assert (p99(load.requests[begun:]) or 0) < (p99(load.requests[:begun]) or 0) + NOISE_MS


def test_a_redis_that_is_not_there_yet_keeps_no_server_from_being_ready(redis: RedisServer) -> None:
    redis.kill()
    with server(redis.url) as client:
        answer = ask(client)

        assert (answer.status_code, counts(client)) == (200, {"skipped": 1})
        redis.start()
        keep(client)


def test_tls_is_spoken_with_a_redis_whose_certificate_is_known_and_with_no_other(tmp_path: Path) -> None:
    authority, files = trustme.CA(), {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(files["ca"])
    issued.cert_chain_pems[0].write_to_path(files["cert"])
    issued.private_key_pem.write_to_path(files["key"])
    options = ["--tls-cert-file", str(files["cert"]), "--tls-key-file", str(files["key"]), "--tls-auth-clients", "no"]
    with RedisServer(tmp_path, options, port_option="--tls-port") as redis:
        url = f"rediss://localhost:{redis.port}/0"
        with server(url, SSL_CERT_FILE=str(files["ca"])) as client:
            keep(client)
        with process(url) as running, client_of(running) as client:
            complaint = running.until("the result cache fails, requests go to the model")
            answer = ask(client)

            assert (answer.status_code, set(counts(client))) == (200, {"skipped"})
            assert "certificate verify failed" in complaint["reason"]
