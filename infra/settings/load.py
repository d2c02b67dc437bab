"""The only reader of stack configuration."""

import json

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret
from pydantic import ValidationError

from infra.settings import messages
from infra.settings.model import SettingsError
from infra.settings.stack import StackSettings

# Pulumi hands a block with a secret inside over as plain text, which would end up in the state.
SECRET_RULE = "{key} must not hold a secret: blocks are read, and kept in the state, as plain text; remove the value"  # noqa: S105


def load() -> StackSettings:
    """Settings of the stack that is running. Raises SettingsError with a line for every mistake in its file."""
    prefix = f"{pulumi.get_project()}:"
    where = f"Pulumi.{pulumi.get_stack()}.yaml: {prefix}"
    config = get_config_env() | CONFIG.get()
    secret = sorted(key.removeprefix(prefix) for key in config if key.startswith(prefix) and is_config_secret(key))
    if secret:
        raise SettingsError("\n".join(where + SECRET_RULE.format(key=key) for key in secret))
    blocks = {key.removeprefix(prefix): _parsed(value) for key, value in config.items() if key.startswith(prefix)}
    try:
        return StackSettings.model_validate_json(json.dumps(blocks))
    except ValidationError as invalid:
        lines = [where + messages.line(error, StackSettings) for error in invalid.errors()]
        raise SettingsError("\n".join(lines)) from None


def _parsed(value: str) -> object:
    # Blocks arrive as JSON text; a scalar arrives bare, and its model refuses it by name.
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
