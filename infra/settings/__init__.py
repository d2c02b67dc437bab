"""Stack configuration, read once and typed: `load()` gives a `StackSettings`."""

from infra.settings.load import load
from infra.settings.model import Settings, SettingsError
from infra.settings.stack import StackSettings

__all__ = ["Settings", "SettingsError", "StackSettings", "load"]
