"""`python -m tests.story`: walk docs/quick-start.md, and hold each of its commands to what the page says."""

import sys
import tempfile
import time
from pathlib import Path

from tests.story.machine import Machine, machine, missing
from tests.story.page import PAGE, Command, steps


def main() -> int:
    """Return 0 when every command did what the page says, 1 when one did not, 2 when something is missing here."""
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="story-") as folder, machine(Path(folder)) as reader:
        for step in steps(PAGE.read_text(encoding="utf-8")):
            if not isinstance(step, Command):
                reader.write(step)
                print(f"\nwrote {step.file} {step.part}", flush=True)
            elif not _typed(reader, step):
                return 1
    print(f"\nthe whole way in {time.monotonic() - began:.0f} s")
    return 0


def _typed(reader: Machine, command: Command) -> bool:
    """Whether the command ended well and printed what is shown."""
    print(f"\n$ {command.line}", flush=True)
    began = time.monotonic()
    status, printed = reader.run(command.line)
    print(f"({time.monotonic() - began:.1f} s)", flush=True)
    unseen = command.unseen(printed)
    if status:
        print(f"ended with {status}", file=sys.stderr)
    for line in unseen:
        print(f"the page shows what was not printed: {line}", file=sys.stderr)
    return not status and not unseen


if __name__ == "__main__":
    sys.exit(main())
