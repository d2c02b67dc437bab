"""Dev on the real engine: half made and completed, changed, meddled with, and taken away."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.engine.aws import STRANGER
from tests.engine.explained import unexplained
from tests.engine.judged import figures, left_behind, most_at_once, names, protected, too_early
from tests.engine.lives import CHANGED_BY_HAND, DELETED_BY_HAND, REFUSED, Life
from tests.engine.secrecy import leaks
from tests.engine.standin.clouds import Operation
from tests.engine.waits import by_count, by_minutes, longest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_preview_sees_all_that_up_makes(dev: Life) -> None:
    made = {each["urn"] for each in dev.whole if not each.get("external")}

    assert names(dev["preview"].urns) == names(made)


@pytest.mark.parametrize("place", REFUSED)
def test_an_up_that_a_cloud_refuses_says_where(place: str, dev: Life) -> None:
    said = [error for step in dev.refused for error in step.errors]

    assert any(f"the create of {place.rpartition(':')[2]} is refused this once" in error for error in said)


def test_an_up_that_a_cloud_refuses_fails(dev: Life) -> None:
    assert [step.status for step in dev.refused if step.status == 0] == []


def test_the_next_up_completes_what_is_half_made_and_makes_nothing_twice(dev: Life) -> None:
    whole = {each["urn"] for each in dev.whole if each["custom"]}
    created = Counter(entry.urn for entry in dev.journal if entry.operation is Operation.CREATE)

    assert [each["urn"] for each in dev.whole if each.get("initErrors") or each.get("delete")] == []
    assert {urn for urn, times in created.items() if times > 1} <= {_urn(dev, DELETED_BY_HAND)}
    assert created.keys() <= whole


@pytest.mark.parametrize("step", ["preview again", "refresh"])
def test_a_stack_that_is_up_has_no_change(step: str, dev: Life) -> None:
    assert dev[step].status == 0, dev[step].output
    assert names(dev[step].urns) == set()


def test_one_setting_changes_what_it_names(dev: Life) -> None:
    changed = dev["up, one setting changed"]

    assert names(changed.urns) == {"kubernetes:karpenter.sh/v1:NodePool eks-karpenter-t4-spot"}


def test_a_refresh_finds_what_somebody_changed_and_deleted(dev: Life) -> None:
    found = dev["refresh after meddling"]

    assert {name.rpartition(" ")[2] for name in names(found.urns)} == {"eks", "eks-model-server"}


def test_the_next_up_puts_it_right(dev: Life) -> None:
    mended = dev["up after meddling"]

    assert _urn(dev, CHANGED_BY_HAND) in mended.changed["update"]
    assert _urn(dev, DELETED_BY_HAND) in mended.changed["create"]


def test_the_end_waits_for_load_balancers_of_nobodys_stack(dev: Life) -> None:
    said = dev["destroy"].output

    assert f"waiting for the end of 1 load balancers: {STRANGER}" in said


def test_nothing_is_left_of_it(dev: Life) -> None:
    assert dev.end == []
    assert left_behind(dev) == set()


def test_nothing_of_dev_is_protected(dev: Life) -> None:
    assert protected(dev) == set()


def test_no_secret_is_readable_in_what_the_engine_writes(dev: Life) -> None:
    told = "".join(step.output for step in dev.steps.values()).encode()

    assert b"ciphertext" in dev.written
    assert leaks(dev.written + told) == []


def test_what_can_be_made_at_once_is(dev: Life) -> None:
    assert most_at_once(dev.journal) >= 8


def test_nothing_is_made_before_what_it_waits_for(dev: Life) -> None:
    assert too_early(dev) == []


@pytest.mark.parametrize("cost", [by_count, by_minutes])
def test_every_wait_on_the_longest_chain_has_a_reason(
    cost: Callable[[str], float], dev: Life, record_property: Callable[[str, object], None]
) -> None:
    chain = longest(dev.whole, cost)
    record_property(f"engine: longest chain of dev {cost.__name__}, {chain.length:.1f}", str(chain))

    assert unexplained(chain.waits) == []


def test_the_steps_are_on_record(dev: Life, record_property: Callable[[str, object], None]) -> None:
    record_property("engine: steps of dev", "\n".join(figures(dev.steps.values())))

    assert len(dev.steps) == len(dev.refused) + 8


def _urn(life: Life, suffix: str) -> str:
    (found,) = (each["urn"] for each in life.whole if each["urn"].endswith(suffix))
    return found
