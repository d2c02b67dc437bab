"""The only reader of stack configuration."""

import json

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import ValidationError

from infra.settings import messages
from infra.settings.model import SettingsError
from infra.settings.stack import StackSettings


def load() -> StackSettings:
    """Settings of the stack that is running. Raises SettingsError with a line for every mistake in its file."""
    prefix = f"{pulumi.get_project()}:"
    config = get_config_env() | CONFIG.get()
    blocks = {key.removeprefix(prefix): _parsed(value) for key, value in config.items() if key.startswith(prefix)}
    try:
        return StackSettings.model_validate_json(json.dumps(blocks))
    except ValidationError as invalid:
        where = f"Pulumi.{pulumi.get_stack()}.yaml: {prefix}"
        lines = [where + messages.line(error, StackSettings) for error in invalid.errors()]
        raise SettingsError("\n".join(lines)) from None


def _parsed(value: str) -> object:
    # Blocks arrive as JSON text; a scalar arrives bare, and its model refuses it by name.
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
