"""What holds for the life of every stack."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.engine.engine import Step
from tests.engine.lives import Life
from tests.engine.standin.clouds import Entry, Operation
from tests.engine.waits import reasons, short

STACK = "pulumi:pulumi:Stack"

RETAINED = {
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": "what an endpoint may be taken back to",
    "aws:sagemaker/model:Model": "what such a configuration names",
    "azure-native:machinelearningservices:EnvironmentVersion": "what an earlier deployment runs",
    "docker-build:index:Image": "an image in a registry, which deletes it by its own rules",
}
"""Types whose objects the program leaves behind, and what each is kept for."""


def figures(steps: Iterable[Step]) -> list[str]:
    """A line for each step: what it counted, and how long it took."""
    return [f"{step.stack:5} {step.name:48} {_counted(step):44} {step.seconds:6.1f} s" for step in steps]


def names(urns: Iterable[str]) -> set[str]:
    """Types and names of resources, without components, which change with their children."""
    return {short(urn) for urn in urns if not short(urn).startswith(("inference:", STACK))}


def protected(life: Life) -> set[str]:
    """What `destroy` refuses to delete."""
    return {short(each["urn"]) for each in life.whole if each.get("protect")}


def left_behind(life: Life) -> set[str]:
    """Types of what is still in the clouds after `destroy` and should not be.

    What its cloud deletes with something else is never deleted by itself.
    """
    goes_along = {each["urn"] for each in life.whole if each.get("deletedWith")}
    return {held.type for held in life.left if held.urn not in goes_along} - RETAINED.keys()


def unsaid(life: Life, places: Iterable[str]) -> list[str]:
    """Those of the refused creations that no failed `up` names."""
    said = [error for step in life.refused if step.status for error in step.errors]
    refused = {place: f"the create of {place.rpartition(':')[2]} is refused this once" for place in places}
    return [place for place, text in refused.items() if not any(text in error for error in said)]


def half_made(life: Life) -> list[str]:
    """What the whole stack has of an `up` that failed and should not: errors, and objects to be deleted."""
    return [short(each["urn"]) for each in life.whole if each.get("initErrors") or each.get("delete")]


def made_often(life: Life) -> dict[str, int]:
    """How often what was made more than once was."""
    created = Counter(entry.urn for entry in life.journal if entry.operation is Operation.CREATE)
    return {short(urn): times for urn, times in created.items() if times > 1}


def most_at_once(journal: Sequence[Entry]) -> int:
    """How many creations were under way at the same time, at most."""
    made = [entry for entry in journal if entry.operation is Operation.CREATE]
    return max(sum(other.began <= entry.began < other.ended for other in made) for entry in made)


def too_early(life: Life) -> list[str]:
    """Creations that began before something ended that they wait for, by the state's own word."""
    made = {entry.urn: entry for entry in reversed(life.journal) if entry.operation is Operation.CREATE}
    return [
        f"{short(each['urn'])} before {short(earlier)}"
        for each in life.whole
        for earlier in reasons(each)
        if each["urn"] in made and earlier in made and made[each["urn"]].began < made[earlier].ended
    ]


def _counted(step: Step) -> str:
    counted = [f"{count} {operation}" for operation, count in sorted(step.counts.items())]
    return ", ".join(counted) or "nothing"
