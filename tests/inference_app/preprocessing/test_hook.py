import hashlib
from pathlib import Path

import numpy as np
import pytest

from inference_app.errors import BadRequest, ModelFailed, ModelUnusable
from inference_app.logs import JsonFormatter
from inference_app.preprocessing import hook
from inference_app.repository import ModelVersion

GOOD = """
import numpy as np

def preprocess(body: bytes, content_type: str) -> dict[str, np.ndarray]:
    return {"image": np.full((1, 8, 8, 1), len(body), dtype=np.float32)}
"""


def load(digits: ModelVersion, folder: Path, code: str, *, sha256: str | None = None) -> hook.Hook:
    (folder / "preprocess.py").write_text(code)
    declared = sha256 or hashlib.sha256(code.encode()).hexdigest()
    return hook.load(ModelVersion(folder, digits.metadata.model_copy(update={"hook_sha256": declared})))


def body(lines: str) -> str:
    return f"import numpy as np\n\ndef preprocess(body, content_type):\n    {lines}\n"


def test_a_hook_turns_any_body_into_inputs(digits: ModelVersion, tmp_path: Path) -> None:
    inputs = load(digits, tmp_path, GOOD)(b"abc", "audio/wav")
    np.testing.assert_array_equal(inputs["image"], np.full((1, 8, 8, 1), 3))


def test_a_hook_is_told_the_content_type(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no audio/wav; rate=8000"):
        load(digits, tmp_path, body('raise ValueError(f"no {content_type}")'))(b"", "audio/wav; rate=8000")


def test_another_error_of_a_hook_says_in_the_log_where_it_was_but_nothing_of_the_input(
    digits: ModelVersion, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelFailed) as raised:
        load(digits, tmp_path, body("raise KeyError(body)"))(b"secret", "")
    (record,) = caplog.records
    line = JsonFormatter().format(record)
    assert "secret" not in str(raised.value)
    assert "secret" not in line
    assert all(part in line for part in ("preprocess.py", "line 4", "KeyError"))


@pytest.mark.parametrize(
    "lines",
    [
        "return None",
        "return {}",
        'return {"image": [[1.0]]}',
        'return {"image": np.zeros((1, 8, 8, 1))}',
        'return {"image": np.zeros((8, 8, 1), dtype=np.float32)}',
        'return {"image": np.zeros((0, 8, 8, 1), dtype=np.float32)}',
        'return {"image": np.zeros((1, 8, 8, 1), dtype=np.float32), "more": 1}',
    ],
)
def test_a_hook_that_returns_something_else_fails_by_itself(digits: ModelVersion, tmp_path: Path, lines: str) -> None:
    with pytest.raises(ModelFailed, match="preprocessing failed on this input"):
        load(digits, tmp_path, body(lines))(b"", "")


def test_a_changed_hook_never_runs(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="SHA-256"):
        load(digits, tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')", sha256="0" * 64)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("code", ["def preprocess(", "import no_such_module", "1 / 0"])
def test_a_hook_that_does_not_load_makes_the_model_unusable(digits: ModelVersion, tmp_path: Path, code: str) -> None:
    with pytest.raises(ModelUnusable, match="does not load"):
        load(digits, tmp_path, code)


def test_a_hook_without_the_function_makes_the_model_unusable(digits: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="has no function preprocess"):
        load(digits, tmp_path, "def process(): ...")
