"""The node's memory: images that were acknowledged and are not answered yet, a file each, safe from a power cut."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: nothing stops a second node there
    fcntl = None

FREE = 256 << 20  # bytes of the disk that are left to others


def held(file: Path) -> IO[str]:
    """The file, opened and locked until it is closed or this process ends, however it ends. Raises OSError where
    another one holds it; on Windows nobody is kept out."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)  # nothing is emptied, and no link is followed
    opened = os.fdopen(os.open(file, flags, 0o600), "r+")
    try:
        if fcntl:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        opened.close()
        raise
    return opened


def _settle(folder: Path) -> None:
    """A name is on the disk when its folder is; Windows opens no folders, and settles by itself."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Spool:
    """A folder of images that were acknowledged and are not answered yet; only its owner may look in, and one at a
    time has it: OSError for a second."""

    def __init__(self, folder: Path, free: int = FREE):
        self.folder, self.free = Path(folder), free
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = held(self.folder / "lock")
        for half in self.folder.glob("*.part"):  # never acknowledged
            half.unlink()

    def put(self, raw: bytes, job: str) -> None:
        """Keep an image: after this has returned, no power cut loses it. Raises OSError, and leaves nothing then."""
        if shutil.disk_usage(self.folder).free < self.free + len(raw):
            raise OSError("the disk is full")
        handle, name = tempfile.mkstemp(".part", f"{time.time_ns():020d}-{job}-", self.folder)
        try:
            with open(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(handle)
            os.replace(name, name.removesuffix("part") + "dcm")
            _settle(self.folder)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            Path(name.removesuffix("part") + "dcm").unlink(missing_ok=True)
            raise

    def jobs(self) -> list[Path]:
        """The oldest first; files that nobody put here by `put` are none."""
        return sorted(self.folder.glob("[0-9]*-*-*.dcm"))

    def aside(self, job: Path) -> None:
        """Keep an image for somebody to look at, in the folder `refused`: nobody tries it again."""
        refused = self.folder / "refused"
        refused.mkdir(exist_ok=True, mode=0o700)
        os.replace(job, refused / job.name)
        for folder in (refused, self.folder):
            _settle(folder)

    def drop(self, job: Path) -> None:
        job.unlink(missing_ok=True)
        _settle(self.folder)

    def close(self) -> None:
        self._lock.close()
