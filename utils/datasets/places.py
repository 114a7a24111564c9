"""Finds a set, fetches it or has it made: files come whole, checked and in time, or one sentence says why not.

Order of the search: `COURSE_DATA`, `data/`, the public address unless `COURSE_OFFLINE=1`, the virtual clinic.
No file of yours is ever changed or removed; only what the clinic made may be made again.
"""
from __future__ import annotations

import atexit
import errno
import functools
import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from utils.datasets.types import Card, DataError, Place

DATA = Path(__file__).resolve().parents[2] / "data"
CLINIC_CODE = Path(__file__).resolve().parents[1] / "clinic"
CONNECT_S, READ_S, TOTAL_S = 5.0, 15.0, 300.0  # a download gives up: no connection, silence, all of it
MOST_BYTES = 2**28  # of a download
DELAY_S = 3.0  # before a bar shows
YOURS, OURS, CLINIC = "your COURSE_DATA folder", "the course's data folder", "the virtual clinic (synthetic)"
INVENTORY = "inventory.txt"  # of a kept stand-in: checksum and name of each file
REASONS = {  # what the text of an error shows, and how to say it; the first that fits
    "Proxy": "the proxy on the way to {} did not let the download through",
    "NameResolution|getaddrinfo": "the name {} could not be looked up (is there internet?)",
    "refused": "{} refused the connection",
    "SSL|certificate": "no secure connection to {} could be made",
    "ConnectTimeout": "{} could not be reached in time",
    "[Tt]imed out|ReadTimeout": "{} fell silent",
    "unreachable": "{} cannot be reached (is there internet?)",
    "IncompleteRead|Chunked|broken|aborted|reset": "{} cut the download off",
    "hash of downloaded file|DataError": "{} sent something that is not the published file",
}


class NotFetched(Exception):
    """A file could not be downloaded; the text ends a sentence that says why, without a full stop."""


class Bar(tqdm):
    """A bar on stdout that counts what is done, where that takes longer than `DELAY_S`."""

    def __init__(self, items: Iterable | None = None, **how: Any):
        super().__init__(items, delay=DELAY_S, mininterval=0.5, leave=False, file=sys.stdout, **how)

    def __bool__(self) -> bool:
        return True  # pooch asks

    def reset(self, total: float | None = None) -> None:
        self.n = 0  # tqdm's own draws the bar, however early, and pooch calls it at the end

    def update(self, n: float | None = 1) -> bool | None:
        if self.n > MOST_BYTES:
            raise DataError("Far larger than any file that the course reads.")
        return super().update(n)


def obtain(card: Card) -> Place:
    """The place of a set: found in a data folder, or else fetched, or else made by the clinic.

    Raises:
        DataError: COURSE_DATA is not a folder, or the set is nowhere and the clinic makes none.
    """
    for place in found(card):
        return place
    gap = f"{nowhere(card)}; {card.advice}."
    if card.url:
        try:
            return fetch(card)
        except NotFetched as reason:
            gap = f"{nowhere(card)}, and {reason}."
    if not card.writer:
        raise DataError(gap.replace("; ", ": "))
    return make(card, gap)


def folders() -> dict[Path, str]:
    """The folders to search, in order, with their names for people."""
    given = os.environ.get("COURSE_DATA", "").strip()
    if not given:
        return {DATA: OURS}
    for base in (DATA.parent, Path.cwd()):  # as typed there, or here
        folder = base / os.path.expanduser(given)
        if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
            return {folder: YOURS, DATA: OURS}
    raise DataError(f"COURSE_DATA is {given!r}, which is no folder that can be read: correct it or unset it.")


def nowhere(card: Card) -> str:
    """The beginning of a sentence: which folders do not hold the set."""
    places = "Neither COURSE_DATA nor data/ holds" if len(folders()) > 1 else "data/ does not hold"
    return f"{places} {card.files[0]}"


def found(card: Card, beside: Place | None = None) -> list[Place]:
    """The places that hold the set, broken or not, in the order of the search; first the folder of `beside`."""
    places, first = [], {beside.base: beside.holder} if beside else {}
    for folder, title in (first | folders()).items():
        if paths := _files(card, folder):
            places.append(Place(card, folder, title, paths, title))
    return places


def _files(card: Card, folder: Path) -> list[Path]:
    """What the first name or pattern that fits finds in a folder."""
    for pattern in card.files:
        if os.path.lexists(folder / pattern):  # a link that leads nowhere, too
            return [folder / pattern]
        if paths := sorted(folder.glob(pattern), key=Path.as_posix):
            return paths
    return []


# ---------------------------------------------------------------------------- the net


def fetch(card: Card) -> Place:
    """The first of the set's files, downloaded into data/; without a checksum its reader must accept it.

    Raises NotFetched with the reason; nothing is left behind.
    """
    if os.environ.get("COURSE_OFFLINE", "").strip().lower() not in ("", "0", "no", "false"):
        raise NotFetched("COURSE_OFFLINE forbids the download")
    host, target = urlsplit(card.url).hostname or card.url, DATA / card.files[0]

    def check(part: Path) -> None:
        read = card.reader(Place(card, part.parent, host, [part], host))
        if card.counts and len(read) != sum(card.counts):
            raise DataError(f"{part.name} is not whole.")

    download(card.url, target, card.md5, None if card.md5 else check)
    return Place(card, DATA, OURS, [target], f"downloaded from {host}")


def download(url: str, target: Path, md5: str = "", check: Callable[[Path], Any] | None = None) -> None:
    """Fetch a file under its final name in one step; a file that is already there stays as it is.

    `md5` is the published checksum, if there is one; `check` is called with the whole file before it gets its
    name and raises DataError to refuse it. Raises NotFetched with the reason; nothing is left behind.
    """
    import pooch

    host = urlsplit(url).hostname or url
    pooch.get_logger().setLevel("WARNING")

    def write(part: Path) -> None:
        with Bar(desc=f"fetching from {host}", unit="B", unit_scale=True) as bar:
            how = {"timeout": (CONNECT_S, READ_S), "headers": {"Accept-Encoding": "identity"}}
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 14, **how)
            known, name = f"md5:{md5}" if md5 else None, part.name
            _within(TOTAL_S, lambda: pooch.retrieve(url, known, name, part.parent, downloader=downloader))
        part.chmod(0o644)
        if check:
            check(part)

    try:
        save_whole(target, write)
    except Exception as error:  # of requests, urllib3, pooch, the operating system
        raise NotFetched(_reason(error, host)) from None


def _within(seconds: float, work: Callable[[], Any]) -> None:
    """Run `work` in a thread, which is left to itself after `seconds`: a server that trickles is never silent."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    for error in errors:
        raise error


def _reason(error: Exception, host: str) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        later = "try again later" if status >= 500 or status == 429 else "the file may have moved"
        return f"{host} answered {status} ({later})"
    if isinstance(error, OSError) and error.errno:
        why = "the disk is full" if error.errno == errno.ENOSPC else f"{error.strerror}"
        return f"the course's data folder cannot be written to ({why})"
    if isinstance(error, TimeoutError):
        return f"{host} was too slow to finish within {TOTAL_S:g} seconds"
    said = (words for sign, words in REASONS.items() if re.search(sign, f"{error!r}"))
    return next(said, f"the download from {{}} failed ({type(error).__name__})").format(host)


def save_whole(target: Path, write: Callable[[Path], Any],
               is_good: Callable[[Path], bool] = os.path.lexists) -> None:  # fmt: skip
    """Let `write(part)` make a file or a folder, then give it its name in one step. Leaves no litter.

    What is there by then (another process was quicker, or the user put it there) stays if `is_good` says so,
    by default always. Raises OSError, and whatever `write` raises.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = {"dir": target.parent, "prefix": ".part-", "ignore_cleanup_errors": True}
    with tempfile.TemporaryDirectory(**aside) as folder:
        part = Path(folder) / target.name
        write(part)
        if is_good(target):
            return
        if os.path.lexists(target):
            os.replace(target, Path(folder) / "old")
        os.replace(part, target)


# ---------------------------------------------------------------------------- the virtual clinic


def make(card: Card, note: str) -> Place:
    """What the clinic writes in place of the set, kept in data/synthetic as long as the clinic's code stays.

    What is there but damaged is made again. Where data/ cannot be written to, it is made anew in a temporary
    folder that goes when Python ends, and the note says so.
    """
    from utils.clinic.standins import WRITERS

    made = clinic_code()
    base = DATA / "synthetic" / made / card.writer

    def write(folder: Path) -> None:
        folder.mkdir(parents=True)
        WRITERS[card.writer](folder, progress=functools.partial(Bar, desc=f"making synthetic {card.title}"))
        (folder / INVENTORY).write_text(_inventory(folder), encoding="utf-8")

    try:
        if not _is_whole(base):
            save_whole(base, write, _is_whole)
    except OSError as error:
        if not _is_whole(base):  # else another process was quicker
            temporary = Path(tempfile.mkdtemp())
            atexit.register(shutil.rmtree, temporary, ignore_errors=True)
            base = temporary / card.writer
            write(base)
            note += f" It cannot be kept in data/ ({error.strerror}), so every lesson makes it anew."
    return Place(card, base, "data/synthetic", _files(card, base), CLINIC, note.strip(), made)


def clinic_code() -> str:
    """A hash of the clinic's source files, 12 hexadecimal digits: other code, other stand-ins."""
    files = sorted(CLINIC_CODE.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _inventory(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != INVENTORY)
    sums = {file.relative_to(folder).as_posix(): zlib.crc32(file.read_bytes()) for file in files}
    return "\n".join(f"{number:08x} {name}" for name, number in sums.items())


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / INVENTORY).read_text(encoding="utf-8") == _inventory(folder)
    except (OSError, ValueError):
        return False
