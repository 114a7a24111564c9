"""Files from the net and from disk: whole, checked and in time, or one sentence that says why not.

Knows no data set; `datasets.py` does.
"""
from __future__ import annotations

import errno
import io
import os
import re
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from utils.sources import DataError

CONNECT_S, READ_S, TOTAL_S = 5.0, 15.0, 300.0  # a download gives up: no connection, silence, the whole of it
MOST_BYTES = 2**31  # in memory, of one file or folder
ADVICE = "move it away, and the course fetches or makes another"
PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
         "testing": "test"}  # names of folders, and the split they hold
JUNK = re.compile(r"\..*|__MACOSX|Thumbs\.db|desktop\.ini", re.IGNORECASE)
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
    """A file could not be downloaded; its text says why, as the end of a sentence, without a full stop."""


def download(url: str, target: Path, md5: str | None = None, check: Callable[[Path], Any] | None = None) -> None:
    """Fetch a file under its final name in one step; a file that is already there stays as it is.

    Args:
        url: where it is.
        target: where it shall be; the folder is made if need be.
        md5: the published checksum, if there is one.
        check: called with the whole file before it gets its name; raises DataError to refuse it.

    Raises:
        NotFetched: with the reason; nothing is left behind.
    """
    import pooch

    def fetch(part: Path) -> None:
        pooch.get_logger().setLevel("WARNING")
        pooch.retrieve(url, md5 and f"md5:{md5}", part.name, part.parent, downloader=_stream)
        part.chmod(0o644)
        if check:
            check(part)

    try:
        keep(target, fetch)
    except Exception as error:  # of requests, urllib3, pooch, the operating system
        raise NotFetched(_reason(error, urlsplit(url).hostname or url)) from None


def _stream(url: str, output_file: str, _: Any) -> None:
    """pooch's downloader. It collects in memory, in a thread, so that a server that trickles can be left."""
    import requests

    body, size, stop = bytearray(), [0], threading.Event()

    def work() -> None:
        with requests.get(url, stream=True, timeout=(CONNECT_S, READ_S), headers={"Accept-Encoding": "identity"}) as r:
            r.raise_for_status()
            length = r.headers.get("Content-Length", "")
            size[0] = int(length) if length.isdigit() else 0
            for piece in r.iter_content(1 << 14):
                body.extend(piece)
                if stop.is_set():
                    return
                if len(body) > MOST_BYTES // 8:
                    raise DataError("too large")
            if len(body) < size[0]:
                raise ConnectionError("IncompleteRead")

    try:
        watch(work, f"fetching from {urlsplit(url).hostname}", TOTAL_S, lambda: (len(body), size[0]))
    finally:
        stop.set()
    Path(output_file).write_bytes(body)


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
    found = (words for sign, words in REASONS.items() if re.search(sign, f"{error!r}"))
    return next(found, f"the download from {{}} failed ({type(error).__name__})").format(host)


def keep(target: Path, write: Callable[[Path], Any], overwrite: bool = False) -> None:
    """Let `write(part)` make a file or a folder, then give it its name in one step. Leaves no litter.

    If `target` is there by then (another process was quicker, or the user put it there), it stays as it is,
    unless `overwrite` is set. Raises OSError, and whatever `write` raises.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".part-", ignore_cleanup_errors=True) as folder:
        part = Path(folder) / target.name
        write(part)
        if overwrite or not os.path.lexists(target):
            os.replace(part, target)


def watch(work: Callable[[], Any], title: str, limit: float = float("inf"), progress: Callable | None = None) -> Any:
    """Run `work()` in a thread and return its result; a progress bar shows on stdout after 3 s.

    Args:
        work: what to do.
        title: what the bar says.
        limit: seconds; then TimeoutError is raised, and the thread is left to itself.
        progress: returns (bytes so far, bytes in all or 0); without it the bar shows the time that has passed.
    """
    from tqdm import tqdm

    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = work()
        except BaseException as error:
            outcome["error"] = error

    thread, end = threading.Thread(target=run, daemon=True), time.monotonic() + limit
    thread.start()
    with tqdm(desc=title, unit="B", unit_scale=True, delay=3, mininterval=0.5, leave=False, file=sys.stdout,
              bar_format=None if progress else "{desc}: {elapsed}") as bar:  # fmt: skip
        while thread.is_alive():
            thread.join(0.1)
            done, total = progress() if progress else (0, 0)
            bar.total = total or None
            bar.update(done - bar.n)
            if time.monotonic() > end and thread.is_alive():
                raise TimeoutError
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


# ---------------------------------------------------------------------------- reading files of unknown origin


def read_bytes(file: Path, label: str) -> bytes:
    """The bytes of a file that `label` names for people. Raises DataError."""
    try:
        if file.exists() and not file.is_file():  # a folder, or a pipe that never ends
            raise DataError(f"{label} is not a file: {ADVICE}.")
        if file.stat().st_size > MOST_BYTES // 4:
            raise DataError(f"{label} is far larger than the version that the course reads: {ADVICE}.")
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{label} cannot be read ({error.strerror}): repair that, or {ADVICE}.") from None


def read_npz(raw: bytes, label: str, keys: list[str]) -> dict[str, np.ndarray]:
    """All arrays of an .npz, which must hold `keys`. A pickle in it is never opened. Raises DataError."""
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as store:
            if sum(item.file_size for item in store.zip.infolist()) > MOST_BYTES:
                raise ValueError("a zip bomb")
            arrays = {key: store[key] for key in store.files}
    except Exception as error:  # damaged bytes make NumPy and zipfile raise nearly anything
        pickled = "pickle" in str(error)
        what = "holds pickled objects, which could run code" if pickled else "is not a whole .npz file"
        raise DataError(f"{label} {what}: {ADVICE}.") from None
    for key in keys:
        if key not in arrays:
            raise DataError(f"{label} lacks the array {key}: {ADVICE}.")
    return arrays


def read_table(raw: bytes, label: str, columns: list[str]) -> pd.DataFrame:
    """Columns of a comma- or tab-separated table, as text; empty cells are missing. Raises DataError."""
    text = raw.decode("utf-8-sig", "replace")
    try:
        return pd.read_csv(io.StringIO(text), sep="\t" if "\t" in text.split("\n", 1)[0] else ",", dtype=str,
                           keep_default_na=False, na_values=[""])[columns]  # fmt: skip
    except Exception:  # of pandas: no table, or none with these columns
        raise DataError(f"{label} is not a table with the columns {', '.join(columns)}: {ADVICE}.") from None


def read_class_folders(
    path: str | Path, size: int | None, mode: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], pd.DataFrame, dict[str, str], str]:
    """Images of a folder with a folder for each class; `datasets.folder` says what goes in and what is refused.

    Returns:
        images uint8 (n, h, w[, 3]), labels int64 (n,), class names, a table with `file, split, class`,
        {file that was skipped: why}, and a note.
    """
    from tqdm import tqdm

    root, shown = Path(os.path.expanduser(path)), f"'{path}'"
    if not root.is_dir():
        raise DataError(f"{shown} is a file: unzip it and give the folder." if root.exists() else
                        f"There is no folder {shown}: check the path, as seen from where this runs.")  # fmt: skip
    if mode not in ("L", "RGB") or not (size is None or (isinstance(size, int) and 1 <= size <= 4096)):
        raise DataError('mode is "L" or "RGB", and size is None or a whole number of pixels from 1 to 4096.')
    try:
        files = _files_by_class(root, shown)
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}): check its permissions.") from None
    images, rows, skipped, deep = np.empty(0, np.uint8), [], {}, 0
    for name, split, label in tqdm(files, "reading images", delay=3, mininterval=0.5, leave=False, file=sys.stdout):
        try:
            picture, is_deep = _picture(root / name, size, mode)
        except Exception as error:  # Pillow raises nearly anything on damaged files
            skipped[name] = "not an image" if "cannot identify" in str(error) else f"damaged or unusual ({error})"
            continue
        if not rows:
            if picture.nbytes * len(files) > MOST_BYTES:
                raise DataError(f"{shown} holds {len(files):,} images, too large for the memory: give a smaller size=.")
            images = np.empty((len(files), *picture.shape), np.uint8)
        if picture.shape != images.shape[1:]:
            raise DataError(f"Images in {shown} differ in size ({rows[0][0]}, {name}): choose one, as in size=224.")
        images[len(rows)], deep = picture, deep + is_deep
        rows.append((name, split, label))
    table = pd.DataFrame(rows, columns=["file", "split", "class"], dtype=str)
    classes, labels = np.unique(table["class"].to_numpy(dtype=str), return_inverse=True)
    if len(classes) == 0:
        raise DataError(f"No file in the class folders of {shown} is an image: PNG and JPEG files are read.")
    if len(classes) == 1:
        raise DataError(f"{shown} has images of one class only ({classes[0]}): give the folder that holds a folder "
                        "for each class, or holds train and test.")  # fmt: skip
    note = f"{deep:,} images of 16 bits were cut to 8." if deep else ""
    note += f" {len(skipped):,} files are no images and were skipped." if skipped else ""
    return images[: len(rows)], labels.astype(np.int64), tuple(map(str, classes)), table, skipped, note.strip()


def read_outline_folders(root: Path, label: str) -> dict[str, np.ndarray]:
    """LIDC-IDRI's nodules from folders `LIDC-IDRI-NNNN/nodule-K/{images,mask-0,…,mask-3}/slice-J.png`.

    Of each nodule the slice is kept on which two or more outlines share the largest area (any outline, if none
    do). A mask that is not there is an empty one, and a nodule that nobody outlined is left out.

    Returns:
        images and reader_masks (outline k in bit k) uint8 (n, h, w); patient_id, nodule, slice str (n,).

    Raises:
        DataError: no nodules, a damaged picture, sizes that differ.
    """
    from tqdm import tqdm

    def number(path: Path) -> tuple[int, str]:
        return int((re.findall(r"\d+", path.stem) or ["0"])[-1]), path.name

    def read(file: Path) -> np.ndarray:
        try:
            return _picture(file, None, "L")[0]
        except Exception:  # Pillow raises nearly anything on damaged files
            name = file.relative_to(root).as_posix()
            raise DataError(f"{name} in {label} is not a whole picture: {ADVICE}.") from None

    rows = []
    nodules = [n for p in sorted(root.glob("LIDC-IDRI-[0-9]*")) for n in sorted(p.glob("nodule-[0-9]*"), key=number)]
    for nodule in tqdm(nodules, "reading outlines", delay=3, leave=False, file=sys.stdout):
        best, kept = (0, 0), None
        for file in sorted((nodule / "images").glob("*.png"), key=number):
            outlines = [nodule / f"mask-{k}" / file.name for k in range(4)]
            masks = [(k, read(outline) > 0) for k, outline in enumerate(outlines) if outline.exists()]
            if len({mask.shape for _, mask in masks}) > 1:
                name = nodule.relative_to(root).as_posix()
                raise DataError(f"The masks of {name} in {label} differ in size: {ADVICE}.")
            votes = sum(mask.astype(np.uint8) for _, mask in masks) if masks else np.zeros(1)
            area = int((votes > 1).sum()), int((votes > 0).sum())
            if area > best:
                best, kept = area, (file, sum(mask.astype(np.uint8) << k for k, mask in masks))
        if kept:
            rows.append((read(kept[0]), kept[1], nodule.parent.name, nodule.name, kept[0].name))
    if not rows:
        raise DataError(f"{label} holds no outlined nodule: it needs LIDC-IDRI-0001/nodule-0/images/slice-0.png and so "
                        "on, with mask-0 to mask-3 beside images.")  # fmt: skip
    if len({array.shape for row in rows for array in row[:2]}) > 1:
        raise DataError(f"The pictures in {label} differ in size: all should be crops of one size, with their masks.")
    keys = "images", "reader_masks", "patient_id", "nodule", "slice"
    return dict(zip(keys, map(np.stack, zip(*rows, strict=True)), strict=True))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not JUNK.fullmatch(p.name))


def _files_by_class(root: Path, shown: str) -> list[tuple[str, str, str]]:
    """(file relative to root, split, class) of each file in a class folder, in the order of their names."""
    tops = _subfolders(root)
    parts = [(PARTS[top.name.lower()], top) for top in tops if top.name.lower() in PARTS and _subfolders(top)]
    divided = len(parts) == len(tops) or "train" in dict(parts)  # else a class may be called "test"
    found = []
    for split, part in parts if divided else [("all", root)]:
        for label in _subfolders(part):
            for folder, inner, names in os.walk(label):
                inner[:] = sorted(name for name in inner if not JUNK.fullmatch(name))
                found += [((Path(folder) / name).relative_to(root).as_posix(), split, label.name)
                          for name in sorted(names) if not JUNK.fullmatch(name)]  # fmt: skip
    if not found:
        loose = any(p.is_file() and not JUNK.fullmatch(p.name) for p in root.iterdir())
        what = "holds files but no class folders" if loose else "is empty" if not tops else "holds only empty folders"
        raise DataError(f"{shown} {what}: put the images of each class in a folder named after it.")
    return found


def _picture(file: Path, size: int | None, mode: str) -> tuple[np.ndarray, bool]:
    """Pixels uint8 (h, w[, 3]) the right way up, and whether they had 16 bits."""
    from PIL import Image, ImageOps

    if not file.is_file():
        raise ValueError("not a regular file")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file) as image:
            if size:
                image.draft(mode, (size, size))  # lets JPEG decode at a lower resolution, no lower than this
            deep = image.mode.startswith("I")
            if deep:
                values = np.asarray(image)
                if values.min() < 0 or values.max() > 65535:
                    raise ValueError("more than 16 bits")
                image = Image.fromarray((values // 256).astype(np.uint8))
            elif image.mode == "F":
                raise ValueError("floating-point pixels")
            image = ImageOps.exif_transpose(image).convert(mode)
            if size:
                image = image.resize((size, size), Image.Resampling.BILINEAR)
            return np.asarray(image), deep
