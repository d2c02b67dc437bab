import re
import runpy
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from infra.preview import run
from infra.preview.checks import check_plan
from infra.settings.messages import model_in
from infra.settings.stack import StackSettings
from tests.cluster.stacks import shipped
from tests.cluster.variants import MANAGED
from tests.docs.page import blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "targets.md"


def test_every_block_that_the_page_names_is_one() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## Limits")[0]
    named = re.findall(r"^\| [^|]+ \| `([A-Za-z.]+)` \|", section, re.MULTILINE)

    assert len(named) == 10
    assert [block for block in named if not is_block(block)] == []


def is_block(path: str) -> bool:
    model: type[BaseModel] | None = StackSettings
    for key in path.split("."):
        fields = {field.alias: field for field in model.model_fields.values()} if model else {}
        model = model_in(fields[key].annotation) if key in fields else None
    return model is not None


def test_the_readmes_stack_for_a_cluster_that_exists_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    (text,) = [block for block in blocks(ROOT / "README.md", "yaml") if block.startswith("config:")]
    config = {key.rpartition(":")[2]: value for key, value in yaml.safe_load(text)["config"].items()}

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    plan = run(program, config, "on-prem")

    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert set(plan.exports["endpoints"]) == {"existing"}
    assert {resource.package for resource in plan.resources} == {"docker-build", "inference", "kubernetes"}


@pytest.mark.slow
def test_the_readmes_rollout_is_one_of_prod() -> None:
    (text,) = [block for block in blocks(ROOT / "README.md", "yaml") if "rollout:" in block]

    found = shipped("prod", yaml.safe_load(text), without=("aks", *MANAGED))

    (route,) = [each for each in found.objects["eks"] if each["kind"] == "HTTPRoute"]
    assert [backend["weight"] for backend in route["spec"]["rules"][0]["backendRefs"]] == [90, 10]
