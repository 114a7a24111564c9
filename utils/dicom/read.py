"""Finding and reading DICOM files and decoding their pixels, whatever state they are in."""
from __future__ import annotations

import functools
import io
import numbers
import os
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian

DEFLATED = "1.2.840.10008.1.2.1.99"
PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
NUMERIC = {"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV", "US or SS"}
SECONDS, INFLATED = 10.0, 1 << 28  # a header that takes longer, or a deflated file that grows larger, is refused
LATER = 1 << 20  # bytes: longer values are read only when asked for
LONGEST = 1 << 14  # bytes of a value in a table: far more than the standard's longest number or term


class DicomError(Exception):
    """One sentence that names the file and says what to do; bytes of a damaged file do not spill into it."""

    def __init__(self, sentence: str):
        super().__init__("".join(letter if letter.isprintable() else "?" for letter in sentence))

    def _render_traceback_(self) -> list[str]:
        return [f"DicomError: {self}"]


def one_sentence(function: Callable) -> Callable:
    """Let only DicomError out of a function whose first argument is a data set, whatever is wrong with its header."""

    @functools.wraps(function)
    def guarded(data: Dataset, *args: Any, **keywords: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return function(data, *args, **keywords)
        except DicomError:
            raise
        except Exception as error:
            raise DicomError(f"{function.__name__}() cannot use {name_of(data)}: {short(error)}.") from None

    return guarded


class _Guard(io.BufferedReader):
    """A file whose reads never ask for more than is left (a damaged length may say 4 GB) and stop at a deadline."""

    def __init__(self, raw: Any, size: int, seconds: float = SECONDS):
        super().__init__(raw)
        self.size, self.deadline = size, time.monotonic() + seconds

    def read(self, n: int | None = -1) -> bytes:
        if time.monotonic() > self.deadline:
            raise DicomError("the header is so tangled that reading it was given up")
        left = max(self.size - self.tell(), 0)
        return super().read(left if n is None or n < 0 else min(n, left))


def read(path: str | os.PathLike, *, pixels: bool = True) -> FileDataset:
    """Read one DICOM file, with or without preamble and file meta information.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part10/chapter_7.html

    Args:
        pixels: False leaves them out, which is much faster.

    Raises:
        DicomError: the file cannot be read as DICOM; the sentence names it and says why.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise DicomError("there is no such file")
        if not path.is_file():  # a folder, a pipe or a device; opening a pipe would wait for ever
            raise DicomError("it is not a regular file")
        if not (size := path.stat().st_size):
            raise DicomError("the file is empty")
        with warnings.catch_warnings(), _Guard(io.FileIO(path), size) as file:
            warnings.simplefilter("ignore")
            return _parse(file, path, pixels)
    except DicomError as error:
        raise DicomError(f"{path.name} cannot be read: {error}.") from None
    except RecursionError:
        raise DicomError(f"{path.name} cannot be read: its sequences are nested too deeply.") from None
    except PermissionError:
        raise DicomError(f"{path.name} cannot be read: you have no permission to open it.") from None
    except Exception as error:
        raise DicomError(f"{path.name} cannot be read: it is damaged ({short(error)}).") from None


def _parse(file: _Guard, path: Path, pixels: bool) -> FileDataset:
    start = file.read(132)
    file.seek(0)
    bare = start[128:] != b"DICM"
    if bare and start[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):  # first group of a data set without preamble
        raise DicomError("it is not a DICOM file")
    preamble = read_preamble(file, force=True)
    meta = FileMetaDataset(read_dataset(file, False, True, stop_when=lambda tag, vr, n: tag.group != 2))
    if meta.get("TransferSyntaxUID") == DEFLATED:  # inflate by hand: a few bytes may hold gigabytes
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), INFLATED)
        if len(inflated) == INFLATED:
            raise DicomError(f"it inflates to more than {INFLATED >> 20} MiB")
        body = _Guard(io.BytesIO(inflated), len(inflated))
        stop = None if pixels else (lambda tag, vr, n: tag in PIXELS)
        data = FileDataset(path, read_dataset(body, False, True, stop_when=stop), preamble, meta, False, True)
        left = len(inflated) - body.tell()
    else:
        file.seek(0)
        later = None if pixels else LATER
        data = dcmread(file, stop_before_pixels=not pixels, force=True, defer_size=later)
        left = file.size - file.tell()
    if not len(data) or (bare and not {"SOPClassUID", "Modality", "PatientName", "Rows"} & set(data.dir())):
        raise DicomError("it holds no data that could be recognised" if bare else "it holds no data")
    data.bytes_left = left - (8 if data.original_encoding[0] else 12)  # what is left for pixels, if they were not read
    return data


def plain(data: Dataset, keyword: str) -> Any:
    """A header value as plain Python; refuses values of absurd length instead of decoding them."""
    raw = data.get_item(tag_for_keyword(keyword))
    if raw is None:
        return None
    if raw.is_raw and raw.length > LONGEST:
        raise ValueError("too long")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = values_of(data[keyword])
    numeric = dictionary_VR(tag_for_keyword(keyword)) in NUMERIC
    values = [_scalar(value, numeric) for value in values]
    return tuple(values) if len(values) > 1 else values[0] if values else None


def _scalar(value: Any, numeric: bool) -> Any:
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if value is None or value == "":
        return None
    if numeric:  # pydicom hands a number it cannot parse on as text
        raise ValueError("not a number")
    return str(value)


def values_of(element: Any) -> list[Any]:
    """The values of a data element as a list, also where it has only one."""
    value = element.value
    return list(value) if isinstance(value, list | tuple) or hasattr(value, "append") else [value]


def attempt(what: Callable[[], Any], otherwise: Any = None) -> Any:
    """The result of a call, or a default where a damaged file makes it raise."""
    try:
        return what()
    except Exception:
        return otherwise


def short(error: BaseException) -> str:
    """The first line of an error, as a clause."""
    return (str(error).strip().split("\n")[0][:120] or type(error).__name__).rstrip(".")


def name_of(data: Dataset) -> str:
    """What to call a data set in a sentence: its file name, else its UID."""
    return Path(str(getattr(data, "filename", None) or data.get("SOPInstanceUID", "This data set"))).name


def decoder(syntax: str) -> str:
    """What decodes pixels of this transfer syntax (a UID) here: a package, "built in", or "missing: …"."""
    try:
        found = get_decoder(UID(syntax))
    except NotImplementedError:
        return "none in pydicom"
    if not found.is_available:
        return "missing: " + " or ".join(text.split("requires ")[-1] for text in found.missing_dependencies)
    return ", ".join(name for name in found.available_plugins if name != "pydicom") or "built in"


def decode(data: Dataset, frame: int | None, rgb: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Pixels ([frames,] rows, columns[, samples]) and what they turned out to be (bits, photometric, …).

    With `rgb`, YBR and palette colours come as RGB.

    Raises:
        DicomError: no pixels, damaged pixels, or no decoder here for this transfer syntax.
    """
    syntax = attempt(lambda: data.file_meta.TransferSyntaxUID, ExplicitVRLittleEndian)
    try:
        array, meta = get_decoder(syntax).as_array(data, index=frame, as_rgb=rgb)
    except Exception as error:
        by = decoder(syntax)
        if by.startswith(("missing", "none")):
            raise DicomError(f"{name_of(data)} is stored as {UID(syntax).name}; decoder {by}.") from None
        why = short(error)
        if not PIXELS & set(data.keys()):
            why = "the file holds none"
        elif "all available plugins" in why:
            why = f"every decoder installed for {UID(syntax).name} fails, so they are damaged or not of the standard"
        raise DicomError(f"The pixels of {name_of(data)} cannot be decoded: {why}.") from None
    if rgb and meta["photometric_interpretation"] == "PALETTE COLOR":
        try:
            array = apply_color_lut(array, data)[..., :3]
        except Exception as error:
            raise DicomError(f"The palette of {name_of(data)} cannot be used: {short(error)}.") from None
        bits = 8 * array.dtype.itemsize
        meta |= {"photometric_interpretation": "RGB", "samples_per_pixel": 3}
        meta |= {"bits_allocated": bits, "bits_stored": bits}
    return np.asarray(array, array.dtype.newbyteorder("=")), meta


def find_files(where: Any) -> dict[str, Path]:
    """{relative name: path} of a folder, a file or a list of paths."""
    if not isinstance(where, str | os.PathLike):
        paths = [Path(path) for path in where]
        base = os.path.commonpath([path.parent.absolute() for path in paths]) if paths else ""
        found = {os.path.relpath(path.absolute(), base): path for path in paths}
    elif Path(where).is_dir():
        walk = (Path(folder, file) for folder, _, files in os.walk(where) for file in files)
        found = {path.relative_to(where).as_posix(): path for path in sorted(walk)}
    else:
        found = {Path(where).name: Path(where)}
        if not Path(where).exists():
            raise DicomError(f"There is no folder or file {where}: check the path.")
    if not found:
        raise DicomError("There is no file to read: the folder or the list of paths is empty.")
    return found
