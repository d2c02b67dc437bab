"""The page of docs/ that lists the rules that every stack keeps."""

import inspect
from collections.abc import Iterator
from types import ModuleType

from infra.policy import exemptions
from infra.policy.rule import Rule
from infra.policy.rules import SUBJECTS

_HEAD = """# Policy

Generated from `infra/policy/` by `make docs`; edit that.

Every stack keeps these rules. Two programs judge them, by the same code:

- `python -m infra.preview --stack dev` judges the plan offline. A broken rule is a failed check: the command exits
  with 1.
- `make preview` and `make up` hand the policy pack `infra/policy/pack` to the engine, which judges each resource before
  it is made, and the whole stack at the end of its preview. A broken rule stops `up` before it changes anything.

A value that only `up` knows is not judged before it is known. What a chart makes of its values is not judged at all,
for the program does not render charts. Azure encrypts its disks, storage and registries always, so no rule asks for it.

An advisory rule refuses nothing. The engine takes other levels from a file, such as `{"keys-rotate": "advisory"}`:
`python -m infra.pulumi_cli up --stack dev --policy-pack-config levels.json`. The offline preview knows only those here.
"""
_EXEMPT = """
## Exemptions

`infra/policy/exemptions.yaml` names a rule, a resource by its logical name, and the reason. Previews show it; a test
fails when dev and prod no longer need it.

| Rule | Resource | Reason |
|---|---|---|
"""
_CHECKOV = """
## checkov

A test runs checkov over the manifests that dev and prod render and over the Dockerfiles. What it finds and is meant has
its reason in `tests/infra/policy/checkov/reasons.yaml`.
"""


def policy_page() -> str:
    """The rules as Markdown."""
    sections = "".join(line for subject in SUBJECTS for line in _section(subject))
    exempt = "".join(f"| {each.rule} | `{each.resource}` | {each.reason} |\n" for each in exemptions.load())
    return _HEAD + sections + _EXEMPT + exempt + _CHECKOV


def _section(subject: ModuleType) -> Iterator[str]:
    title = subject.__name__.rpartition(".")[2].capitalize()
    yield f"\n## {title}\n\n{inspect.getdoc(subject)}\n\n| Rule | Demands | Fix |\n|---|---|---|\n"
    yield from map(_row, subject.RULES)


def _row(rule: Rule) -> str:
    level = "" if rule.level.value == "mandatory" else f" ({rule.level.value})"
    fix = rule.fix[0].upper() + rule.fix[1:]
    return f"| [{rule.name}]({rule.source}){level} | {rule.demands} | {fix}. |\n"
