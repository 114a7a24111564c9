"""Finding and reading DICOM files and decoding their pixels, whatever state they are in."""
from __future__ import annotations

import functools
import inspect
import io
import math
import numbers
import os
import struct
import time
import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset, read_preamble
from pydicom.pixels import get_decoder, processing
from pydicom.pixels import utils as streams
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.uid import UID

DEFLATED = "1.2.840.10008.1.2.1.99"
NEWER = {  # transfer syntaxes that pydicom's dictionary does not name yet
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless", "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL", "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
}  # fmt: skip
PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"BZ": "bzip2"}  # how packed files begin
PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
NUMERIC = {"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV", "US or SS"}
SECONDS, SPEED = 10.0, 1 << 22  # of the processor, never of the disk, and one more for so many bytes: then give up
INFLATED = 1 << 28  # bytes: a deflated file that grows larger is refused
LATER = 1 << 20  # bytes: longer values are read only when asked for
FORM: dict[str, Any] = {  # what the header must say of pixels; the last three of integers, and of colours
    "Rows": range(1, 1 << 16), "Columns": range(1, 1 << 16), "SamplesPerPixel": (1, 3),
    "NumberOfFrames": range(1, 1 << 31), "BitsAllocated": (1, 8, 16, 32, 64),
    "PhotometricInterpretation": tuple(kind.value for kind in PhotometricInterpretation),
    "PixelRepresentation": (0, 1), "BitsStored": range(1, 65), "PlanarConfiguration": (0, 1),
}  # fmt: skip
LONGEST = 1 << 14  # bytes of a value in a table: far more than the standard's longest number or term


class DicomError(Exception):
    """One sentence that names the file and says what to do; bytes of a damaged file do not spill into it."""

    def __init__(self, sentence: str):
        super().__init__("".join(letter if letter.isprintable() else "?" for letter in sentence))

    def _render_traceback_(self) -> list[str]:
        return [f"DicomError: {self}"]


class NotDicomError(DicomError):
    """Nothing in the file says that it is, or was, DICOM."""


def one_sentence(function: Callable) -> Callable:
    """Let only DicomError out of a function whose first argument is a data set, whatever is wrong with its header."""

    @functools.wraps(function)
    def guarded(data: Dataset, *args: Any, **keywords: Any) -> Any:
        name = f"{function.__name__}()"
        if not isinstance(data, Dataset):
            raise DicomError(f"{name} takes a data set, as dicom.read() gives it.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return function(data, *args, **keywords)
        except DicomError:
            raise
        except Exception:
            parameters = inspect.signature(function)
            if not attempt(lambda: parameters.bind(data, *args, **keywords)):
                raise DicomError(f"Call it as {name[:-1]}{', '.join(parameters.parameters)}).") from None
            why = next((f"its {keyword_for_tag(tag) or tag} cannot be decoded" for tag in list(data._dict)
                        if attempt(lambda tag=tag: data[tag]) is None), "")  # fmt: skip
            why = why or f"its header{' or an argument' * bool(args or keywords)} is not as the standard wants it"
            raise DicomError(f"{name} cannot use {name_of(data)}: {why}.") from None

    return guarded


class _Guard(io.BufferedReader):
    """A file whose reads never ask for more than is left (a damaged length may say 4 GB) and stop at a deadline."""

    def __init__(self, raw: Any, size: int, seconds: float = SECONDS):
        super().__init__(raw)
        self.size, self.deadline = size, time.thread_time() + seconds + size / SPEED

    def read(self, n: int | None = -1) -> bytes:
        if time.thread_time() > self.deadline:
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
    path = as_path(path)
    try:
        if not path.exists():
            raise DicomError("there is no such file")
        if path.is_dir():
            if not os.access(path, os.R_OK):
                raise DicomError("it is a folder that you may not open")
            raise DicomError("it is a folder")
        if not path.is_file():  # a pipe or a device; opening a pipe would wait for ever
            raise DicomError("it is not a regular file")
        if not (size := path.stat().st_size):
            raise DicomError("the file is empty")
        with warnings.catch_warnings(), _Guard(io.FileIO(str(path)), size) as file:
            warnings.simplefilter("ignore")
            return _parse(file, path, pixels)
    except DicomError as error:
        raise type(error)(f"{path.name} cannot be read: {error}.") from None
    except RecursionError:
        raise DicomError(f"{path.name} cannot be read: its sequences are nested too deeply.") from None
    except PermissionError:
        raise DicomError(f"{path.name} cannot be read: you have no permission to open it.") from None
    except OSError as error:
        raise DicomError(f"{path.name} cannot be read: the disk or network says {short(error)!r}.") from None
    except Exception:
        raise DicomError(f"{path.name} cannot be read: it is damaged, and its elements make no sense.") from None


def _parse(file: _Guard, path: Path, pixels: bool) -> FileDataset:
    start = file.read(132)
    file.seek(0)
    bare = start[128:] != b"DICM"
    if packer := PACKED.get(start[:2]) if bare else None:
        inside = attempt(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(file.read(LATER), 132), b"")
        kind = DicomError if inside[128:] == b"DICM" else NotDicomError
        raise kind(f"it is packed with {packer}: unpack it first")
    if bare and not any(start[:128]):
        raise DicomError("it begins with nothing but zeros, so it is cut off, damaged or not DICOM")
    if bare and start[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):  # first group of a data set without preamble
        raise NotDicomError("it is not a DICOM file")
    preamble = read_preamble(file, force=True)
    meta = FileMetaDataset(read_dataset(file, False, True, stop_when=lambda tag, vr, n: tag.group != 2))
    begins = file.tell()
    if meta.get("TransferSyntaxUID") == DEFLATED:  # inflate by hand: a few bytes may hold gigabytes
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        inflated = attempt(lambda: inflate.decompress(file.read(), INFLATED))
        if inflated is None:
            raise DicomError("what should be deflated cannot be inflated, so it is damaged")
        if len(inflated) == INFLATED:
            raise DicomError(f"it inflates to more than {INFLATED >> 20} MiB")
        if not inflate.eof:
            raise DicomError("the file ends inside its deflated data")
        body = _Guard(io.BytesIO(inflated), len(inflated))
        stop = None if pixels else (lambda tag, vr, n: tag in PIXELS)
        data = FileDataset(path, read_dataset(body, False, True, stop_when=stop), preamble, meta, False, True)
    else:
        file.seek(0)
        body, later = file, None if pixels else LATER
        data = dcmread(file, stop_before_pixels=not pixels, force=True, defer_size=later)
    if not len(data) and body is file and begins < file.size:  # dcmread lets go of all that it has at an early end
        file.seek(0)
        broken = _parse(file, path, False).broken_pixels if pixels else ""
        if broken:
            raise DicomError(broken)
        raise DicomError("its header is cut off or damaged")
    if not len(data) or (bare and not {"SOPClassUID", "Modality", "PatientName", "Rows"} & set(data.dir())):
        if bare:
            raise DicomError("it holds no data that could be recognised")
        raise DicomError("it holds no data")
    # What is left for pixels, if they were not read, and whether the file ends inside compressed ones
    data.bytes_left = body.size - body.tell() - (8 if data.original_encoding[0] else 12)
    data.pixels_left_out, data.broken_pixels = not pixels, "" if pixels else _broken(body)
    return data


def _broken(file: _Guard) -> str:
    """What is wrong with encapsulated pixels, whose items are stepped over, not read (PS3.5 A.4); "" if nothing."""
    head = file.read(12)
    if head[:4] != b"\xe0\x7f\x10\0" or head[8:] != b"\xff" * 4:
        return ""
    while len(item := file.read(8)) == 8 and item[:4] == b"\xfe\xff\0\xe0":
        file.seek(struct.unpack("<L", item[4:])[0], 1)
    ended = item[:4] == b"\xfe\xff\xdd\xe0"
    return "" if ended else "the file ends inside its pixels" if len(item) < 8 else "its pixels are damaged"


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
    named = getattr(data, "filename", None) or attempt(lambda: data.get("SOPInstanceUID")) or "This data set"
    return Path(str(named)).name


def syntax_name(uid: str) -> str:
    return NEWER.get(uid) or UID(uid).name


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

    With `rgb`, YBR and palette colours come as RGB. Where HighBit lies above BitsStored, as old editions of
    the standard allowed, and values do, too, the bits below are shifted out.

    Raises:
        DicomError: no pixels, damaged pixels, a header that does not fit them, or no decoder here.
    """
    syntax = attempt(lambda: data.file_meta.TransferSyntaxUID)
    by = decoder(syntax) if syntax else ""
    if by.startswith(("missing", "none")):
        raise DicomError(f"{name_of(data)} is stored as {syntax_name(syntax)}; decoder {by}.")
    try:
        form = _form(data, syntax, frame)
        bits, high = form["BitsStored"] or 0, attempt(lambda: plain(data, "HighBit")) or 0
        shift = high + 1 - bits if 0 < bits <= high < form["BitsAllocated"] and not syntax.is_compressed else 0
        options = {"bits_stored": high + 1} if shift else {}
        array, meta = get_decoder(syntax).as_array(data, index=frame, as_rgb=rgb, **options)
        if shift:
            high_up = ((array >> (bits - form["PixelRepresentation"])) + 1 >> 1).any()
            array, meta["bits_stored"] = array >> array.dtype.type(shift if high_up else 0), bits
        frames = len(array) if array.ndim == (4 if form["SamplesPerPixel"] == 3 else 3) else 1
        if frame is None and frames != form["NumberOfFrames"]:
            named = form["NumberOfFrames"]
            raise DicomError(f"they are {frames} frames, and its header names {named}")
        if rgb and meta["photometric_interpretation"] == "PALETTE COLOR":
            array = _palette(data, array)
            bits = 8 * array.dtype.itemsize
            meta |= {"photometric_interpretation": "RGB", "samples_per_pixel": 3}
            meta |= {"bits_allocated": bits, "bits_stored": bits}
    except DicomError as error:
        raise DicomError(f"The pixels of {name_of(data)} cannot be decoded: {error}.") from None
    except Exception:
        why = f"nothing installed here opens this {syntax_name(syntax)}: they are damaged, or need another program"
        raise DicomError(f"The pixels of {name_of(data)} cannot be decoded: {why}.") from None
    return np.asarray(array, array.dtype.newbyteorder("=")), meta


def _form(data: Dataset, syntax: UID | None, frame: int | None) -> dict[str, Any]:
    """What the header says of the pixels; DicomError where they cannot be so."""
    if not (there := PIXELS & set(data.keys())):
        if getattr(data, "pixels_left_out", False):
            raise DicomError("the file was read with pixels=False")
        raise DicomError("the file holds none")
    if not (pixels := data[min(there)].value):
        raise DicomError("there is no byte of them: the element is empty")
    if not syntax:
        raise DicomError("its file meta information does not say how they are encoded (TransferSyntaxUID)")
    form, integers = header_form(data), 0x7FE00010 in there
    kind, samples, frames = (form[k] for k in ("PhotometricInterpretation", "SamplesPerPixel", "NumberOfFrames"))
    for keyword in list(FORM)[: 6 if not integers else 9 if samples == 3 else 8]:
        if not isinstance(value := form[keyword], int | str) or value not in FORM[keyword]:
            if value is None:
                raise DicomError(f"its {keyword} is not there")
            raise DicomError(f"its {keyword} is {value}")
    stored, allocated = form["BitsStored"], form["BitsAllocated"]
    if integers and stored > allocated:
        raise DicomError(f"its BitsStored is {stored}, its BitsAllocated {allocated}")
    if (samples == 1) != (kind in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")):
        raise DicomError(f"its PhotometricInterpretation is {kind}, its SamplesPerPixel {samples}")
    if frame is not None and (not isinstance(frame, numbers.Integral) or not 0 <= frame < frames):
        raise DicomError(f"frame {frame} is none of its {frames} (they count from 0)")
    expected, found = native_bytes(form), len(pixels)
    if not syntax.is_encapsulated:
        if found < expected or found - expected >= max(expected // frames, 2):  # one byte more may fill up
            raise DicomError(f"they are {found:,} bytes, its header asks for {expected:,}: cut off, or of another size")
    elif form["BitsAllocated"] == 1:
        raise DicomError(f"no program installed here opens {syntax_name(syntax)} of one bit a pixel")
    else:
        says, size = _own_size(next(generate_frames(pixels, number_of_frames=frames))), list(form.values())[:3]
        if says not in (None, size):
            says, size = (" × ".join(map(str, three)) for three in (says, size))
            raise DicomError(f"the picture in it has {says} rows, columns and samples, its header says {size}")
    return form


def header_form(data: Dataset) -> dict[str, Any]:
    """What the header says of its pixels, by keyword: None where nothing, NaN where nobody can read it."""
    form = {keyword: attempt(lambda k=keyword: plain(data, k), math.nan) for keyword in FORM}
    return form | ({"NumberOfFrames": 1} if form["NumberOfFrames"] is None else {})


def native_bytes(form: dict[str, Any]) -> int:
    """Bytes that uncompressed pixels of this form need."""
    whole = -(-math.prod(form[keyword] for keyword in list(FORM)[:5]) // 8)
    return whole * 2 // 3 if form["PhotometricInterpretation"] == "YBR_FULL_422" else whole


def _own_size(code: bytes) -> list[int] | None:
    """[rows, columns, samples] that a JPEG, JPEG-LS or JPEG 2000 stream says itself."""
    if code[:2] != b"\xff\xd8" and (at := code.find(b"\xff\x4f\xff\x51")) >= 0:  # SIZ: ends, beginnings, …, components
        right, bottom, left, top, *_, samples = struct.unpack_from(">8LH", code, at + 8)
        return [bottom - top, right - left, samples]
    says = attempt(lambda: streams._get_jpg_parameters(code), {})
    return [says["height"], says["width"], says["components"]] if says.get("components") else None


def look_up(values: np.ndarray, owner: Dataset, name: str, signed: bool, little: bool) -> tuple[np.ndarray, int, int]:
    """Values through a lookup table (PS3.3 C.11.1.1), its bits and largest entry; beyond its ends the end entries hold.

    `name` is the table's, without Descriptor and Data; `little` is the file's byte order. Where values may be
    negative, the first one that is mapped is `signed`, whatever it was written as (PS3.3 C.11.2.1.1).
    """
    described = attempt(lambda: [int(v) for v in values_of(owner[f"{name}Descriptor"])], ())
    if len(described) != 3:
        raise DicomError(f"its {name}Descriptor is not three numbers")
    entries, first, bits = described
    table = _entries(owner, name, entries % (1 << 16) or 1 << 16, bits, little)
    first -= 1 << 16 if signed and first >= 1 << 15 else 0
    index = np.clip(np.nan_to_num(np.rint(values)) - first, 0, len(table) - 1).astype(np.int64)
    return table[index], bits, int(table.max())


def _entries(owner: Dataset, name: str, entries: int, bits: int, little: bool) -> np.ndarray:
    """A table as unsigned integers: bytes or words, in either byte order, plain or in segments (PS3.3 C.7.9.2)."""
    segmented = owner.get(f"Segmented{name}Data") is not None
    keyword = f"Segmented{name}Data" if segmented else f"{name}Data"
    if owner.get(keyword) in (None, "", b""):
        raise DicomError(f"it has no {keyword}")
    raw = little_words(owner[keyword], little)
    if segmented:
        kind, letter = ("u1", "<B") if bits == 8 else ("<u2", "<H")
        table = np.array(processing._expand_segmented_lut(tuple(np.frombuffer(raw, kind).tolist()), letter), int)
    else:
        table = np.frombuffer(raw, "u1" if len(raw) < 2 * entries and len(raw) <= entries + 1 else "<u2")
    if len(table) < entries:
        raise DicomError(f"its {keyword} has {len(table):,} entries, its descriptor says {entries:,}")
    return table[:entries]


def little_words(element: Any, little: bool) -> bytes:
    """The words of a table, decoded or not (OW), as little-endian bytes."""
    words = element.value
    if isinstance(words, bytes):
        words = np.frombuffer(words + bytes(len(words) % 2), "<u2" if little or element.VR == "OB" else ">u2")
    return np.atleast_1d(words).astype("<u2").tobytes()


def little_endian(data: Dataset) -> bool:
    order = getattr(data, "original_encoding", (None, None))[1]
    return attempt(lambda: data.file_meta.TransferSyntaxUID.is_little_endian, True) if order is None else order


def _palette(data: Dataset, stored: np.ndarray) -> np.ndarray:
    """RGB from indices into the palette: uint8, or uint16 where an entry needs it, whatever the descriptor says."""
    signed, little = stored.dtype.kind == "i", little_endian(data)
    names = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
    planes, _, tops = zip(*(look_up(stored, data, name, signed, little) for name in names), strict=True)
    return np.stack(planes, -1).astype(np.uint8 if max(tops) < 1 << 8 else np.uint16)


def as_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise DicomError("A file is given by its path, as text or Path.")
    return Path(path)


def find_files(where: Any) -> dict[str, Path]:
    """{relative name: path} of a folder, a file or a list of paths. Links to folders are followed, each folder once."""
    if not isinstance(where, str | os.PathLike):
        paths = [as_path(path) for path in (where if isinstance(where, Iterable) else [where])]
        base = os.path.commonpath([path.parent.absolute() for path in paths]) if paths else ""
        found = {os.path.relpath(path.absolute(), base): path for path in paths}
    elif Path(where).is_dir():
        found = {path.relative_to(where).as_posix(): path for path in _below(where)}
    else:
        found = {Path(where).name: Path(where)}
        if not Path(where).exists():
            raise DicomError(f"There is no folder or file {where}: check the path.")
    if not found:
        raise DicomError("There is no file to read: the folder or the list of paths is empty.")
    return found


def _below(top: str | os.PathLike) -> list[Path]:
    """Every file below a folder, and every folder there that cannot be opened."""
    seen: set[str] = set()
    found: list[str] = []  # a folder that cannot be opened is its own entry
    for folder, folders, names in os.walk(top, onerror=lambda error: found.append(error.filename), followlinks=True):
        folders.sort(key=lambda name: (os.path.islink(os.path.join(folder, name)), name))
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
        else:
            seen.add(real)
            found.extend(os.path.join(folder, name) for name in names)
    return sorted(map(Path, found))
