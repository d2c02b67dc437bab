import os
import subprocess
import sys
import uuid

from benchmarks.serving import processes

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"


def test_all_processes_with_a_mark_are_weighed_and_ended_together() -> None:
    mark = uuid.uuid4().hex
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, processes.MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        found, memory = processes.marked(mark), processes.memory(mark)
        processes.end(mark)
    assert len(found) == 2
    assert parent.pid in found
    assert memory.rss > memory.pss > 1
    assert processes.marked(mark) == []


def test_nobody_else_carries_a_fresh_mark() -> None:
    mark = uuid.uuid4().hex
    assert processes.marked(mark) == []
    assert processes.memory(mark) == processes.Memory(rss=0, pss=0)
