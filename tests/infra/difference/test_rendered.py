from pathlib import Path

from infra.difference import rendered
from infra.preview import Plan
from infra.preview.manifests import manifests, write


def test_both_sides_are_named_alike_whatever_their_order(sample: Plan, tmp_path: Path) -> None:
    write(manifests(sample), tmp_path)

    assert rendered.read(tmp_path) == rendered.by_object(manifests(sample))
    assert list(rendered.by_object(manifests(sample))) == [
        "eks-api/charts/monitoring.values.yaml",
        "eks-api/namespace-serving.yaml",
        "eks-api/serving/secret-credentials.yaml",
        "eks-api/serving/service-gateway.yaml",
        "eks-api/serving/servicemonitor-server.yaml",
        "eks-api/serving/deployment-server.yaml",
    ]


def test_an_object_that_moved_in_the_order_is_the_same(sample: Plan, tmp_path: Path) -> None:
    write(manifests(sample), tmp_path)
    folder = tmp_path / "eks-api/charts"
    text = (folder / "01-monitoring.values.yaml").read_text(encoding="utf-8")
    (folder / "07-monitoring.values.yaml").write_text(text.replace("01-monitoring", "07-monitoring"), encoding="utf-8")
    (folder / "01-monitoring.values.yaml").unlink()

    assert list(rendered.differences(rendered.read(tmp_path), rendered.by_object(manifests(sample)))) == []


def test_each_object_that_differs_is_a_unified_diff_of_its_own() -> None:
    before = {"eks/a.yaml": "x: 1\ny: 2\n", "eks/gone.yaml": "x: 1\n", "eks/same.yaml": "x: 1\n"}
    after = {"eks/a.yaml": "x: 1\ny: 3\n", "eks/new.yaml": "x: 1\n", "eks/same.yaml": "x: 1\n"}

    assert list(rendered.differences(before, after)) == [
        "--- eks/a.yaml\n+++ eks/a.yaml\n@@ -1,2 +1,2 @@\n x: 1\n-y: 2\n+y: 3",
        "--- eks/gone.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-x: 1",
        "--- /dev/null\n+++ eks/new.yaml\n@@ -0,0 +1 @@\n+x: 1",
    ]
