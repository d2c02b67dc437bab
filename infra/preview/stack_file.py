"""Reads Pulumi.yaml and Pulumi.<stack>.yaml as the engine would, and the `--set` options on top."""

import re
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from infra.preview.errors import StackFileError
from infra.preview.markers import SECRET_PATH, marker
from infra.preview.wire import Plain, is_list, is_map

STACK_KEYS = {"config", "encryptionsalt", "secretsprovider", "encryptedkey", "environment"}
TYPED_KEYS = {"default", "value", "type", "description", "secret", "items"}
OUTPUT = "output."


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack's configuration: every key qualified (`aws:region`), secret values replaced by markers."""

    project: str
    name: str
    config: dict[str, Plain]
    secrets: frozenset[str]


class _Loader(yaml.SafeLoader):
    """Refuses a key that appears twice, as the engine does; PyYAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {name} appears twice", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def load(root: Path, name: str, settings: Iterable[tuple[str, str]] = ()) -> Stack:
    """Return the stack `name` of the program in `root` with `settings` (key path, YAML text) applied.

    Raises `StackFileError` for an unknown stack, a malformed file (with its line) and a path that does not fit.
    """
    project = _read(root / "Pulumi.yaml")
    path = root / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))
        raise StackFileError(f"no stack {name!r}: there is no {path.name}; the stacks are {', '.join(known) or 'none'}")
    stated = _read(path)
    if unknown := stated.keys() - STACK_KEYS:
        raise StackFileError(f"{path.name}: unknown key {min(unknown)}; known are {', '.join(sorted(STACK_KEYS))}")
    project_name = str(project.get("name", ""))
    config = _defaults(project, project_name) | {
        _qualified(key, project_name): value for key, value in _config(stated, path.name).items()
    }
    secrets = frozenset(key for key, value in config.items() if _holds_secret(value))
    config = {key: _without_secrets(value) for key, value in config.items()}
    for key, text in settings:
        _set(config, project_name, key, text)
    return Stack(project=project_name, name=name, config=config, secrets=secrets)


def add_settings(parser: ArgumentParser) -> None:
    """Let a command take `--set KEY=VALUE`, any number of times."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a setting (image.digest=sha256:...) or what only `up` knows (output.registry.repositoryUrl=...)",
    )


def split_settings(options: Iterable[str]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Split `KEY=VALUE` options into those on the configuration and those on outputs (`output.<name>.<path>`)."""
    settings: list[tuple[str, str]] = []
    outputs: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not key or not equals:
            raise StackFileError(f"--set {option}: must be KEY=VALUE, such as image.digest=sha256:...")
        if key.startswith(OUTPUT):
            outputs[key.removeprefix(OUTPUT)] = value
        else:
            settings.append((key, value))
    return settings, outputs


def _read(path: Path) -> dict[str, Plain]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
    except FileNotFoundError:
        raise StackFileError(f"there is no {path.name} here; run from the repository root") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise StackFileError(f"{path.name}{line}: not valid YAML: {error.problem}; fix that line") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StackFileError(f"{path.name}: not valid YAML: {str(error).splitlines()[0]}; save it as UTF-8") from None
    if not is_map(document or {}):
        raise StackFileError(f"{path.name}:1: must be a map with a `config` key, got {document!r}")
    return document or {}


def _config(document: Mapping[str, Plain], file: str) -> dict[str, Plain]:
    config = document.get("config")
    if config is None:
        return {}
    if not is_map(config):
        raise StackFileError(f"{file}: config must be a map of settings, got {config!r}")
    return {str(key): value for key, value in config.items()}


def _defaults(document: Mapping[str, Plain], project: str) -> dict[str, Plain]:
    """Return the project's own settings, plain or in the typed form (`{type: string, default: ...}`)."""
    defaults: dict[str, Plain] = {}
    for key, stated in _config(document, "Pulumi.yaml").items():
        typed = stated if is_map(stated) and stated.keys() <= TYPED_KEYS else {"value": stated}
        defaults[_qualified(key, project)] = typed.get("value", typed.get("default"))
    return {key: value for key, value in defaults.items() if value is not None}


def _qualified(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _is_secret(value: Plain) -> bool:
    return is_map(value) and set(value) == {"secure"}


def _holds_secret(value: Plain) -> bool:
    if _is_secret(value):
        return True
    if is_map(value):
        return any(_holds_secret(item) for item in value.values())
    return is_list(value) and any(_holds_secret(item) for item in value)


def _without_secrets(value: Plain) -> Plain:
    if _is_secret(value):
        return marker(SECRET_PATH, "string")
    if is_map(value):
        return {key: _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if is_list(value) else value


def _set(config: dict[str, Plain], project: str, key: str, text: str) -> None:
    """Put the YAML `text` at `key`, making the maps on the way; a list item is named by its index."""
    first, *rest = [step for step in re.split(r"[.\[\]]+", key) if step]
    steps = [_qualified(first, project), *rest]
    target: Plain = config
    for depth, step in enumerate(steps[:-1]):
        if is_map(target):
            cast(dict[str, Plain], target).setdefault(step, {})
        target = cast(Any, target)[_place(target, step, key, steps[:depth])]
    try:
        target[_place(target, steps[-1], key, steps[:-1])] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise StackFileError(f"--set {key}: the value is not valid YAML: {text}; quote it") from None


def _place(target: Plain, step: str, key: str, above: list[str]) -> str | int:
    if is_map(target):
        return step
    if not is_list(target):
        raise StackFileError(f"--set {key}: {'.'.join(above)} is {target!r}, not a map; remove what follows it")
    size = len(target)
    if not step.isdigit() or int(step) >= size:
        raise StackFileError(f"--set {key}: {'.'.join(above)} is a list of {size}; name an item from 0 to {size - 1}")
    return int(step)
