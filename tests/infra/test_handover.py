import json
from pathlib import Path

import pytest

from infra import pulumi_cli
from infra.handover import is_elsewhere, refusal
from infra.preview import Plan
from infra.preview.program import stack_plan
from infra.pulumi_cli import main
from infra.stack_state import Recorded, recorded
from tests.infra.manifests.stack import project

DEPLOYMENT = "existing-model-server"


def state(plan: Plan) -> str:
    """What the engine would keep of the plan."""
    resources = [
        {
            "urn": each.urn,
            "type": each.type,
            "custom": each.custom,
            "id": each.name,
            "retainOnDelete": each.options.get("retainOnDelete", False),
        }
        for each in plan.resources
    ]
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


def held(root: Path, *overrides: str) -> list[Recorded]:
    return list(recorded(state(stack_plan("lab", overrides, root))))


@pytest.mark.parametrize(
    ("delivery", "elsewhere"),
    [(None, False), ({"argocd": {}}, False), ({"owner": "program"}, False), ({"owner": "argocd"}, True)],
)
def test_a_stack_file_says_whether_the_workload_is_elsewhere(delivery: object, elsewhere: bool) -> None:
    assert is_elsewhere(delivery) is elsewhere


def test_what_runs_is_handed_over_only_once_it_stays(tmp_path: Path) -> None:
    root = project(tmp_path)

    refused = refusal("lab", held(root, "delivery=null"))

    assert refused == (
        f"delivery.owner: argocd would delete {DEPLOYMENT}, which the program made: write delivery.owner: program in "
        "Pulumi.lab.yaml and run `make up STACK=lab`, so that they stay, then change it back"
    )
    assert refusal("lab", held(root, "delivery.owner=program")) is None
    assert refusal("lab", held(root)) is None


def stand_in(folder: Path, printed: str) -> Path:
    """A CLI with that state; the file where it writes its arguments."""
    (folder / "state.json").write_text(f"{printed}\n", encoding="utf-8")
    log, script = folder / "calls", folder / "pulumi"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n[ "$2" != export ] || while read -r line; do printf "%s\\n" "$line"; done < '
        f"{folder}/state.json\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    return log


@pytest.mark.parametrize(("kept", "code"), [("delivery=null", 2), ("delivery.owner=program", 0)])
def test_up_does_not_begin_where_it_would_delete_the_pods(
    kept: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path)
    log = stand_in(tmp_path, state(stack_plan("lab", [kept], root)))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pulumi_cli, "ROOT", root)
    monkeypatch.setattr(pulumi_cli, "ENVIRONMENT", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()

    assert main(["up", "--stack", "lab"]) == code

    calls = log.read_text(encoding="utf-8").splitlines()
    assert calls[0] == "stack export --stack lab"
    assert any(call.startswith("up ") for call in calls) == (code == 0)
    assert (f"would delete {DEPLOYMENT}" in capsys.readouterr().err) == (code == 2)
