"""Dev on the real engine: half made and completed, changed, meddled with, and taken away."""

from collections.abc import Callable

import pytest

from tests.engine.aws import STRANGER
from tests.engine.explained import unexplained
from tests.engine.judged import (
    figures,
    half_made,
    left_behind,
    made_often,
    most_at_once,
    names,
    protected,
    too_early,
    unsaid,
)
from tests.engine.lives import CHANGED_BY_HAND, DELETED_BY_HAND, DEV_REFUSED, Life
from tests.engine.secrecy import leaks
from tests.engine.waits import by_count, by_minutes, longest, short

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_preview_sees_all_that_up_makes(dev: Life) -> None:
    made = {each["urn"] for each in dev.whole if not each.get("external")}

    assert names(dev["preview"].urns) == names(made)


def test_the_engine_asks_the_policy_pack_and_heeds_it(dev: Life) -> None:
    refused = dev["preview, against a rule"]

    assert "no-on-demand-gpu-in-dev" not in dev["preview"].output
    assert "no-on-demand-gpu-in-dev" in refused.output
    assert refused.status != 0


def test_ups_that_a_cloud_refuses_fail_and_say_where(dev: Life) -> None:
    assert [step.status for step in dev.refused if step.status == 0] == []
    assert unsaid(dev, DEV_REFUSED) == []


def test_the_next_up_completes_what_is_half_made_and_makes_nothing_twice(dev: Life) -> None:
    again = made_often(dev)

    assert half_made(dev) == []
    assert again == {short(_urn(dev, DELETED_BY_HAND)): 2}


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

    assert len(dev.steps) == len(dev.refused) + 9


def _urn(life: Life, suffix: str) -> str:
    (found,) = (each["urn"] for each in life.whole if each["urn"].endswith(suffix))
    return found
