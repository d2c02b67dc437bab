"""The sample program of the preview's tests."""

from tests.infra.preview.conftest import sample

__all__ = ["sample"]
