"""Runs a plan: round by round, model by model, one server at a time, so that noise hits all alike."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.serving import environments, sample, wrk
from benchmarks.serving.cases import Case, ModelName
from benchmarks.serving.contenders import Contender
from benchmarks.serving.plan import CEILING_SECONDS, PAUSE_SECONDS, WARM_UP_SECONDS, Plan, by_payload
from benchmarks.serving.requests import Request
from benchmarks.serving.results import Ceiling, Failure, Measurement, Results, Start
from benchmarks.serving.running import Running

WARM_UP_CONNECTIONS = 8

Say = Callable[[str], None]


def run(plan: Plan, say: Say) -> Results:
    """Measure everything; a server that fails is noted and left out of later rounds with that model."""
    results = Results()
    for number in range(plan.rounds):
        for model in plan.models:
            for contender in plan.order(number):
                _attempt(plan, contender, model, number, results, say)
            if model is not ModelName.TINY:
                results.ceilings.append(Ceiling(model=model, round=number, per_second=_ceiling(model)))
                say(f"{model} onnxruntime {results.ceilings[-1].per_second:,.0f}/s")
    return results


def _attempt(plan: Plan, contender: Contender, model: ModelName, number: int, results: Results, say: Say) -> None:
    cases = plan.cases(contender, model)
    failed = any((each.contender, each.model) == (contender.name, model) for each in results.failures)
    if not cases or failed:
        return
    try:
        _serve(contender, cases, number, plan.seconds, results, say)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one peer, the others are still measured
        results.failures.append(Failure(contender=contender.name, model=model, reason=str(error) or repr(error)))
        say(f"{model} {contender.name} void: {error}")


def _serve(contender: Contender, cases: Sequence[Case], number: int, seconds: int, results: Results, say: Say) -> None:
    model = cases[0].model
    example = sample.load(environments.MODELS / model / "1")
    requests = {case.payload: contender.dialects[case.payload](example) for case in cases}
    with Running(contender, model) as server:
        started = server.first_answer(requests[cases[0].payload])
        results.starts.append(Start(contender=contender.name, model=model, round=number, seconds=started))
        for payload, group in by_payload(cases):
            server.ask(requests[payload])
            wrk.run(server.url, requests[payload], WARM_UP_CONNECTIONS, WARM_UP_SECONDS)
            for case in group:
                results.measurements.append(_measure(server, contender, case, requests[payload], number, seconds))
                say(_line(results.measurements[-1]))


def _measure(
    server: Running, contender: Contender, case: Case, request: Request, number: int, seconds: int
) -> Measurement:
    time.sleep(PAUSE_SECONDS)
    load = wrk.run(server.url, request, case.concurrency, seconds)
    return Measurement(contender=contender.name, case=case, round=number, load=load, memory=server.memory())


def _line(measured: Measurement) -> str:
    case, load = measured.case, measured.load
    errors = f", {load.errors} errors" if load.errors else ""
    return (
        f"{case.model} {case.payload} {case.concurrency} {measured.contender} {load.per_second:,.0f}/s, "
        f"P99 {load.p99_ms:.2f} ms, {measured.memory.pss:.0f} MiB{errors}"
    )


def _ceiling(model: ModelName) -> float:
    command = [sys.executable, "-m", "benchmarks.serving.ceiling", environments.MODELS / model / "1"]
    done = subprocess.run(
        [*command, str(CEILING_SECONDS)], cwd=environments.ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)["per_second"]
