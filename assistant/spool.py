"""The node's memory: images that were acknowledged and are not answered yet, a file each, safe from a power cut."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing stops a second node there
    fcntl = None

FREE = 256 << 20  # bytes of the disk that are left to others


class Spool:
    """A folder of images that were acknowledged and are not answered yet; only its owner may look in, and one at a
    time has it: OSError for a second."""

    def __init__(self, folder: Path, free: int = FREE):
        self.folder, self.free = Path(folder), free
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = open(self.folder / "lock", "w")  # noqa: SIM115 (open as long as the spool is)
        if fcntl:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a killed process gives it back
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
            self._settle()
        except BaseException:
            Path(name).unlink(missing_ok=True)
            Path(name.removesuffix("part") + "dcm").unlink(missing_ok=True)
            raise

    def jobs(self) -> list[Path]:
        """The oldest first."""
        return sorted(self.folder.glob("*.dcm"))

    def drop(self, job: Path) -> None:
        job.unlink(missing_ok=True)
        self._settle()

    def close(self) -> None:
        self._lock.close()

    def _settle(self) -> None:
        """A name is on the disk when its folder is; Windows opens no folders, and settles by itself."""
        if os.name == "posix":
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
