from pathlib import Path

import pytest

from infra.manifests.__main__ import main
from infra.preview.__main__ import main as preview
from tests.infra.manifests.stack import CONFIG, OBJECTS, project


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


def test_two_renders_are_equal_to_the_byte(tmp_path: Path) -> None:
    root = project(tmp_path)
    for name in ("a", "b"):
        assert main(["--stack", "lab", "--into", str(tmp_path / name)], root) == 0

    first, second = written(tmp_path / "a"), written(tmp_path / "b")

    assert first == second
    assert {name.partition("-")[0] for name in first} == {f"existing/{kind}" for kind in OBJECTS}


def test_a_name_that_only_up_knows_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = {"size": "5Gi"}
    root = project(
        tmp_path,
        model={"name": "digits", "source": source},
        existing={**CONFIG["existing"], "sharedStorageClass": "nfs"},
    )
    claim = "existing-model-server-models.metadata.name"

    refused = main(["--stack", "lab", "--into", str(tmp_path / "out")], root)
    said = capsys.readouterr().err

    assert refused == 2
    assert said.startswith("existing/deployment-model-server.yaml lacks what only `up` knows; add --set ")
    assert f"output.{claim}=STRING" in said
    assert not (tmp_path / "out").exists()
    given = [f"output.{claim}=models-1a2b3c"]
    assert main(["--stack", "lab", "--into", str(tmp_path / "out"), "--set", *given], root) == 0
    assert "claimName: models-1a2b3c" in (tmp_path / "out/existing/deployment-model-server.yaml").read_text()


def test_a_stack_that_owns_its_workload_has_nothing_to_publish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stack", "lab"], project(tmp_path, delivery=None)) == 2

    assert capsys.readouterr().err == (
        "Pulumi.lab.yaml has no block delivery, so nobody else makes its workload; add one\n"
    )


def test_a_mistake_in_the_stack_is_told_as_up_tells_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stack", "lab", "--set", "delivery.argocd.path=/etc"], project(tmp_path)) == 2

    assert "delivery.argocd.path must match " in capsys.readouterr().err


def test_a_preview_shows_and_judges_what_another_owner_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path)
    main(["--stack", "lab", "--into", str(tmp_path / "own")], root)

    code = preview(["--stack", "lab", "--out", str(tmp_path / "preview")], root)

    shown = written(tmp_path / "preview/manifests")
    assert code == 0
    assert written(tmp_path / "own").items() <= shown.items()
    assert f"{len(OBJECTS)} files more for their other owner" in capsys.readouterr().out
