"""`python -m infra.comment FILE`: write the one comment on the pull or merge request that the pipeline is for."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.comment import MARK
from infra.comment.api import CommentError
from infra.comment.forges import Forge, forge

LARGEST = 65_536
"""Characters that GitHub takes."""


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Write the comment; return 0, or 2 with a line that says why not."""
    parser = argparse.ArgumentParser(prog="python -m infra.comment", description=__doc__)
    parser.add_argument("file", type=Path, help="the comment's text, as `make difference` writes it")
    file: Path = parser.parse_args(arguments).file
    try:
        write(forge(environment), file.read_text(encoding="utf-8"))
    except (CommentError, OSError) as error:
        print(str(error), file=sys.stderr)
        return 2
    return 0


def write(forge: Forge, text: str) -> None:
    """Make the one comment that begins with the mark what `text` is. Raises `CommentError`."""
    if not text.startswith(MARK) or len(text) > LARGEST:
        raise CommentError(
            f"the text must begin with {MARK} and have at most {LARGEST:,} characters; it has {len(text):,}"
        )
    address = next((address for address, body in forge.comments() if body.startswith(MARK)), None)
    if address:
        forge.update(address, text)
    else:
        forge.create(text)


if __name__ == "__main__":
    sys.exit(main())
