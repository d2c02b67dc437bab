"""docs/compatibility.md, from the table and the pins."""

from collections.abc import Iterable

from infra.compatibility.pins import chart_kubernetes, pins
from infra.compatibility.table import RUNTIME, Fact, table

_HEAD = """# Compatibility

Generated from `infra/compatibility/table.yaml` and `infra/versions.yaml` by `make docs`; edit those. "Not verified"
marks what is not written at its source as it stands here; the note says how far it is.

What does not fit is refused when a stack file is read, by every command alike, with both sides and what to do. What a
stack file does not tell is not checked: the CUDA of an image given by digest, `training.image`, images that AWS builds,
and the Kubernetes version, GPUs and drivers of an `existing` cluster.

## GPUs
"""
_SOFTWARE = """
## Software

A GPU runs machine code of its own major version that is no newer than itself, and PTX that is no newer. GPUs of
several architectures may stand in one pool. The driver is the oldest branch that the CUDA libraries run on.
"""
_DRIVERS = """
## Drivers

The GPU Operator brings none: machine images have them.
"""
_REFUSED = """
## Instance types that no stack may have

Others are offered by name: [settings.md](settings.md) and the refusal of a wrong one list them. Names of ARM machines
are known by the clouds' rules and refused for every pool.
"""
_KUBERNETES = """
## Kubernetes

A version may be set once it is in `infra/versions.yaml`, and every chart there is for it.
"""
_ENDS = """
## Ends of life

`python -m infra.compatibility` lists them by date and fails where one has passed; the offline preview warns 60 days
before.
"""


def page() -> str:
    """The page as Markdown."""
    return _HEAD + _gpus() + _SOFTWARE + _software() + _DRIVERS + _drivers() + _REFUSED + _refused() + _pinned()


def _gpus() -> str:
    runtime = table().software[RUNTIME]
    rows = (
        (name, gpu.architecture, gpu.compute_capability, "yes" if runtime.runs_on(gpu) else "no", *_told(gpu))
        for name, gpu in table().gpus.items()
    )
    return _table(("GPU", "Architecture", "Compute capability", "Runs the model server"), rows)


def _software() -> str:
    rows = (
        (name, each.version, each.cuda, str(each.driver), ", ".join(each.code_for), each.ptx or "", *_told(each))
        for name, each in table().software.items()
    )
    return _table(("Package", "Version", "CUDA", "Driver", "Machine code for", "PTX"), rows)


def _drivers() -> str:
    rows = (
        (f"`{name}`", str(each.driver or "not published"), each.since, *_told(each))
        for name, each in table().drivers.items()
    )
    return _table(("Machine image", "Driver", "Since"), rows)


def _refused() -> str:
    rows = ((f"`{row.pattern}`".replace("|", "\\|"), row.gpu or row.has, *_told(row)) for row in table().instance_types)
    return _table(("Names", "What they have"), rows)


def _pinned() -> str:
    charts = ((name, version, str(span), *_told(span)) for (name, version), span in chart_kubernetes().items())
    ends = (
        (pin.name, pin.version, str(pin.end_of_life.date or pin.end_of_life.none), *_told(pin.end_of_life))
        for pin in pins()
    )
    head, last = ("Chart", "Version", "Kubernetes"), ("Pin", "Version", "Last day")
    return _KUBERNETES + _table(head, charts) + _ENDS + _table(last, ends)


def _told(fact: Fact) -> tuple[str, str]:
    note = fact.note if fact.verified else f"not verified: {fact.note}"
    return note, f"[source]({fact.source})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    columns = (*head, "Note", "Source")
    lines = (columns, ("---",) * len(columns), *rows)
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
