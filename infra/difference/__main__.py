"""`python -m infra.difference --against main`: what becomes of every stack, with no account and no network."""

import argparse
import sys
import warnings
from pathlib import Path

from infra.difference.compared import Compared, compare
from infra.difference.document import LARGEST, document
from infra.preview.program import ROOT
from infra.preview.revision import RevisionError
from infra.preview.runner import UNAWAITED


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Print the document; return 0, 1 when a stack is refused, 2 for a revision that git cannot read."""
    warnings.filterwarnings("ignore", UNAWAITED, RuntimeWarning)
    options = _parser().parse_args(arguments)
    try:
        found = [_told(each) for each in compare(root, options.against)]
    except RevisionError as error:
        print(str(error), file=sys.stderr)
        return 2
    whole = document(options.against, found)
    folder: Path = options.out or root / "build/difference"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "whole.md").write_text(whole, encoding="utf-8")
    (folder / "comment.md").write_text(document(options.against, found, LARGEST), encoding="utf-8")
    print(whole, end="")
    return 1 if any(each.is_refused for each in found) else 0


def _told(compared: Compared) -> Compared:
    print(f"compared {compared.stack}", file=sys.stderr, flush=True)
    return compared


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.difference", description=__doc__)
    parser.add_argument("--against", required=True, metavar="REVISION", help="a branch, a tag or a commit")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the files go (default: build/difference)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
