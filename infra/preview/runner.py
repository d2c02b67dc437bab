"""Runs a Pulumi program in this process, with a recording monitor where the engine would be."""

import asyncio
import contextvars
import json
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import pulumi
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import SETTINGS

from infra.preview.monitor import RecordingMonitor
from infra.preview.overrides import Overrides
from infra.preview.plan import Plan, in_order
from infra.preview.wire import Plain

PROJECT = "inference-platform"
UNAWAITED = "coroutine 'Output"
"""How Python's warning of the coroutines begins that a failed program leaves; its first error is the one to hear."""


class Log:
    """The engine's log service: keeps the program's warnings and errors, drops the rest."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def Log(self, request: Any) -> None:  # noqa: N802
        """Take one message."""
        if request.severity >= engine_pb2.WARNING:
            self.lines.append(request.message)


def run(
    program: Callable[[], None],
    config: Mapping[str, object],
    stack: str = "test",
    *,
    project: str = PROJECT,
    secrets: Collection[str] = (),
    outputs: Mapping[str, object] | None = None,
    preview: bool = False,
) -> Plan:
    """Run `program` as the stack `stack` and return what it registered. May be called any number of times.

    `config` maps keys (`aws:region`; without a `:` the project's own) to values, `secrets` names the keys that are
    secret, `outputs` gives values for what only `up` knows (`registry.repositoryUrl`). With `preview` such values are
    unknown instead of markers, as in a first `pulumi preview`: `apply` does not run on them.
    Raises `PreviewError` for what cannot be previewed, and whatever the program raises.
    """
    overrides = Overrides(outputs or {})
    monitor = RecordingMonitor(overrides, preview=preview)
    log = Log()

    def start() -> None:
        settings = {_qualified(project, key): _text(value) for key, value in config.items() if value is not None}
        pulumi.runtime.set_all_config(settings, [_qualified(project, key) for key in secrets])
        engine, resources = cast(str, log), cast(str, monitor)  # reset_options takes addresses or the services
        pulumi.runtime.reset_options(project, stack, None, None, engine, resources, preview)
        _drive(program)

    contextvars.copy_context().run(start)  # Pulumi keeps its state in context variables
    overrides.verify()
    ordered = in_order(monitor.recorded)
    return Plan(project=project, stack=stack, resources=ordered, exports=monitor.exports, warnings=log.lines)


def _drive(program: Callable[[], None]) -> None:
    with warnings.catch_warnings(), asyncio.Runner() as loop:
        warnings.filterwarnings("ignore", UNAWAITED, RuntimeWarning)
        loop.get_loop().set_exception_handler(_ignore)
        loop.run(pulumi.runtime.run_in_stack(lambda: _settled(program)))


async def _settled(program: Callable[[], None]) -> None:
    """Run it and wait for what it began; the SDK does too, but goes over all that is left each time one is done."""
    program()
    outputs: set[asyncio.Future[object]] = cast(Any, SETTINGS).outputs
    while begun := [each for each in outputs if not each.done()]:
        await asyncio.wait(begun)


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    del loop, context


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _text(value: Plain) -> str:
    """Return a setting as the engine hands it to the program: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
