from pathlib import Path

from infra.manifests.folder import write
from infra.manifests.workload import HEADER
from infra.preview import Resource
from infra.preview.manifests import Manifest


def manifest(path: str) -> Manifest:
    resource = Resource(
        urn="urn",
        type="kubernetes:core/v1:ConfigMap",
        name="a",
        parent=None,
        provider=None,
        custom=True,
        inputs={},
        outputs={},
        dependencies=(),
        property_dependencies={},
    )
    return Manifest(resource=resource, path=Path(path), document={"kind": "ConfigMap"}, header=HEADER)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.*")}


def test_what_is_no_longer_there_goes_and_what_others_wrote_stays(tmp_path: Path) -> None:
    write([manifest("eks/a.yaml"), manifest("aks/a.yaml")], tmp_path)
    (tmp_path / "eks/theirs.yaml").write_text("kind: Service\n")
    (tmp_path / "README.md").write_text("Manifests\n")

    write([manifest("eks/b.yaml")], tmp_path)

    assert names(tmp_path) == {"eks/b.yaml", "eks/theirs.yaml", "README.md"}
