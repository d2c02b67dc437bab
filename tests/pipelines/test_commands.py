"""Every command of the pipelines is one that people have too."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.pipelines.steps import ROOT, SYSTEMS, Step, steps

TARGETS = set(re.findall(r"^([.\w/-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

NO_TARGET: Mapping[str, str] = {
    'test "$CONFIRM" = "$STACK"': "a person who destroys types the name twice; at a terminal Pulumi asks",
    'git fetch --depth 1 origin "$CI_MERGE_REQUEST_DIFF_BASE_SHA"': "GitLab's clone has the branch only",
    ".ci/sign-in": "GitHub has actions for it",
    'printf \'%s\' "$CI_REGISTRY_PASSWORD" | docker login --username "$CI_REGISTRY_USER" --password-stdin '
    '"$CI_REGISTRY"': "GitHub has an action for it",
    'export "DIGEST=$(sed -n \'s/^digest=//p\' "$OUTPUT")"': "GitHub has outputs of steps",
}
"""The other commands, each with its reason."""

NEEDED: Mapping[str, set[str]] = {
    "image": {"VARIANT", "TAG"},
    "sbom": {"VARIANT"},
    "image-scan": {"IMAGE"},
    "image-push": {"VARIANT", "TAG", "REGISTRY", "VERSION", "OUTPUT"},
    "image-sign": {"VARIANT", "REGISTRY"},
    "image-verify": {"REGISTRY", "SIGNER", "ISSUER"},
    "image-copy": {"REGISTRY"},
    "difference": {"AGAINST"},
    "publish": {"SET"},
}
"""What a target reads; what a person types into a form of GitLab's (STACK, DIGEST) is in no file."""

OF_STACKS = {
    "preview",
    "drift",
    "image-verify",
    "image-copy",
    "publish",
    "preflight",
    "up",
    "smoke",
    "destroy",
    "audit",
}
ALL = [(system, step) for system in SYSTEMS for step in steps(system)]


@pytest.mark.parametrize(("system", "step"), ALL, ids=[f"{system} {step.job}: {step.line}" for system, step in ALL])
def test_a_command_is_a_target_or_has_a_reason(system: str, step: Step) -> None:
    del system
    assert step.target in TARGETS or step.line in NO_TARGET


def test_no_reason_is_left_over() -> None:
    assert {step.line for _, step in ALL if step.target is None} == set(NO_TARGET)


def test_a_target_gets_what_it_reads() -> None:
    lacking = {
        f"{system} {step.job} {step.target}": missing
        for system, step in ALL
        if (missing := NEEDED.get(step.target or "", set()) - step.given)
    }

    assert lacking == {}
    assert [step.job for step in steps("GitHub") if step.target in OF_STACKS and "STACK" not in step.given] == []
    assert [step.job for step in steps("GitHub") if step.target == "up" and "DIGEST" not in step.given] == []


def test_both_systems_do_the_same() -> None:
    done = {system: {step.target for step in steps(system)} - {".venv/installed", None} for system in SYSTEMS}

    assert done["GitHub"] == done["GitLab"]
    assert {"test", "difference", "comment", "image-sign", "image-verify", "up", "drift", "destroy"} <= done["GitHub"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_goes_up_was_scanned_signed_and_verified_in_this_order(system: str) -> None:
    order = [step.target for step in steps(system) if step.target]

    for earlier, later in [
        ("image", "image-scan"),
        ("image-scan", "image-push"),
        ("image-push", "image-sign"),
        ("sbom", "image-sign"),
        ("image-verify", "image-copy"),
        ("image-copy", "up"),
        ("preflight", "up"),
        ("up", "smoke"),
    ]:
        assert order.index(earlier) < order.index(later), (earlier, later)


@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_is_destroyed_before_its_name_was_typed_twice(system: str) -> None:
    lines = [step.line for step in steps(system) if step.job.endswith("destroy")]

    assert lines.index('test "$CONFIRM" = "$STACK"') < lines.index("make destroy")


# What `make` would do, its own files taken as made: an unknown target or a mistake in a recipe ends with 2.
DRY = ["make", "--dry-run", *(f"--old-file={name}/installed" for name in (".venv", ".venv-policy"))]


@pytest.mark.parametrize("target", sorted({step.target for _, step in ALL if step.target} - {".venv/installed"}))
def test_make_knows_how_to_do_each(target: str) -> None:
    done = made([*DRY, target], {})

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("ends-of-life", 0, ""),
        ("difference AGAINST=no-such-revision", 2, "no-such-revision is no revision that git can read"),
        ("comment", 2, "COMMENT_TOKEN is not set; docs/pipelines.md says where it comes from"),
        ("image-sign DIGEST=latest REGISTRY=ghcr.io/team", 2, "DIGEST must be sha256: and 64 hex digits, got 'latest'"),
        ("image-verify STACK=dev", 2, "REGISTRY is not set"),
    ],
)
def test_what_needs_no_account_runs_and_says_what_is_missing(command: str, code: int, said: str) -> None:
    done = made(["make", *DRY[2:], *command.split()], {"GITHUB_API_URL": "http://127.0.0.1:9"})

    assert done.returncode == code, done.stderr
    assert said in done.stderr


def test_a_digest_reaches_the_engine_and_no_shell(tmp_path: Path) -> None:
    planted = f"$(shell touch {tmp_path}/made)`touch {tmp_path}/made`"

    done = made([*DRY, "up", "STACK=dev"], {"DIGEST": planted})

    assert done.stdout.splitlines()[-1].endswith('${DIGEST:+--config-path --config "image.digest=$DIGEST"}')
    assert not (tmp_path / "made").exists()


def made(command: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI_", "MAKE"))}
    return subprocess.run(command, cwd=ROOT, env={**own, **variables}, capture_output=True, text=True, check=False)
