"""What a command line may hold; each raises `ArgumentTypeError` for anything else."""

import argparse
import math
import os
import re
import time
from datetime import UTC, datetime

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def name(text: str) -> str:
    """Of a model or a version, which is a folder's."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be of letters, digits, dots, dashes and underscores, got {text!r}")
    return text


def whole(text: str) -> int:
    """1 or more."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text}")
    return int(text)


def above_zero(text: str) -> float:
    """Any finite number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text}")
    return value


def share(text: str) -> float:
    """From 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {text}")
    return value


def timestamp(text: str) -> str:
    """Seconds since 1970, as RFC 3339."""
    try:
        moment = datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        reason = f"SOURCE_DATE_EPOCH or --created must be whole seconds since 1970, got {text!r}"
        raise argparse.ArgumentTypeError(reason) from error
    return moment.isoformat().replace("+00:00", "Z")


def now() -> str:
    """What SOURCE_DATE_EPOCH says, else the time, in whole seconds since 1970."""
    return os.environ.get("SOURCE_DATE_EPOCH", str(int(time.time())))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
