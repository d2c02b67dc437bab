"""`python -m benchmarks.serving`: measure the model server, its peers and the limit on this machine."""

import argparse
import shutil
import sys
from collections.abc import Sequence

from benchmarks.serving import contenders, environments, report, rounds
from benchmarks.serving.cases import ModelName, Payload
from benchmarks.serving.plan import Plan

RESULTS = environments.ROOT / "benchmarks" / "results"
QUICK_PEERS = ["mosec-orjson", "triton", "fastapi"]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 2 without wrk, 1 where ours could not be measured."""
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk makes the load; Debian has it as `wrk`\n")
        return 2
    plan = _plan(_parser().parse_args(arguments))
    print(f"{len(plan.contenders)} servers, {plan.rounds} rounds, about {plan.estimate_seconds() / 60:.0f} minutes")
    environments.build_models(list(plan.models))
    for each in plan.contenders:
        environments.interpreter(each.folder)
    results = rounds.run(plan, lambda line: print(line, flush=True))
    chosen = {"rounds": plan.rounds, "seconds": plan.seconds}
    for path in report.write(RESULTS, results, plan.contenders, chosen):
        print(path.relative_to(environments.ROOT))
    return int(any(failure.contender == contenders.OURS for failure in results.failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--peers", type=_list, help="comma-separated; ours and the limit always run")
    parser.add_argument("--models", type=_models, default=list(ModelName), help="comma-separated")
    parser.add_argument("--payloads", type=_payloads, default=list(Payload), help="comma-separated")
    parser.add_argument("--concurrency", type=_numbers, help="comma-separated; each model has its own by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of load per figure")
    parser.add_argument("--quick", action="store_true", help="one round of the strongest peers in three minutes")
    return parser


def _plan(chosen: argparse.Namespace) -> Plan:
    return Plan(
        contenders=contenders.named(chosen.peers or (QUICK_PEERS if chosen.quick else None)),
        models=chosen.models,
        payloads=chosen.payloads,
        concurrencies=chosen.concurrency or ([8, 64] if chosen.quick else None),
        rounds=1 if chosen.quick else chosen.rounds,
        seconds=chosen.seconds,
    )


def _list(text: str) -> list[str]:
    return text.split(",")


def _models(text: str) -> list[ModelName]:
    return [ModelName(name) for name in _list(text)]


def _payloads(text: str) -> list[Payload]:
    return [Payload(name) for name in _list(text)]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _list(text)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
