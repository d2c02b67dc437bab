import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from inference_app.errors import BadRequest, TooLarge
from inference_app.protocols import images
from inference_app.repository import ImagePreprocessing
from inference_app.tensors import Datatype, TensorSpec

GREY = ImagePreprocessing(kind="image", width=3, height=2, mode="L", scale=0.5, offset=-1)
GREY_SPEC = TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 2, 3, 1))
PIXELS = np.array([[0, 10, 20], [30, 40, 250]], dtype=np.uint8)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_pixels_are_scaled_and_shifted_as_declared() -> None:
    array = images.to_input(png(Image.fromarray(PIXELS)), "image/png", GREY, GREY_SPEC)
    assert array.dtype == np.float32
    np.testing.assert_allclose(array[0, :, :, 0], PIXELS * 0.5 - 1)


def test_an_image_of_another_size_is_resized() -> None:
    array = images.to_input(png(Image.new("L", (30, 20), 100)), "image/png", GREY, GREY_SPEC)
    np.testing.assert_allclose(array, np.full((1, 2, 3, 1), 49))


def test_colours_go_where_the_input_has_its_channels() -> None:
    colour = GREY.model_copy(update={"mode": "RGB"})
    image = png(Image.new("RGB", (3, 2), (2, 4, 6)))
    last = images.to_input(image, "image/png", colour, GREY_SPEC.model_copy(update={"shape": (-1, 2, 3, 3)}))
    first = images.to_input(image, "image/png", colour, GREY_SPEC.model_copy(update={"shape": (-1, 3, 2, 3)}))
    assert last[0, 0, 0].tolist() == [0, 1, 2]
    assert first[0, :, 0, 0].tolist() == [0, 1, 2]


def test_bytes_that_are_no_image_are_refused() -> None:
    with pytest.raises(BadRequest, match="no PNG image"):
        images.to_input(b"hello", "image/png", GREY, GREY_SPEC)


def test_an_image_of_another_format_than_declared_is_refused() -> None:
    with pytest.raises(BadRequest, match="no JPEG image"):
        images.to_input(png(Image.fromarray(PIXELS)), "image/jpeg", GREY, GREY_SPEC)


def test_a_damaged_image_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    with pytest.raises(BadRequest, match="damaged"):
        images.to_input(png(Image.fromarray(noise))[:-500], "image/png", GREY, GREY_SPEC)


@pytest.mark.parametrize("size", [(5000, 5000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_that_declares_a_huge_image_is_refused_before_it_is_decoded(
    bomb: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    with pytest.raises(TooLarge, match=f"{size[0]}x{size[1]}"):
        images.to_input(bomb(*size), "image/png", GREY, GREY_SPEC)
