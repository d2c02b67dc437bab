"""What benchmarks of our own servers beside each other share: their options, and how the servers take turns."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.serving import environments, wrk
from benchmarks.serving.cases import ModelName
from benchmarks.serving.requests import Request
from benchmarks.serving.running import Running

CLIENTS = 32
WARM_UP_SECONDS = 2

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is run: `seconds` of load for each figure."""

    model: ModelName
    rounds: int
    seconds: int


def chosen(program: str, description: str | None, default: Chosen) -> Chosen:
    """What the command line asks for; what it takes to run it is there."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--model", type=ModelName, choices=list(ModelName), default=default.model)
    parser.add_argument("--rounds", type=int, default=default.rounds)
    parser.add_argument("--seconds", type=int, default=default.seconds, help="of load per figure")
    given = Chosen(**vars(parser.parse_args()))
    environments.build_models([given.model])
    environments.interpreter(None)
    return given


def say(line: str) -> None:
    """Tell whoever waits."""
    print(line, file=sys.stderr, flush=True)


def turns(cases: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Each case in each round, in an order that changes from round to round."""
    for number in range(rounds):
        first = number % len(cases)
        yield from ((number, case) for case in [*cases[first:], *cases[:first]])


def warm_up(server: Running, request: Request) -> None:
    """Load a server for a while."""
    wrk.run(server.url, request, CLIENTS, WARM_UP_SECONDS)


def load(server: Running, request: Request, seconds: int, script: Path = wrk.SCRIPT) -> wrk.Load:
    """Load a server; raises `WrkFailed` where a request did."""
    done = wrk.run(server.url, request, CLIENTS, seconds, script)
    if done.errors:
        raise wrk.WrkFailed(f"{done.errors} requests failed")
    return done
