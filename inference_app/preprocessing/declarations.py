"""The forms of `preprocessing` and `postprocessing` in a version's metadata.json."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from inference_app.tensors import TensorSpec

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(ge=-1e100, le=1e100)]
"""Modest enough that no product of it with a request's number overflows unseen."""

Divisor = Annotated[float, Field(ge=1e-100, le=1e100)]


class Declaration(BaseModel):
    """A typing error in a name is refused: a `mean` that nobody reads would be a wrong answer without an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Resize(StrEnum):
    """How an image of another size becomes one of the model's."""

    STRETCH = "stretch"
    CENTER_CROP = "center_crop"


class Interpolation(StrEnum):
    """Pillow's names of its filters (https://pillow.readthedocs.io/en/stable/handbook/concepts.html#filters)."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class ImagePreprocessing(Declaration):
    """How pixels (0 to 255) become model input: resize, convert, then `(pixel * scale + offset - mean) / std`.

    `center_crop` makes the shorter side `shortest_side` pixels long (by default as long as the input needs), keeps the
    proportions and cuts the middle out. `mean` and `std` hold one number per channel.
    """

    kind: Literal["image"]
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    mode: Literal["L", "RGB"]
    resize: Resize = Resize.STRETCH
    shortest_side: int | None = Field(default=None, ge=1)
    interpolation: Interpolation = Interpolation.BILINEAR
    scale: Finite = 1
    offset: Finite = 0
    mean: tuple[Finite, ...] | None = None
    std: tuple[Divisor, ...] | None = None

    @property
    def channels(self) -> int:
        """Numbers per pixel."""
        return 1 if self.mode == "L" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (self.height, self.width, self.channels)

    @property
    def is_identity(self) -> bool:
        """Whether pixels enter the model as they are."""
        return (self.scale, self.offset, self.mean, self.std) == (1, 0, None, None)

    @model_validator(mode="after")
    def _fields_agree(self) -> "ImagePreprocessing":
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if numbers is not None and len(numbers) != self.channels:
                raise ValueError(f"{name} needs one number per channel, {self.channels} for {self.mode}")
        if self.shortest_side is not None:
            if self.resize is not Resize.CENTER_CROP:
                raise ValueError("shortest_side is for resize center_crop")
            if self.shortest_side < max(self.width, self.height):
                raise ValueError(f"shortest_side must be at least {max(self.width, self.height)}, the input's size")
        return self

    def check(self, inputs: tuple[TensorSpec, ...]) -> None:
        """Raise `ValueError` unless a model with these inputs takes such images."""
        height, width, channels = self.shape
        spec, *others = inputs
        if others:
            raise ValueError(f"image preprocessing fills one input, the model has {len(inputs)}")
        if spec.shape[1:] not in ((height, width, channels), (channels, height, width)):
            raise ValueError("preprocessing needs a first input of [-1, height, width, channels] or channels first")
        if not (spec.datatype.startswith("FP") or (spec.datatype == "UINT8" and self.is_identity)):
            raise ValueError("images need an input of fractions, or of UINT8 without scale, offset, mean and std")


class Padding(StrEnum):
    """How long a tokenised text is made: always `max_length`, or as long as the request's longest."""

    FIXED = "fixed"
    LONGEST = "longest"


class TextPreprocessing(Declaration):
    """How texts become token numbers, by a file of the `tokenizers` package beside the model.

    `ids`, `mask` and `type_ids` name the model's inputs. Texts of more than `max_length` tokens, special ones
    included, are cut, or refused where `truncation` is off.
    """

    kind: Literal["text"]
    tokenizer: str = "tokenizer.json"
    tokenizer_sha256: Sha256
    max_length: int = Field(ge=1, le=128 * 1024)
    padding: Padding = Padding.LONGEST
    pad_token: str = "[PAD]"  # noqa: S105 - no password
    truncation: bool = True
    ids: str = "input_ids"
    mask: str | None = "attention_mask"
    type_ids: str | None = None

    @property
    def names(self) -> set[str]:
        """The inputs that are filled."""
        return {name for name in (self.ids, self.mask, self.type_ids) if name is not None}

    def check(self, inputs: tuple[TensorSpec, ...]) -> None:
        """Raise `ValueError` unless a model with these inputs takes such tokens."""
        if self.names != {spec.name for spec in inputs}:
            wanted = ", ".join(spec.name for spec in inputs)
            raise ValueError(f"text preprocessing fills {', '.join(sorted(self.names))}; the model takes {wanted}")
        lengths = (-1, self.max_length) if self.padding is Padding.FIXED else (-1,)
        for spec in inputs:
            if len(spec.shape) != 2 or spec.shape[1] not in lengths or spec.datatype not in ("INT32", "INT64"):
                allowed = " or ".join(map(str, lengths))
                raise ValueError(f"input {spec.name} must be INT32 or INT64 of shape [-1, {allowed}] to take tokens")


class Column(Declaration):
    """One feature: the model gets `value * scale + offset`."""

    name: str = Field(min_length=1)
    scale: Finite = 1
    offset: Finite = 0


class FeaturePreprocessing(Declaration):
    """How numbers, or records of named numbers, become one vector per example, in the order of `columns`."""

    kind: Literal["features"]
    columns: tuple[Column, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "FeaturePreprocessing":
        if len({column.name for column in self.columns}) < len(self.columns):
            raise ValueError("two columns have the same name")
        return self

    def check(self, inputs: tuple[TensorSpec, ...]) -> None:
        """Raise `ValueError` unless a model with these inputs takes such vectors."""
        (spec, *others), width = inputs, len(self.columns)
        if others or spec.shape != (-1, width) or spec.datatype not in ("FP32", "FP64"):
            raise ValueError(f"{width} columns need one input, FP32 or FP64, of shape [-1, {width}]")


Preprocessing = Annotated[ImagePreprocessing | TextPreprocessing | FeaturePreprocessing, Field(discriminator="kind")]


class Activation(StrEnum):
    """What makes probabilities of a model's scores; none where the model gives probabilities itself."""

    NONE = "none"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


class LabelPostprocessing(Declaration):
    """The `top_k` likeliest labels of each example with their confidences, from the model's first output."""

    kind: Literal["labels"]
    activation: Activation = Activation.NONE
    top_k: int = Field(default=3, ge=1)


class Pooling(StrEnum):
    """What makes one vector of a text's token vectors: their mean (padding left out), or the first."""

    NONE = "none"
    MEAN = "mean"
    FIRST = "first"


class EmbeddingPostprocessing(Declaration):
    """One vector per example, from the model's first output; `normalize` makes its Euclidean length 1."""

    kind: Literal["embedding"]
    pooling: Pooling = Pooling.NONE
    normalize: bool = False


class OutputsPostprocessing(Declaration):
    """The model's outputs as they are, although it has labels."""

    kind: Literal["outputs"]


Postprocessing = Annotated[
    LabelPostprocessing | EmbeddingPostprocessing | OutputsPostprocessing, Field(discriminator="kind")
]


class DetectorDeclaration(Declaration):
    """`detector.onnx`: scores the model's own inputs; an example whose `output` exceeds `threshold` is refused."""

    sha256: Sha256
    output: str
    threshold: Finite
