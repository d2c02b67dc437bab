"""`python -m infra.compatibility`: until when the pinned versions are maintained."""

import argparse
import datetime
import sys

from infra.compatibility.end_of_life import ending, endings
from infra.compatibility.pins import pins


def main(arguments: list[str] | None = None, today: datetime.date | None = None) -> int:
    """Print the pins by their last day, then those without one; return 1 when one has passed, else 0."""
    argparse.ArgumentParser(prog="python -m infra.compatibility", description=__doc__).parse_args(arguments)
    day = today or datetime.datetime.now(datetime.UTC).date()
    print(*endings(day), sep="\n")
    for pin in pins():
        if pin.end_of_life.none:
            print(f"{pin.name} {pin.version} has no last day: {pin.end_of_life.none} ({pin.end_of_life.source})")
    for each in ending(day):
        print(f"{'error' if each.days < 0 else 'warning'}: {each}", file=sys.stderr)
    return 1 if any(each.days < 0 for each in endings(day)) else 0


if __name__ == "__main__":
    sys.exit(main())
