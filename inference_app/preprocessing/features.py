"""Named numbers into vectors, scaled as the model's metadata declares it."""

from typing import cast

import numpy as np

from inference_app.errors import BadRequest
from inference_app.preprocessing.declarations import FeaturePreprocessing
from inference_app.tensors import Array


class Features:
    """The columns of a table model."""

    def __init__(self, declaration: FeaturePreprocessing) -> None:
        columns = declaration.columns
        self._names = [column.name for column in columns]
        self._columns = set(self._names)
        self._scale = np.array([column.scale for column in columns])
        self._offset = np.array([column.offset for column in columns])
        self.is_identity = not self._offset.any() and bool((self._scale == 1).all())
        """Whether the numbers stay as they are."""

    def vectors(self, value: object) -> object:
        """Records (objects) as lists in the order of the columns; anything else as it is.

        Raises `BadRequest` for a record with a column too many or too few.
        """
        if isinstance(value, dict):
            return [self._vector(cast("dict[str, object]", value))]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [self._record(item) for item in cast("list[object]", value)]
        return cast("object", value)

    def scale(self, array: Array) -> Array:
        """FP64 `[n, columns]` of what the model gets; infinity where that overflows."""
        return array if self.is_identity else array * self._scale + self._offset

    def _record(self, item: object) -> list[object]:
        if not isinstance(item, dict):
            raise BadRequest("records and other values are mixed")
        return self._vector(cast("dict[str, object]", item))

    def _vector(self, record: dict[str, object]) -> list[object]:
        if record.keys() == self._columns:
            return [record[name] for name in self._names]
        for name in record:
            if name not in self._columns:
                raise BadRequest(f"unknown column {name:.60}; the model takes {', '.join(self._names)}")
        missing = next(name for name in self._names if name not in record)
        raise BadRequest(f"column {missing} is missing; the model takes {', '.join(self._names)}")
