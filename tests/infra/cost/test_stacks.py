"""The stacks that ship, priced."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from infra.cost.difference import difference
from infra.cost.estimate import Estimate, estimate
from infra.cost.hours import quiet_minimums
from infra.cost.pools import OWN
from infra.cost.prices import Cloud, price_table
from infra.cost.report import report
from infra.cost.revision import estimate_at
from infra.cost.row import Part
from infra.cost.terms import Terms, terms
from infra.machines import machines
from infra.preview import Plan, stack_file
from tests.infra.cost.test_revision import committed
from tests.infra.test_stacks import ROOT, preview

pytestmark = pytest.mark.slow

STACKS = ("dev", "prod")


@cache
def plan(name: str) -> Plan:
    return preview(name)


@cache
def priced(name: str) -> Estimate:
    return estimate(plan(name), price_table(), terms(stack_file.load(ROOT, name)))


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_silently_forgotten(name: str) -> None:
    assert list(priced(name).unknown) == []


@pytest.mark.parametrize("name", STACKS)
def test_every_figure_has_a_source_and_every_gap_a_name(name: str) -> None:
    known = {*price_table().sources, OWN}

    for row in priced(name).rows:
        assert row.sources or row.missing or row.cost.maximum == 0, row.name
        assert set(row.sources) <= known, row.name
    assert priced(name).total.minimum > 300


def test_prod_is_priced_in_both_clouds() -> None:
    prod = priced("prod")

    assert prod.in_cloud(Cloud.AWS).minimum > 2000
    assert prod.in_cloud(Cloud.AZURE).minimum > 1000
    assert len(prod.of(Part.ENDPOINTS)) == 3
    assert len(list(report(prod))) < 35


def test_the_machines_that_stand_for_good_are_counted() -> None:
    (first,) = (found for found in machines(plan("prod")) if found.resource.name == "aks")

    assert (first.minimum, first.maximum) == (1, 1)


def test_prods_schedules_lower_what_the_settings_say() -> None:
    assert quiet_minimums(plan("prod")) == {"eks-spot": 1, "sagemaker-real-time": 1}
    around_the_clock = estimate(plan("prod"), price_table(), Terms())

    lowered = {change.name for change in difference(around_the_clock, priced("prod"))}
    assert lowered == {"EKS eks-spot", "SageMaker sagemaker-real-time"}


def test_the_same_files_cost_the_same(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    before = estimate_at(committed(tmp_path), "HEAD", "dev", price_table())

    assert len(before.rows) > 10
    assert difference(before, priced("dev")) == []
