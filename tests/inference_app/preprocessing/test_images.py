import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference_app.errors import BadRequest, TooLarge
from inference_app.preprocessing import images
from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.preprocessing.images import ImageReader
from inference_app.tensors import Array, Datatype, TensorSpec

PIXELS = np.array([[0, 10, 20], [30, 40, 250]], dtype=np.uint8)


def reader(shape: tuple[int, ...] = (2, 3, 1), datatype: Datatype = Datatype.FP32, **changes: Any) -> ImageReader:
    """Reads gray images 3 pixels wide and 2 high unless told otherwise."""
    declared = {"kind": "image", "width": 3, "height": 2, "mode": "L", **changes}
    spec = TensorSpec(name="x", datatype=datatype, shape=(-1, *shape))
    return ImageReader(ImagePreprocessing.model_validate(declared), spec)


def encode(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def read(reader: ImageReader, body: bytes) -> Array:
    """The only example of a batch."""
    batch = reader.read([body])["x"]
    assert len(batch) == 1
    return batch[0]


def gradient(width: int, height: int) -> Image.Image:
    row, column = np.mgrid[0:height, 0:width]
    return Image.fromarray(((row * 255 // height + column * 255 // width) // 2).astype(np.uint8))


def test_pixels_are_scaled_and_shifted_as_declared() -> None:
    array = read(reader(scale=0.5, offset=-1), encode(Image.fromarray(PIXELS)))
    assert array.dtype == np.float32
    np.testing.assert_allclose(array[:, :, 0], PIXELS * 0.5 - 1)


@pytest.mark.parametrize(("shape", "axis"), [((2, 3, 3), 2), ((3, 2, 3), 0)])
def test_each_channel_is_normalised_on_its_own_wherever_the_input_has_it(shape: tuple[int, ...], axis: int) -> None:
    declared: dict[str, Any] = {"mode": "RGB", "scale": 0.5, "mean": [1, 2, 3], "std": [1, 2, 4]}
    array = read(reader(shape, **declared), encode(Image.new("RGB", (3, 2), (10, 20, 30))))
    np.testing.assert_allclose(np.moveaxis(array, axis, 0)[:, 0, 0], [4, 4, 3])


def test_an_image_of_another_size_is_stretched() -> None:
    image = gradient(30, 10)
    expected = np.asarray(image.resize((3, 2), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read(reader(), encode(image))[:, :, 0], expected)


def test_the_declared_interpolation_is_used() -> None:
    image = Image.fromarray(np.array([[0, 255, 0, 255, 0, 255]] * 4, dtype=np.uint8))
    expected = np.asarray(image.resize((3, 2), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(read(reader(interpolation="nearest"), encode(image))[:, :, 0], expected)


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (4, 4), (7, 9)])
def test_a_centre_crop_keeps_the_proportions(size: tuple[int, int]) -> None:
    image = gradient(*size)
    width, height = size
    resized = image.resize((width * 4 // min(size), height * 4 // min(size)), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 3) / 2), round((resized.height - 2) / 2)
    array = read(reader(resize="center_crop", shortest_side=4), encode(image))
    np.testing.assert_array_equal(array[:, :, 0], np.asarray(resized)[top : top + 2, left : left + 3])


@pytest.mark.parametrize("size", [(300, 10), (10, 300), (6, 4), (1, 1), (3, 2)])
def test_a_centre_crop_of_any_proportions_fills_the_input(size: tuple[int, int]) -> None:
    array = read(reader(resize="center_crop"), encode(Image.new("L", size, 9)))
    np.testing.assert_array_equal(array, np.full((2, 3, 1), 9))


def test_an_image_too_thin_to_be_cropped_is_refused() -> None:
    square = reader((600, 600, 1), resize="center_crop", width=600, height=600)
    with pytest.raises(BadRequest, match="1x65500 is too long and thin"):
        read(square, encode(Image.new("L", (1, 65500))))


def test_integer_inputs_take_pixels_as_they_are() -> None:
    array = read(reader(datatype=Datatype.UINT8), encode(Image.fromarray(PIXELS)))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array[:, :, 0], PIXELS)


def test_several_images_make_a_batch_in_their_order() -> None:
    bodies = [encode(Image.new("L", (3, 2), 1)), encode(Image.new("L", (30, 20), 2), "JPEG")]
    np.testing.assert_array_equal(reader().read(bodies)["x"][:, 0, 0, 0], [1, 2])


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (3, 2), 1), 255),
        (Image.new("RGBA", (3, 2), (50, 50, 50, 0)), 50),
        (Image.new("LA", (3, 2), (50, 0)), 50),
        (Image.new("RGB", (3, 2), (51, 51, 51)).convert("P"), 51),
        (Image.fromarray(np.full((2, 3), 40_000, dtype=np.uint16)), 40_000 >> 8),
    ],
    ids=["bilevel", "transparent", "gray and alpha", "palette", "16 bits"],
)
def test_every_kind_of_png_gives_its_gray(image: Image.Image, expected: int) -> None:
    np.testing.assert_array_equal(read(reader(), encode(image)), np.full((2, 3, 1), expected))


def test_a_jpeg_of_printing_colours_comes_out_in_screen_colours() -> None:
    array = read(reader((2, 3, 3), mode="RGB"), encode(Image.new("CMYK", (3, 2), (0, 255, 255, 0)), "JPEG"))
    np.testing.assert_allclose(array[0, 0], [255, 0, 0], atol=2)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_a_photo_is_turned_as_its_camera_says(image_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is on the left of the stored image
    stored = Image.new("L", (16, 24), 0)
    stored.paste(200, (0, 0, 8, 24))
    array = read(reader(), encode(stored, image_format, exif=exif))
    assert (array[0] > 150).all()
    assert (array[1] < 50).all()


def test_an_animation_counts_as_its_first_frame() -> None:
    frames = [Image.new("L", (3, 2), 10), Image.new("L", (3, 2), 20)]
    body = encode(frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(reader(), body), np.full((2, 3, 1), 10))


def test_a_large_jpeg_looks_the_same_although_it_is_decoded_at_a_fraction() -> None:
    body = encode(gradient(1600, 1200), "JPEG", quality=95)
    image = Image.open(io.BytesIO(body))
    expected = np.asarray(image.resize((60, 40), Image.Resampling.BILINEAR), dtype=np.float32)
    array = read(reader((40, 60, 1), width=60, height=40), body)
    assert np.abs(array[:, :, 0] - expected).max() <= 2


@pytest.mark.parametrize("body", [b"", b"hello", b"GIF89a" + bytes(20), b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_image_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="image"):
        read(reader(), body)


def noise() -> bytes:
    return encode(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)))


@pytest.mark.parametrize("body", [noise()[:-500], noise()[:600] + b"\0\0\0" + noise()[603:]], ids=["cut", "altered"])
def test_a_damaged_image_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="damaged"):
        read(reader(), body)


@pytest.mark.parametrize("size", [(5000, 5000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_that_declares_a_huge_image_is_refused_before_it_is_decoded(
    bomb: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    with pytest.raises(TooLarge, match=f"{size[0]}x{size[1]}"):
        read(reader(), bomb(*size))


@pytest.mark.parametrize("size", [(0, 0), (1, 0)])
def test_an_image_without_pixels_is_refused(bomb: Callable[[int, int], bytes], size: tuple[int, int]) -> None:
    with pytest.raises(BadRequest, match="no PNG or JPEG"):
        read(reader(), bomb(*size))


def test_an_image_that_declares_more_than_it_holds_is_refused(bomb: Callable[[int, int], bytes]) -> None:
    with pytest.raises(BadRequest, match="damaged"):
        read(reader(), bomb(4000, 4000))


def test_text_that_swells_is_refused() -> None:
    content = b"k\0\0" + zlib.compress(bytes(50_000_000))
    chunk = struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    plain = encode(Image.fromarray(PIXELS))
    with pytest.raises(BadRequest, match="damaged: Decompressed data too large"):
        read(reader(), plain[:33] + chunk + plain[33:])


def test_the_pixels_of_all_images_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_REQUEST_PIXELS", 11)
    body = encode(Image.fromarray(PIXELS))
    with pytest.raises(TooLarge, match="at most 11 pixels"):
        reader().read([body, body])


def test_the_model_input_that_images_become_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_INPUT_BYTES", 47)
    body = encode(Image.fromarray(PIXELS))
    with pytest.raises(TooLarge, match="2 images are more than 47 bytes"):
        reader().read([body, body])
