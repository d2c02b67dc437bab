"""The quick start's commands exist; `make story` runs them."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.story.page import PAGE, Command, Edit, steps

ROOT = Path(__file__).parents[2]
STEPS = list(steps(PAGE.read_text(encoding="utf-8")))
COMMANDS = [step for step in STEPS if isinstance(step, Command)]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.line[:60])
def test_each_command_is_a_target_or_a_module_or_a_usual_program(command: Command) -> None:
    modules = re.findall(r"python -m ([a-z_.]+)", command.line)
    targets = re.findall(r"^make ([a-z-]+)", command.line)

    assert modules or targets or command.line.startswith(("git ", "sed "))
    assert [name for name in modules if find_spec(name) is None] == []
    assert set(targets) <= TARGETS


def test_the_page_goes_the_whole_way() -> None:
    told = " ".join(command.line for command in COMMANDS)

    assert all(
        step in told for step in (" data ", " train ", " export ", " register ", "make image ", "make difference ")
    )
    assert "weight: 10" in "\n".join(COMMANDS[-3].shown)


def test_a_count_that_the_page_shows_is_held_to_and_a_time_is_not() -> None:
    command = Command(line="make", shown=["12 answers, 0 wrong", "0.9 s  ready"])

    assert command.unseen("0.4 s ready\n12 answers, 0 wrong") == []
    assert command.unseen("0.4 s ready\n12 answers, 1 wrong") == ["12 answers, 0 wrong"]


def test_an_edit_changes_its_part_alone() -> None:
    edit = Edit(file="a", part="serving.rollout", content={"tracks": {"stable": 1}})
    before = {"config": {"inference-platform:serving": {"gpus": 0, "rollout": {"traffic": "istio", "tracks": None}}}}

    after = {"gpus": 0, "rollout": {"traffic": "istio", "tracks": {"stable": 1}}}
    assert edit.applied(before) == {"config": {"inference-platform:serving": after}}
