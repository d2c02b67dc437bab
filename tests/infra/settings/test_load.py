from pathlib import Path

import pulumi
import pytest

from infra.preview import run, stack_file
from infra.settings import SettingsError, StackSettings, load
from tests.infra.samples import blocks, settings

ROOT = Path(__file__).parents[3]
STACKS = sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))


def loaded(config: dict[str, object], stack: str = "test") -> StackSettings:
    found: list[StackSettings] = []
    run(lambda: found.append(load()), config, stack)
    return found[0]


def test_the_blocks_of_a_stack_become_its_settings() -> None:
    assert loaded(blocks()) == settings()


def test_a_stack_without_blocks_asks_for_nothing() -> None:
    assert loaded({}) == StackSettings.model_validate({})


def test_settings_of_other_programs_and_providers_are_left_alone() -> None:
    assert loaded({"aws:region": "eu-west-1", "another-program:eks": {"x": 1}}) == StackSettings.model_validate({})


@pytest.mark.parametrize("name", STACKS)
def test_every_stack_file_that_ships_loads(name: str) -> None:
    found = loaded(stack_file.load(ROOT, name).config, name)

    assert all([found.image, found.model, found.monitoring])
    assert STACKS == ["dev", "local", "prod"]


def test_a_secret_inside_a_block_is_refused_before_it_reaches_the_state() -> None:
    with pytest.raises(SettingsError) as caught:
        run(lambda: load() and None, {"tags": {"token": "hunter2"}}, "prod", secrets=["tags"])

    assert str(caught.value).startswith("Pulumi.prod.yaml: inference-platform:tags must not hold a secret")
    assert "hunter2" not in str(caught.value)


def test_a_mistake_stops_the_program_as_pulumi_prints_it_without_a_traceback() -> None:
    with pytest.raises(SettingsError) as caught:
        loaded({"images": {}}, "prod")

    assert isinstance(caught.value, pulumi.RunError)
    assert str(caught.value) == "Pulumi.prod.yaml: inference-platform:images is not a setting; did you mean image?"
