"""The shipped model's data through the pipeline, as `make train` has it."""

import json
import shutil
from pathlib import Path

import pytest

from inference_app import repository
from inference_app.repository import proof
from inference_app.settings import Settings
from tests.training.conftest import ROOT, Run

pytestmark = pytest.mark.slow
MODELS, WORK = ROOT / "build/trained", ROOT / "build/training"
"""What `make train-check` asks afterwards is in the first."""


@pytest.fixture(scope="module")
def said(train: Run) -> str:
    """What the pipeline told on its way."""
    words = ["--version", "1", "--replace", "--promote", "--min-accuracy", "0.97", "--work", str(WORK)]
    return train("pipeline", "--repository", MODELS, *words).stdout


def test_the_pipeline_ends_with_an_active_version_that_a_server_proves(said: str) -> None:
    found = repository.find(MODELS, "digits")

    proof.prove(found, Settings())
    assert found.metadata.metrics["held_out_accuracy"] >= 0.97
    assert f"Wrote {MODELS}/digits/1" in said


def test_the_three_formats_answered_as_keras_on_the_whole_held_out_part(said: str) -> None:
    held_out = json.loads((WORK / "run/report.json").read_text())["examples"]
    for what in ("SavedModel", "LiteRT", "ONNX Runtime"):
        assert any(what in line and f"on {held_out} held-out images" in line for line in said.splitlines())
    version = WORK / "run/exports/saved_model/digits/1"
    assert {"saved_model.pb", "variables"} <= {path.name for path in version.iterdir()}
    assert (WORK / "run/confusion.png").read_bytes().startswith(b"\x89PNG")


def test_int8_is_a_third_of_the_size_and_pruning_half_of_it_compressed(said: str) -> None:
    del said
    table = json.loads((WORK / "run/optimised/table.json").read_text())
    sizes = {each["variant"]: (each["bytes"], each["gzip_bytes"]) for each in table["variants"]}

    assert sizes["static"][0] < sizes["float"][0] / 2
    assert sizes["dynamic"][0] < sizes["float"][0] / 2
    assert sizes["litert-int8"][0] < sizes["litert"][0] / 2
    assert sizes["pruned"][1] < sizes["float"][1] * 0.7


def test_an_export_whose_weights_are_nudged_is_refused_and_nothing_written(said: str, python: Run) -> None:
    del said
    before = {path: path.stat().st_mtime_ns for path in (WORK / "run").rglob("*")}

    refused = python(Path(__file__).with_name("scripts") / "nudged_export.py", WORK, status=1)

    assert "LiteRT and Keras must agree within 0.0001, got" in refused.stderr
    assert {path: path.stat().st_mtime_ns for path in (WORK / "run").rglob("*")} == before


def test_a_variant_that_lost_too_much_is_refused_by_how_much_and_not_written(
    said: str, train: Run, tmp_path: Path
) -> None:
    del said
    shutil.copytree(WORK / "run", tmp_path / "run")
    words = ["--data", WORK / "data", "--run", tmp_path / "run", "--repository", tmp_path / "models"]
    pruning = ["--choose", "pruned", "--sparsity", "0.99", "--fine-tuning", "1"]

    refused = train("optimise", *words, *pruning, status=1)

    assert "held-out accuracy of pruned may drop by at most 1.00%, got " in refused.stderr
    assert not (tmp_path / "models").exists()
    table = json.loads((tmp_path / "run/optimised/table.json").read_text())
    assert [each["variant"] for each in table["variants"] if each["refused"]] == ["pruned"]
    assert not (tmp_path / "run/optimised/pruned.onnx").exists()
    assert (tmp_path / "run/optimised/static.onnx").exists()


def test_the_same_seed_gives_the_same_weights(said: str, python: Run) -> None:
    del said
    python(Path(__file__).with_name("scripts") / "same_seed.py", WORK / "data")
