"""`data`: images of a few pixels, written here, through the whole command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference_app.training.__main__ import main
from inference_app.training.dataset import examples
from inference_app.training.dataset.split import Part, split

EACH = 10

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two labels with ten different gray images of 6x4 pixels each."""
    folder = tmp_path / "shapes"
    for label in ("cat", "dog"):
        for number in range(EACH):
            write(folder / label / f"{number}.png", seed=number + 100 * (label == "dog"))
    return folder


@pytest.fixture
def data(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `data` on the images; gives its status and what it wrote to standard error."""

    def run(*words: str) -> tuple[int, str]:
        status = main(["data", "--from", str(images), "--into", str(tmp_path / "data"), *words])
        return status, capsys.readouterr().err

    return run


def write(path: Path, *, seed: int, size: tuple[int, int] = (6, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(path)


def manifest(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "data" / "data.json").read_text())


def test_every_label_is_in_every_part_and_no_image_in_two(data: Run, tmp_path: Path) -> None:
    assert data()[0] == 0
    found = manifest(tmp_path)

    assert found["counts"] == {
        "train": {"cat": 6, "dog": 6},
        "validation": {"cat": 2, "dog": 2},
        "test": {"cat": 2, "dog": 2},
    }
    assert len({entry["sha256"] for entry in found["examples"]}) == 2 * EACH
    assert found["name"] == "shapes"
    assert (found["preprocessing"]["width"], found["preprocessing"]["height"]) == (6, 4)


def test_the_same_images_and_seed_give_the_same_split_whatever_the_files_are_called(
    data: Run, images: Path, tmp_path: Path
) -> None:
    data()
    before = {entry["sha256"]: entry["part"] for entry in manifest(tmp_path)["examples"]}
    for path in images.rglob("*.png"):
        path.rename(path.with_name(f"{99 - int(path.stem)}.png"))
    data()
    after = {entry["sha256"]: entry["part"] for entry in manifest(tmp_path)["examples"]}
    data("--seed", "1")
    other = {entry["sha256"]: entry["part"] for entry in manifest(tmp_path)["examples"]}

    assert before == after
    assert before != other


def test_labels_may_come_from_a_table(images: Path, data: Run, tmp_path: Path) -> None:
    rows = [f"{path.relative_to(images)},{path.parent.name}s" for path in sorted(images.rglob("*.png"))]
    (images / "labels.csv").write_text("\ufefffile,label\r\n" + "\r\n".join(rows) + "\r\n")

    assert data()[0] == 0
    assert manifest(tmp_path)["labels"] == ["cats", "dogs"]


def test_all_files_that_cannot_be_used_are_named_with_the_reason_and_nothing_is_written(
    images: Path, data: Run, tmp_path: Path
) -> None:
    truncated = images / "cat" / "3.png"
    truncated.write_bytes(truncated.read_bytes()[:-30])
    (images / "cat" / "notes.png").write_text("no image")
    (images / "dog" / "empty.jpg").touch()
    (images / "stray.png").write_bytes((images / "dog" / "0.png").read_bytes())
    header = (images / "dog" / "1.png").read_bytes()
    (images / "dog" / "bomb.png").write_bytes(_declaring(header, 60_000))

    status, error = data()

    assert status == 1
    assert "5 files must be mended or left out, nothing was written" in error
    assert "cat/3.png: the PNG image is damaged" in error
    assert "cat/notes.png: the body is no PNG or JPEG image" in error
    assert "dog/empty.jpg: the body is no PNG or JPEG image" in error
    assert "stray.png: lies in no label's folder; move it into one" in error
    assert "dog/bomb.png: an image may have at most 16777216 pixels, this one declares 60000x60000" in error
    assert not (tmp_path / "data").exists()


def test_what_is_left_out_on_request_is_recorded(images: Path, data: Run, tmp_path: Path) -> None:
    (images / "cat" / "notes.png").write_text("no image")

    assert data("--skip-bad")[0] == 0
    assert manifest(tmp_path)["left_out"] == ["cat/notes.png: the body is no PNG or JPEG image"]
    assert len(manifest(tmp_path)["examples"]) == len(examples.load(tmp_path / "data").train) + 8 == 2 * EACH


def test_the_same_image_under_two_labels_is_a_conflict_in_another_format_too(images: Path, data: Run) -> None:
    with Image.open(images / "cat" / "4.png") as image:
        image.save(images / "dog" / "copy.png", compress_level=0)

    status, error = data()

    assert status == 1
    assert "cat/4.png: is the same image as dog/copy.png (dog); keep the right one" in error
    assert "dog/copy.png: is the same image as cat/4.png (cat); keep the right one" in error


def test_of_a_conflict_nothing_is_kept(images: Path, data: Run, tmp_path: Path) -> None:
    (images / "dog" / "copy.png").write_bytes((images / "cat" / "4.png").read_bytes())

    assert data("--skip-bad", "--minimum", "9")[0] == 0
    assert manifest(tmp_path)["counts"]["train"] == {"cat": 5, "dog": 6}
    assert len(manifest(tmp_path)["left_out"]) == 2


def test_copies_of_an_image_are_in_one_part(images: Path, data: Run, tmp_path: Path) -> None:
    for path in sorted((images / "cat").iterdir()):
        for copy in range(5):
            path.with_name(f"{path.stem}-{copy}.png").write_bytes(path.read_bytes())

    assert data()[0] == 0
    parts = {(entry["sha256"], entry["part"]) for entry in manifest(tmp_path)["examples"]}
    assert len(manifest(tmp_path)["examples"]) == 7 * EACH
    assert len(parts) == 2 * EACH


def test_a_label_with_too_few_images_is_refused_copies_not_counted(images: Path, data: Run) -> None:
    write(images / "eel" / "0.png", seed=900)
    (images / "eel" / "1.png").write_bytes((images / "eel" / "0.png").read_bytes())

    status, error = data()

    assert status == 1
    assert "a label must have at least 10 different images, got eel has 1; add some" in error


def test_one_label_alone_is_refused(images: Path, data: Run) -> None:
    for path in (images / "dog").iterdir():
        path.unlink()
    assert "images must have at least 2 labels, got cat" in data()[1]


def test_images_of_several_sizes_need_a_declared_one(images: Path, data: Run, tmp_path: Path) -> None:
    write(images / "cat" / "wide.png", seed=901, size=(9, 4))
    write(images / "cat" / "colour.png", seed=902, mode="RGB")

    status, error = data()
    assert status == 1
    assert (
        "got 20 of 6x4 gray, 1 of 6x4 colour, 1 of 9x4 gray; say what the model takes with --size and --mode" in error
    )

    assert data("--size", "5x5", "--mode", "RGB")[0] == 0
    assert examples.load(tmp_path / "data").train.inputs.shape[1:] == (5, 5, 3)


def test_a_whole_declaration_may_come_from_a_file(data: Run, tmp_path: Path) -> None:
    declared = {"kind": "image", "width": 3, "height": 3, "mode": "L", "resize": "center_crop", "mean": [9], "std": [2]}
    (tmp_path / "declared.json").write_text(json.dumps(declared))

    assert data("--preprocessing", str(tmp_path / "declared.json"))[0] == 0
    assert manifest(tmp_path)["preprocessing"]["resize"] == "center_crop"

    (tmp_path / "declared.json").write_text(json.dumps(declared | {"meen": 1}))
    assert "meen: Extra inputs are not permitted" in data("--preprocessing", str(tmp_path / "declared.json"))[1]


def test_images_that_would_fill_the_disk_are_refused_before_it_is_full(data: Run) -> None:
    status, error = data("--size", "99999x99999", "--mode", "RGB")
    assert status == 1
    assert "20 images of 99999x99999x3 must fit on the disk, got" in error


def test_a_folder_with_somebodys_files_is_not_written_over(data: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.tex").touch()

    status, error = data()

    assert status == 1
    assert "must be new, empty, or an earlier result with data.json, got other files; name another" in error
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["thesis.tex"]


def test_bad_images_leave_the_result_before_as_it_is(images: Path, data: Run, tmp_path: Path) -> None:
    data()
    before = (tmp_path / "data" / "data.json").read_bytes()
    (images / "cat" / "notes.png").write_text("no image")

    assert data()[0] == 1
    assert (tmp_path / "data" / "data.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "shapes"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("name,class\n", "labels.csv must begin with the line file,label"),
        ("file,label\ncat/0.png,cat,1\n", "labels.csv line 2 must have 2 cells, got 3"),
        (
            "file,label\ncat/0.png,cat\ncat/0.png,dog\ncat/1.png,cat\n",
            "labels.csv line 3 says dog, an earlier line cat",
        ),
        ("file,label\ncat/0.png,cat\nmissing.png,dog\n", "missing.png: labels.csv line 3 names it, it is missing"),
        ("file,label\n", "got 21 files and no such image"),
    ],
)
def test_a_wrong_table_is_told_with_its_line(images: Path, data: Run, table: str, reason: str) -> None:
    (images / "labels.csv").write_text(table)

    status, error = data()

    assert status == 1
    assert reason in error


def test_the_samples_are_held_out_images_of_every_label_as_they_came(images: Path, data: Run, tmp_path: Path) -> None:
    data()
    samples = manifest(tmp_path)["samples"]
    rows = [manifest(tmp_path)["examples"][sample["row"]] for sample in samples]

    assert {sample["label"] for sample in samples} == {"cat", "dog"}
    assert {row["part"] for row in rows} == {"test"}
    for sample, row in zip(samples, rows, strict=True):
        assert (tmp_path / "data" / sample["file"]).read_bytes() == (images / row["file"]).read_bytes()


@pytest.mark.parametrize("seed", range(20))
def test_any_split_has_every_label_in_every_part(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = [f"label {number}" for number in range(5) for _ in range(generator.integers(3, 40))]
    digests = [str(number) for number in range(len(labels))]

    parts = split(labels, digests, 0.1, seed)

    assert {(label, part) for label, part in zip(labels, parts, strict=True)} == {
        (label, part) for label in set(labels) for part in Part
    }


def _declaring(png: bytes, side: int) -> bytes:
    """The same file whose header declares another size, its checksum right."""
    import zlib

    header = png[12:16] + side.to_bytes(4) * 2 + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4) + png[33:]
