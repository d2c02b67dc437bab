"""What the pipelines run: each command with its job and the variables that it gets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
GITHUB = sorted(ROOT.glob(".github/workflows/*.yml"))
ACTIONS = sorted(ROOT.glob(".github/actions/*/action.yml"))
GITLAB = ROOT / ".gitlab-ci.yml"
SYSTEMS = ("GitHub", "GitLab")

_MAKE = re.compile(r"^(?:sudo )?make (?P<target>[.\w/-]+)(?P<rest>.*)$")
_KEYS = {"stages", "workflow", "variables", "default"}
"""What is no job in .gitlab-ci.yml."""

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line that a shell reads."""

    job: str
    line: str
    variables: Mapping[str, str]

    @property
    def target(self) -> str | None:
        """The `make` target, None where it is another command."""
        found = _MAKE.match(self.line)
        return found["target"] if found else None

    @property
    def given(self) -> set[str]:
        """The variables that the command has, its own arguments among them."""
        return {*self.variables, *re.findall(r"\b([A-Z_]+)=", self.line)}


def load(path: Path) -> dict[Any, Any]:
    """A pipeline file; YAML takes the key `on` for true."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(system: str) -> list[Step]:
    """Everything that one system runs."""
    return [*_github()] if system == "GitHub" else [*_gitlab()]


def jobs() -> dict[str, Document]:
    """GitHub's jobs, as `<file>/<job>`."""
    found = ((path, load(path)["jobs"]) for path in GITHUB)
    return {f"{path.stem}/{name}": job for path, jobs in found for name, job in jobs.items()}


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    """GitLab's jobs, with what they extend."""
    document = load(GITLAB)
    own = {name: job for name, job in document.items() if name not in _KEYS}
    return {name: _extended(own, job) for name, job in own.items() if not name.startswith(".")}


def _extended(own: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    above = job.get("extends", [])
    merged: dict[str, Any] = {}
    for name in [above] if isinstance(above, str) else above:
        merged = _merged(merged, _extended(own, own[name]))
    return _merged(merged, job)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: {**below[key], **above[key]} for key in below.keys() & above.keys() if isinstance(below[key], dict)}
    return {**below, **above, **both}


def _github() -> Iterator[Step]:
    for name, job in jobs().items():
        yield from _runs(name, job["steps"], job.get("env", {}))
    for path in ACTIONS:
        yield from _runs(path.parent.name, load(path)["runs"]["steps"], {})


def _runs(job: str, listed: list[dict[str, Any]], variables: Mapping[str, str]) -> Iterator[Step]:
    for step in listed:
        for line in str(step.get("run", "")).splitlines():
            yield Step(job=job, line=line, variables={**variables, **step.get("env", {})})


def _gitlab() -> Iterator[Step]:
    common = load(GITLAB)["variables"]
    for name, job in gitlab_jobs().items():
        matrix = {key: "" for row in job.get("parallel", {}).get("matrix", []) for key in row}
        for line in [*job.get("before_script", []), *job["script"]]:
            yield Step(job=name, line=line, variables={**common, **job.get("variables", {}), **matrix})
