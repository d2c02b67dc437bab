"""What no linter knows of these pipelines: who gets which rights, and what must not be cancelled."""

import re
from pathlib import Path

import pytest

from tests.pipelines.steps import ACTIONS, GITHUB, GITLAB, gitlab_jobs, jobs, load

TEXTS = {path: path.read_text(encoding="utf-8") for path in [*GITHUB, *ACTIONS]}
PINNED = re.compile(r"uses: (\./\.github/actions/\w+|[\w./-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+(\.[0-9]+)?)$")
STACKS = {"up", "destroy"}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(GITLAB.parent)))
def test_actions_are_pinned_by_commit_with_their_version_beside(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in TEXTS[path].splitlines() if "uses:" in line]

    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


def test_one_action_has_one_version() -> None:
    found = {line for text in TEXTS.values() for line in re.findall(r"uses: (\w.*)$", text, re.MULTILINE)}

    assert len(found) == len({line.partition("@")[0] for line in found})


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.stem)
def test_a_workflow_has_no_right_and_each_job_its_own(path: Path) -> None:
    document = load(path)

    assert document["permissions"] == {}
    assert "concurrency" in document
    for job in document["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"] <= 120


def test_strangers_code_meets_neither_secrets_nor_rights() -> None:
    for name in ("check", "preview"):
        document = load(GITHUB[0].with_name(f"{name}.yml"))
        assert [job["permissions"] for job in document["jobs"].values()] == [{"contents": "read"}] * len(
            document["jobs"]
        )
        assert "secrets." not in TEXTS[GITHUB[0].with_name(f"{name}.yml")]
    assert "pull_request_target" not in "".join(TEXTS.values())
    assert "head.repo.full_name == github.repository" in jobs()["engine-preview/preview"]["if"]


def test_tokens_of_clouds_go_to_jobs_behind_an_environment_only() -> None:
    signing = {"release/image"}
    holders = {name for name, job in jobs().items() if "id-token" in job["permissions"]} - signing

    assert holders == {"engine-preview/preview", "nightly/drift", "up/up", "destroy/destroy"}
    assert [name for name in holders if "environment" not in jobs()[name]] == []


def test_what_changes_a_stack_is_alone_there_and_never_cancelled() -> None:
    for name in STACKS:
        workflow = load(GITHUB[0].with_name(f"{name}.yml"))
        job = gitlab_jobs()[name]
        assert workflow["concurrency"] == {"group": "stack-${{ inputs.stack }}", "cancel-in-progress": False}
        assert job["resource_group"] == "stack-$STACK"
        assert job["interruptible"] is False


def test_what_is_signed_or_deployed_comes_from_no_cache() -> None:
    for name, job in jobs().items():
        uses = [step for step in job["steps"] if step.get("uses") == "./.github/actions/environment"]
        cached = [step for step in uses if step.get("with", {}).get("cache") != "false"]
        assert not (cached and "id-token" in job["permissions"]), name
    in_clouds = {name for name, job in gitlab_jobs().items() if "id_tokens" in job}
    assert in_clouds == {"engine-preview", "release", "up", "destroy", "drift"}
    assert [name for name in in_clouds if "cache" in gitlab_jobs()[name]] == []


def test_gitlab_changes_a_stack_from_the_default_branch_by_hand_only() -> None:
    for name in STACKS:
        (rule,) = gitlab_jobs()[name]["rules"]
        assert '$CI_PIPELINE_SOURCE == "web"' in rule["if"]
        assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"]
        assert jobs()[f"{name}/{name}"]["if" if name == "destroy" else "needs"] in (
            "github.ref == 'refs/heads/main'",
            "verify",
        )
    assert jobs()["up/verify"]["if"] == "github.ref == 'refs/heads/main'"
