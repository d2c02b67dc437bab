"""`python -m inference_app.tune`: find a model's best settings on this machine and write them beside the model.

The load is the model's golden input, one example a request, in this process: what HTTP costs comes on top of it.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from inference_app import repository, settings
from inference_app.__main__ import SWITCH_INTERVAL_SECONDS
from inference_app.errors import ConfigurationError, ModelUnusable
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tune import machine, report
from inference_app.tune.bench import Bench
from inference_app.tune.race import Race, Result, best
from inference_app.tuning import FILE, TunedSettings, Tuning

INTERRUPTED = 130
"""What shells give for a command that Ctrl-C ended."""
CALL_SHARE = 0.01
"""A single model call may take this share of the whole time; then every candidate still gets its rounds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when settings were found (and written), 1 when not, 2 for a wrong setting or a missing model,
    130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        wanted = settings.load()
        version = repository.find(wanted.model_repository, options.model or wanted.model_name, options.version)
        return _tune(version, wanted, options)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except ModelUnusable as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted, nothing is written", file=sys.stderr)
        return INTERRUPTED


def _tune(version: ModelVersion, wanted: Settings, options: argparse.Namespace) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    here = machine.describe(wanted.execution_provider)
    name = f"{version.metadata.name} version {version.metadata.version}"
    print(f"Tuning {name} on {here.cores} cores, {here.execution_provider} ({here.cpu})", flush=True)
    _warn_of_variables(wanted)
    limit_ms = options.latency_limit_ms
    with Bench(version, wanted, _say) as bench:
        candidates = bench.candidates(options.max_batch_size or wanted.max_batch_size, CALL_SHARE * options.seconds)
        results = Race(bench.measure, _say).run(candidates, options.seconds, limit_ms)
        untuned = bench.untuned()
    chosen = best(results, limit_ms)
    print(f"\n{report.table(results, chosen)}\n")
    if chosen is None:
        return _refuse(results, limit_ms)
    print(report.verdict(results, chosen, untuned))
    tuning = Tuning(
        machine=here,
        model_sha256=version.metadata.sha256,
        measured=datetime.now(UTC).replace(microsecond=0),
        latency_limit_ms=None if math.isinf(limit_ms) else limit_ms,
        tried=tuple(report.trial(result) for result in results),
        settings=chosen.settings,
    )
    return _keep(version, tuning, dry=options.dry_run)


def _keep(version: ModelVersion, tuning: Tuning, *, dry: bool) -> int:
    if dry:
        print(f"Nothing is written. As environment variables:\n{report.variables(tuning.settings)}")
        return 0
    try:
        print(f"Written: {repository.write(version.directory / FILE, tuning)}")
    except OSError as error:
        reason = f"{version.directory} cannot be written to: {error.strerror}. Set these variables instead:"
        print(f"{reason}\n{report.variables(tuning.settings)}", file=sys.stderr)
        return 1
    return 0


def _refuse(results: Sequence[Result], limit_ms: float) -> int:
    if not results:
        print("The model fails with every setting that was tried", file=sys.stderr)
        return 1
    lowest = min(result.p99_ms for result in results)
    print(f"No setting keeps the P99 within {limit_ms:g} ms, the lowest is {lowest:.2f} ms", file=sys.stderr)
    return 1


def _warn_of_variables(wanted: Settings) -> None:
    set_here = [name.upper() for name in TunedSettings.model_fields if name in wanted.model_fields_set]
    if set_here:
        print(f"Set in the environment, so a server with the same does not take it from here: {', '.join(set_here)}")


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m inference_app.tune",
        description=__doc__,
        epilog="The server's environment variables hold here too: MODEL_REPOSITORY, EXECUTION_PROVIDER, ...",
    )
    parser.add_argument("--model", help="model of the repository (default: MODEL_NAME)")
    parser.add_argument("--version", help="its version (default: the active one)")
    parser.add_argument("--max-batch-size", type=_count, help="largest batch to try (default: MAX_BATCH_SIZE)")
    parser.add_argument("--seconds", type=_positive, default=60.0, help="how long to measure (default: 60)")
    parser.add_argument(
        "--latency-limit-ms",
        type=_positive,
        default=math.inf,
        help="highest P99 with 8 requests on their way (default: none)",
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    return parser


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text}")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
