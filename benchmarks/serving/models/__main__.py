"""`python -m benchmarks.serving.models FOLDER [NAME ...]`: build the models, all or the named, into a repository."""

import sys
from pathlib import Path

from benchmarks.serving.models import efficientnet, minilm, tiny

BUILDERS = {"tiny": tiny.build, "efficientnet-lite0": efficientnet.build, "minilm": minilm.build}


def main() -> None:
    """Build and say where."""
    repository, *names = sys.argv[1:]
    for name in names or BUILDERS:
        print(BUILDERS[name]().write(Path(repository)))


if __name__ == "__main__":
    main()
