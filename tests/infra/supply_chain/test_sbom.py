"""The document that goes with an image, made by the real generator from the real lock file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.settings.image import Variant
from infra.supply_chain import licences
from infra.supply_chain.__main__ import LICENCES, SBOM, write
from infra.supply_chain.sbom import Document, sbom, with_hashes, with_root
from tests.infra.supply_chain.lock import locked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def document() -> Document:
    return sbom(Variant.CPU)


def hashes(component: Mapping[str, Any]) -> set[str]:
    return {each["content"] for reference in component["externalReferences"] for each in reference.get("hashes", ())}


def test_every_locked_package_is_there_with_its_version_and_hashes(document: Document) -> None:
    found = {re.sub("_", "-", each["name"].lower()): (each["version"], hashes(each)) for each in document["components"]}

    assert found == locked()
    assert all(digests for _, digests in found.values())


def test_every_package_has_a_licence_that_is_allowed_or_a_reason(document: Document, tmp_path: Path) -> None:
    assert write(document, tmp_path) == 0
    assert {SBOM, LICENCES} == {path.name for path in tmp_path.iterdir()}


def test_every_exception_is_still_needed(document: Document) -> None:
    rules = licences.policy()
    packages = [licences.licensed(each, rules) for each in document["components"]]
    used = [licences.exception(each, rules) for each in packages]
    needed = {name for name in rules.exceptions if "nvidia" not in name}  # the other variant's

    assert {name for name in needed if rules.exceptions[name] not in used} == set()


def test_a_licence_that_is_not_allowed_fails_the_command(
    document: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = document["components"]
    planted = {**first, "licenses": [{"license": {"id": "AGPL-3.0-only"}}]}

    assert write({**document, "components": [planted, *others]}, tmp_path) == 1
    assert f"error: {first['name']} {first['version']} declares AGPL-3.0-only" in capsys.readouterr().err


def test_the_document_keeps_to_the_standards_schema(document: Document, tmp_path: Path) -> None:
    write(document, tmp_path)
    version = SchemaVersion.from_version(document["specVersion"])
    flaw = JsonStrictValidator(version).validate_str((tmp_path / SBOM).read_text())

    assert flaw is None


def test_everything_is_needed_by_something(document: Document) -> None:
    root = document["metadata"]["component"]["bom-ref"]
    needs = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    reached, ahead = set[str](), [root]
    while ahead:
        reached.add(name := ahead.pop())
        ahead += [each for each in needs[name] if each not in reached]

    assert reached == {root, *(each["bom-ref"] for each in document["components"])}


def test_what_the_lock_does_not_name_is_refused() -> None:
    stray = {"components": [{"purl": "pkg:pypi/stray@1"}]}

    with pytest.raises(ValueError, match="installed without being in the lock file: pkg:pypi/stray@1"):
        with_hashes(stray, {"components": []})


def test_the_application_needs_what_nobody_else_does() -> None:
    document = {
        "metadata": {"component": {"bom-ref": "root"}},
        "dependencies": [{"ref": "root"}, {"ref": "a", "dependsOn": ["b"]}, {"ref": "b"}],
    }

    assert with_root(document)["dependencies"][0] == {"ref": "root", "dependsOn": ["a"]}
