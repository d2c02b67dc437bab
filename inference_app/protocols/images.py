"""PNG and JPEG bytes into model input, as the model's metadata declares it."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from inference_app.errors import BadRequest, TooLarge
from inference_app.repository import ImagePreprocessing
from inference_app.tensors import Array, TensorSpec

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}
MAX_PIXELS = 16 * 1024 * 1024
"""Checked against the size an image declares, before a pixel is decoded: a small file can declare a huge one."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit is higher and only warns at first.
Image.preinit()  # else the first request waits for Pillow's decoders to load


def to_input(body: bytes, content_type: str, preprocessing: ImagePreprocessing, spec: TensorSpec) -> Array:
    """A batch of one, in the layout of `spec` (channels last or first).

    Raises `BadRequest` for bytes that are no such image and `TooLarge` for more than `MAX_PIXELS` pixels.
    """
    size = (preprocessing.width, preprocessing.height)
    image = _decode(body, FORMATS[content_type]).convert(preprocessing.mode)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=spec.datatype.dtype) * preprocessing.scale + preprocessing.offset
    pixels = pixels.reshape(1, preprocessing.height, preprocessing.width, preprocessing.channels)
    if not spec.accepts(pixels.shape):
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels, dtype=spec.datatype.dtype)


def _decode(body: bytes, image_format: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(body), formats=[image_format])
    except UnidentifiedImageError:
        raise BadRequest(f"the body is no {image_format} image") from None
    if image.width * image.height > MAX_PIXELS:
        raise TooLarge(f"an image may have at most {MAX_PIXELS} pixels, this one declares {image.width}x{image.height}")
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise BadRequest(f"the {image_format} image is damaged: {error}") from None
    return image
