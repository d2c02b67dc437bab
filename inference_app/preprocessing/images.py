"""PNG and JPEG bytes into model input."""

import io
import math
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from inference_app.errors import BadRequest, TooLarge
from inference_app.preprocessing.declarations import ImagePreprocessing, Resize
from inference_app.tensors import Array, TensorSpec

MAX_PIXELS = 16 * 1024 * 1024
"""Of one image; checked against the size that it declares, before a pixel is decoded: a small file can declare a huge
one."""

MAX_REQUEST_PIXELS = 4 * MAX_PIXELS
"""Of all images in a request, so that one request keeps a core for a second or two at most."""

MAX_INPUT_BYTES = 256 * 1024 * 1024
"""Of a request's images as the model takes them: small images of a large model are many bytes."""

DAMAGED = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise for bytes that are not what they should be."""

Image.preinit()  # else the first request waits for Pillow's decoders to load
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit is higher and only warns at first.
PngImagePlugin.MAX_TEXT_MEMORY = PngImagePlugin.MAX_TEXT_CHUNK  # text beside the pixels: 1 MiB instead of 64

# Pillow warns of damage that it can live with, such as odd EXIF data: any client could fill the log.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageReader:
    """Decodes, resizes and normalises images as one model's metadata declares it."""

    def __init__(self, declared: ImagePreprocessing, spec: TensorSpec) -> None:
        self._declared = declared
        self._spec = spec
        self._size = (declared.width, declared.height)
        self._filter = Image.Resampling[declared.interpolation.name]
        self._channels_last = spec.shape[1:] == declared.shape
        dtype = np.promote_types(spec.dtype, np.float32)
        std = np.array(declared.std or [1.0] * declared.channels)
        mean = np.array(declared.mean or [0.0] * declared.channels)
        self._factor = self._per_channel(declared.scale / std).astype(dtype)
        self._shift = self._per_channel((declared.offset - mean) / std).astype(dtype)

    def read(self, bodies: list[bytes]) -> dict[str, Array]:
        """A batch with one example per image: transparency is ignored, the first frame taken, EXIF's orientation
        followed, so that the model sees what a viewer shows.

        Raises `BadRequest` for bytes that are no such image and `TooLarge` for more pixels than allowed.
        """
        shape = (len(bodies), *self._spec.shape[1:])
        if math.prod(shape) * self._spec.dtype.itemsize > MAX_INPUT_BYTES:
            raise TooLarge(f"{len(bodies)} images are more than {MAX_INPUT_BYTES} bytes of model input")
        batch = np.empty(shape, self._spec.dtype)
        pixels = 0
        for example, body in zip(batch, bodies, strict=True):
            with open_image(body) as image:
                pixels += image.width * image.height
                if pixels > MAX_REQUEST_PIXELS:
                    raise TooLarge(f"a request's images may have at most {MAX_REQUEST_PIXELS} pixels altogether")
                self._fill(example, image)
        return {self._spec.name: batch}

    def _per_channel(self, numbers: Array) -> Array:
        """One number per channel, as it meets an image: rows of pixels, or one plane per channel.

        NumPy is five times as fast on a row of many numbers as on three at a time.
        """
        return np.tile(numbers, self._declared.width) if self._channels_last else numbers[:, np.newaxis, np.newaxis]

    def _fill(self, example: Array, image: Image.Image) -> None:
        height, width, channels = self._declared.shape
        pixels = np.asarray(self._fit(self._load(image))).reshape(self._declared.shape)
        if self._channels_last:
            pixels, example = pixels.reshape(height, width * channels), example.reshape(height, width * channels)
        else:
            pixels = pixels.transpose(2, 0, 1)
        np.multiply(pixels, self._factor, out=example, casting="unsafe")
        np.add(example, self._shift, out=example, casting="unsafe")

    def _load(self, image: Image.Image) -> Image.Image:
        """The image upright, in the declared mode; a JPEG far larger than needed is decoded at a fraction."""
        declared = self._declared
        needed = 2 * (declared.shortest_side or max(self._size))
        try:
            image.draft(None, (needed, needed))
            image.load()
            if "exif" in image.info:
                image = ImageOps.exif_transpose(image)
        except DAMAGED as error:
            raise BadRequest(f"the {image.format} image is damaged: {error}") from None
        image = _eight_bit(image)
        return image if image.mode == declared.mode else image.convert(declared.mode)

    def _fit(self, image: Image.Image) -> Image.Image:
        if self._declared.resize is Resize.STRETCH:
            return image if image.size == self._size else image.resize(self._size, self._filter)
        return self._center(image.resize(self._cover(image), self._filter))

    def _cover(self, image: Image.Image) -> tuple[int, int]:
        """The size at which the shorter side is as declared; rounds down as torchvision's `Resize` does."""
        wanted = self._declared.shortest_side
        (width, height), (need_width, need_height) = image.size, self._size
        if wanted is not None:
            over, under = wanted, min(width, height)
        elif need_width * height >= need_height * width:
            over, under = need_width, width
        else:
            over, under = need_height, height
        size = (width * over // under, height * over // under)
        if math.prod(size) > MAX_PIXELS:
            raise BadRequest(f"an image of {width}x{height} is too long and thin for this model")
        return size

    def _center(self, image: Image.Image) -> Image.Image:
        (width, height), (need_width, need_height) = image.size, self._size
        left, top = round((width - need_width) / 2), round((height - need_height) / 2)
        return image.crop((left, top, left + need_width, top + need_height))


def open_image(body: bytes) -> Image.Image:
    """A PNG or JPEG, its header read and no pixel yet; raises `BadRequest`, and `TooLarge` for what it declares."""
    try:
        image = Image.open(io.BytesIO(body), formats=["PNG", "JPEG"])
    except UnidentifiedImageError:
        raise BadRequest("the body is no PNG or JPEG image") from None
    except DAMAGED as error:
        raise BadRequest(f"the image is damaged: {error}") from None
    if image.width * image.height > MAX_PIXELS:
        raise TooLarge(f"an image may have at most {MAX_PIXELS} pixels, this one declares {image.width}x{image.height}")
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """A 16-bit gray image in 8 bits; Pillow's own conversion turns all but the darkest pixels white."""
    if image.mode != "I;16":
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
