"""Memory that the workers of one server share: each has a slot, into which it alone writes and which all may read."""

import mmap
import struct
import zlib

HALF_BYTES = 2 * 1024 * 1024
"""Most that a slot holds: the counts of some two thousand models. The kernel gives only pages that are written to."""

_HEADER = struct.Struct("=II")
"""Length and checksum of what follows."""
_SLOT_BYTES = mmap.PAGESIZE + 2 * HALF_BYTES


class Scoreboard:
    """Slots for what workers say, made before they are forked.

    A slot has two halves and, in front, the number of the one that counts. Writing fills the other half and then turns
    the number, so a process that dies in between leaves what it said before.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, slots * _SLOT_BYTES)

    def write(self, slot: int, content: bytes) -> None:
        """Replace what the slot says; raises `ValueError` where it is too long."""
        if len(content) > HALF_BYTES - _HEADER.size:
            raise ValueError(f"a worker's counts take {len(content)} bytes; a slot has {HALF_BYTES}")
        half = 1 - self._memory[slot * _SLOT_BYTES]
        start = _start(slot, half)
        written = _HEADER.pack(len(content), zlib.crc32(content)) + content
        self._memory[start : start + len(written)] = written
        self._memory[slot * _SLOT_BYTES] = half

    def read(self, slot: int) -> bytes:
        """What the slot says; nothing where nobody has written."""
        while True:  # a half that is being written to again, or is not all visible to this core yet, fails its checksum
            start = _start(slot, self._memory[slot * _SLOT_BYTES])
            length, checksum = _HEADER.unpack_from(self._memory, start)
            start += _HEADER.size
            content = self._memory[start : start + length]
            if zlib.crc32(content) == checksum:
                return content


def _start(slot: int, half: int) -> int:
    return slot * _SLOT_BYTES + mmap.PAGESIZE + half * HALF_BYTES
