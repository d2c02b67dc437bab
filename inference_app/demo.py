"""`python -m inference_app.demo`: start the server, send it the shipped samples, show what comes back."""

import json
import signal
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import cycle, islice, pairwise
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from inference_app import contract, repository, settings
from inference_app.errors import ConfigurationError
from inference_app.process import ServerDied, ServerProcess
from inference_app.repository import ModelVersion, Sample

REQUESTS = 1000
CONCURRENCY = 32


@dataclass(frozen=True)
class Answer:
    """What one sample got; latency in milliseconds."""

    sample: Sample
    label: str
    confidence: float
    latency_ms: float

    @property
    def right(self) -> bool:
        """Whether the answer is the expected one."""
        return self.label == self.sample.label


def main() -> int:
    """Returns 0 when every answer was right and the server stopped cleanly, 1 when not, 2 when there is no model."""
    try:
        wanted = settings.load()
        version = repository.find(wanted.model_repository, wanted.model_name, wanted.model_version)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with ServerProcess({contract.Env.DRAIN_SECONDS: "1"}) as server:
            answers = _ask(_started(server, wanted.workers), version)
            code = _stopped(server)
    except (ServerDied, HTTPException, OSError) as error:
        print(f"The demo failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    wrong = sum(not answer.right for answer in answers)
    print(f"\n{len(answers)} answers, {wrong} wrong")
    return 1 if wrong or code else 0


def _started(server: ServerProcess, workers: int) -> str:
    started = time.perf_counter()
    print("Starting the model server: python -m inference_app", flush=True)
    url = server.url()
    print(f"  {time.perf_counter() - started:4.1f} s  listening on {url}", flush=True)
    entry = server.until("ready", "not ready", times=workers)
    if entry["message"] != "ready":
        raise ServerDied(f"the server is not ready: {entry['reason']}")
    what = f"{entry['model']} version {entry['version']} on {entry['execution_provider']}"
    print(f"  {time.perf_counter() - started:4.1f} s  ready: {what}", flush=True)
    return url


def _stopped(server: ServerProcess) -> int:
    print("\nStopping it with SIGTERM", flush=True)
    started = time.perf_counter()
    server.send(signal.SIGTERM)
    code = server.wait()
    print(f"  exit code {code} after {time.perf_counter() - started:.1f} s, 1 s of it the drain")
    return code


def _ask(url: str, version: ModelVersion) -> list[Answer]:
    samples = version.metadata.samples
    client = Client(url, version)
    print(f"\nThe {len(samples)} shipped samples, one by one")
    singles = client.ask(samples)
    _print_answers(singles)
    print(f"\nThe same samples, {REQUESTS} requests, {CONCURRENCY} at a time", flush=True)
    lanes = [list(islice(cycle(samples), start, REQUESTS, CONCURRENCY)) for start in range(CONCURRENCY)]
    before, started = client.batches(), time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        many = [answer for answers in pool.map(client.ask, lanes) for answer in answers]
    _print_load(many, time.perf_counter() - started)
    _print_batches(before, client.batches())
    return singles + many


class Client:
    """Sends samples of one model version; any number of threads may ask at once, each on a connection of its own."""

    def __init__(self, url: str, version: ModelVersion) -> None:
        self._address = urlsplit(url).netloc
        self._images = {sample: (version.directory / sample.file).read_bytes() for sample in version.metadata.samples}

    def ask(self, samples: Iterable[Sample]) -> list[Answer]:
        """Send the samples one after another over one connection; raises `ServerDied` for an answer but 200."""
        with closing(HTTPConnection(self._address, timeout=30)) as connection:
            connection.connect()
            return [self._answer(connection, sample) for sample in samples]

    def batches(self) -> dict[float, float]:
        """Model calls so far, by the largest batch size of their histogram bucket."""
        with closing(HTTPConnection(self._address, timeout=30)) as connection:
            connection.request("GET", contract.Route.METRICS)
            families = text_string_to_metric_families(connection.getresponse().read().decode())
        name = f"{contract.BATCH_SIZE.name}_bucket"
        buckets = [sample for family in families for sample in family.samples if sample.name == name]
        return {float(bucket.labels["le"]): bucket.value for bucket in buckets}

    def _answer(self, connection: HTTPConnection, sample: Sample) -> Answer:
        media_type = "image/png" if sample.file.endswith(".png") else "image/jpeg"
        started = time.perf_counter()
        connection.request("POST", contract.Route.PREDICT, self._images[sample], {"Content-Type": media_type})
        response = connection.getresponse()
        content = response.read()
        latency_ms = 1000 * (time.perf_counter() - started)
        if response.status != HTTPStatus.OK:
            raise ServerDied(f"{sample.file} got {response.status}: {content.decode()}")
        prediction = json.loads(content)["predictions"][0]
        return Answer(sample, prediction["label"], prediction["confidence"], latency_ms)


def _print_answers(answers: list[Answer]) -> None:
    print("  sample           expected  answer  confidence  latency")
    for answer in answers:
        verdict = "" if answer.right else "  WRONG"
        print(
            f"  {answer.sample.file:<15}  {answer.sample.label:>8}  {answer.label:>6}  {answer.confidence:>10.4f}"
            f"  {answer.latency_ms:>4.1f} ms{verdict}"
        )


def _print_load(answers: list[Answer], seconds: float) -> None:
    latencies = sorted(answer.latency_ms for answer in answers)
    p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    print(f"  {len(answers) / seconds:.0f} requests/s, latency p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def _print_batches(before: dict[float, float], after: dict[float, float]) -> None:
    edges = [0.0, *sorted(after)]
    totals = {0.0: 0.0, **{edge: after[edge] - before.get(edge, 0) for edge in after}}
    calls = {(low, high): int(totals[high] - totals[low]) for low, high in pairwise(edges)}
    shown = [f"{_span(low, high)}: {count}" for (low, high), count in calls.items() if count]
    print(f"  model calls by batch size:  {',  '.join(shown)}")


def _span(low: float, high: float) -> str:
    return f"{high:.0f}" if high - low == 1 else f"{low + 1:.0f}-{high:.0f}"


if __name__ == "__main__":
    sys.exit(main())
