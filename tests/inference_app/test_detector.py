import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from inference_app.detector import Detector, load
from inference_app.errors import ModelUnusable, Suspicious
from inference_app.repository import Metadata, ModelVersion
from inference_app.settings import Settings


def brightness(inputs: str = "image") -> bytes:
    """A detector that scores an image by its brightest pixel."""
    shape = ["n", 8, 8, 1]
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", [inputs, "axes"], ["score"], keepdims=0)],
        "brightness",
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


def detector(digits: ModelVersion, folder: Path, content: bytes | None = None, **changes: Any) -> Detector:
    content = content or brightness()
    (folder / "detector.onnx").write_bytes(content)
    declared = {"sha256": hashlib.sha256(content).hexdigest(), "output": "score", "threshold": 1.5, **changes}
    metadata = Metadata.model_validate(digits.metadata.model_dump(mode="json") | {"detector": declared})
    return Detector(ModelVersion(folder, metadata), Settings())


def images(*levels: float) -> dict[str, Any]:
    return {"image": np.stack([np.full((8, 8, 1), level, dtype=np.float32) for level in levels])}


def test_a_model_that_declares_no_detector_has_none(digits: ModelVersion) -> None:
    assert load(digits, Settings(), {}) is None


def test_every_example_gets_a_score(digits: ModelVersion, tmp_path: Path) -> None:
    assert detector(digits, tmp_path).scores(images(0, 2, 1)).tolist() == [0, 2, 1]


def test_a_batch_is_judged_by_the_declared_threshold(digits: ModelVersion, tmp_path: Path) -> None:
    verdict = detector(digits, tmp_path).judge(images(0, 2, 1))
    verdict.check(0, 1)
    verdict.check(2, 3)
    with pytest.raises(Suspicious):
        verdict.check(0, 3)


def test_another_file_than_declared_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="SHA-256"):
        detector(digits, tmp_path, sha256="0" * 64)


def test_an_output_that_is_not_there_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no output distance, but score"):
        detector(digits, tmp_path, output="distance")


def test_a_detector_of_another_models_inputs_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="takes picture, which is no input of the model"):
        detector(digits, tmp_path, brightness("picture"))


def test_a_detector_must_let_the_golden_input_through(digits: ModelVersion, tmp_path: Path) -> None:
    made = detector(digits, tmp_path)
    made.prove(images(0, 1))
    with pytest.raises(ModelUnusable, match=r"refuses the golden input: .* score 2, limit 1\.5"):
        made.prove(images(0, 2))


def test_a_detector_that_fails_on_the_golden_input_is_refused(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="fails on the golden input"):
        detector(digits, tmp_path).prove({"image": np.zeros((1, 8, 8, 2), dtype=np.float32)})
