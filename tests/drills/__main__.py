"""`python -m tests.drills`: run every drill, print one table, and write it to build/drills.json."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.drills import hot_switch, restoring, rolling, stopping
from tests.drills.drill import PASSED, Drill

REPORT = Path(__file__).parents[2] / "build" / "drills.json"
DRILLS: Mapping[str, Callable[[Path], Drill]] = {
    "rolling-update-nginx": partial(rolling.rolling_update, proxy="nginx"),
    "rolling-update-haproxy": partial(rolling.rolling_update, proxy="HAProxy"),
    "roll-back-by-setting": partial(rolling.rolling_update, old="4", new="1"),
    "hot-switch": hot_switch.hot_switch,
    "roll-back-by-call": restoring.roll_back_by_call,
    "spot-reclaim": stopping.spot_reclaim,
    "overload": stopping.full_queue,
    "lost-pod": stopping.killed_server,
    "state-loss": restoring.state_loss,
}


def main(names: Sequence[str]) -> int:
    """Run the drills of these names, all where there are none; return 1 when one did not pass, 2 for a wrong name."""
    if unknown := set(names) - set(DRILLS):
        print(f"no drill {min(unknown)}; the drills are {', '.join(DRILLS)}", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    for name in names or DRILLS:
        print(f"== {name}", file=sys.stderr, flush=True)
        rows.append(figures(name))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(table(rows))
    return 0 if all(row["verdict"] == PASSED for row in rows) else 1


def figures(name: str) -> dict[str, Any]:
    """A row of the table, also for a drill that broke off."""
    begun = time.monotonic()
    try:
        return drilled(name).figures()
    except Exception as error:  # noqa: BLE001 - the others still run
        flaw = f"{type(error).__name__}: {error}"
        return Drill(name=name, requests=[], began=begun, ended=time.monotonic(), flaws=[flaw]).figures()


def drilled(name: str) -> Drill:
    """Run one drill in a folder that is gone afterwards."""
    with TemporaryDirectory() as folder:
        return DRILLS[name](Path(folder) / "drill")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as text, numbers to the right; times are milliseconds but for `seconds`."""
    names = list(rows[0])
    cells = [names, *(["-" if value is None else str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = ["<" if name in ("drill", "verdict") else ">" for name in names]
    formats = [f"{side}{width}" for side, width in zip(sides, widths, strict=True)]
    return "\n".join("  ".join(map(format, line, formats)).rstrip() for line in cells)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
