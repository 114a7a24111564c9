"""Opening anybody's file within limits: its picture and facts, or one sentence that says why not.

A file is read once, whole, into memory, and nothing is written anywhere. How many values it holds is looked up in its
header, and refused there, before anything is decoded.
"""
from __future__ import annotations

import io
import math
import os
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from utils import dicom
from utils.dicom.read import _Guard, _parse, attempt, header_form, plain, syntax_name

MOST_BYTES = 1 << 28  # of a file
MOST_VALUES = 40_000_000  # rows × columns × frames × samples: more than any film has, and a telephone's photograph
MOST_SCANS = 100  # of a JPEG: each is a pass through all of its pixels; ten or so are usual
SCAN = re.compile(rb"\xff\xda\0[\x06\x08\x0a\x0c][\1-\4]")  # its start (ITU-T T.81, B.2.3): no coded values look so
PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}  # how files begin
OTHERS = {
    b"%PDF": "a PDF", b"GIF8": "a GIF picture", b"II*\0": "a TIFF picture", b"MM\0*": "a TIFF picture",
    b"BM": "a bitmap", b"RIFF": "a WebP picture or a film", b"PK": "a zip archive", b"<": "a web page or its like",
    b"\x1f\x8b": "packed with gzip, as NIfTI volumes are", b"BZ": "packed with bzip2", b"\\\1\0\0": "a NIfTI volume",
}  # fmt: skip
HARMLESS = ("icc_profile", "transparency")  # what stands beside pixels and names nobody
SECONDARY = ("SC", "OT")  # modalities that say nothing of what was taken
ACCEPTS = {  # what a DICOM header may say; where it says nothing, nothing is refused
    "chest": {"modality": ("CR", "DX", "RG", *SECONDARY), "view": ("AP", "PA"), "part": ("CHEST", "THORAX", "LUNG")},
    "skin": {"modality": ("XC", "DMS", "GM", *SECONDARY), "part": ("SKIN",)},
}
Accepts = dict[str, tuple[str, ...]]


def _plainly(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


class Refused(Exception):
    """One sentence why a file is not read, and the facts that were found until then."""

    def __init__(self, sentence: str, facts: dict[str, Any] | None = None):
        super().__init__(_plainly(sentence))
        self.facts = facts or {}


class Picture(NamedTuple):
    """uint8 (rows, columns[, 3]) as meant to be seen; what the file is; what was done to it, a sentence each."""

    image: np.ndarray
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()


def open_file(file: str | os.PathLike | bytes, name: str = "", accepts: Accepts | None = None) -> Picture:
    """The picture in a DICOM, PNG or JPEG file, given by its path, or as bytes with a name for sentences.

    `accepts` says which values of `modality`, `view` and `part` a DICOM header may have, see `ACCEPTS`; all, if left
    out. Raises Refused for every file that is not, or must not be, read.
    """
    name = Path(name or ("the file" if isinstance(file, bytes) else os.fspath(file))).name or "the file"
    facts: dict[str, Any] = {}
    try:
        raw = file if isinstance(file, bytes) else _bytes(Path(file))
        kind = next((kind for start, kind in PICTURES.items() if raw.startswith(start)), "")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _picture(raw, kind, facts) if kind else _dicom(raw, name, accepts or {}, facts)
    except Refused as refused:
        sentence = f"{name} is declined: {refused}."
    except dicom.DicomError as error:
        clause = str(error).removeprefix(f"{name} cannot be read: ").replace(f"The pixels of {name}", "its pixels")
        sentence = f"{name} cannot be read: {clause.replace(f' of {name}', '').rstrip('.')}."
    except Image.DecompressionBombError:
        sentence = f"{name} is declined: its header says far more than {MOST_VALUES:,} values, too large to decode."
    except Exception:  # of pydicom, Pillow and NumPy: damaged bytes make them raise nearly anything
        sentence = f"{name} cannot be read: it is cut off or damaged."
    raise Refused(sentence, facts)


def _bytes(path: Path) -> bytes:
    if not path.is_file():  # a folder; or a pipe, which never ends
        raise Refused("it is a folder" if path.is_dir() else "there is no such file")
    if path.stat().st_size > MOST_BYTES:
        raise Refused(f"it has more than {MOST_BYTES >> 20} MiB, too large for one image")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"it cannot be opened ({error.strerror})") from None


def _limit(values: float) -> None:
    if values > MOST_VALUES:
        raise Refused(f"its header says {values:,} values, too large: at most {MOST_VALUES:,} are decoded")


def _one(pictures: int) -> None:
    if pictures > 1:
        raise Refused(f"it holds {pictures:,} pictures, and one is read at a time: save the one that you mean")


def _passes(jpeg: bytes) -> None:
    if len(re.findall(SCAN, jpeg)) > MOST_SCANS:
        raise Refused(f"its picture is stored in more than {MOST_SCANS} passes, too many to decode")


def _picture(raw: bytes, kind: str, facts: dict[str, Any]) -> Picture:
    with Image.open(io.BytesIO(raw), formats=[kind]) as image:
        mode, notes = image.mode, []
        told = [key for key, value in image.info.items() if isinstance(value, str | bytes) and key not in HARMLESS]
        told = ", ".join(_plainly(str(key))[:20] for key in told[:4]) or "nothing"
        told += " beside the pixels may say who it is; letters in them are not looked for"
        facts |= {"kind": kind, "rows": image.height, "columns": image.width, "photometric": mode, "identity": told}
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a photograph with a preview
        _limit(image.height * image.width * len(image.getbands()) * frames)
        _one(frames)
        _passes(raw if kind == "JPEG" else b"")
        image = ImageOps.exif_transpose(image)
        if mode[0] in "IF":
            values = np.asarray(image, dtype=np.float64)
            low, high = values.min(), values.max()
            notes = (f"Its 16-bit values were stretched from {low:,.0f} (black) to {high:,.0f} (white).",)
            return Picture(np.rint(255 * (values - low) / (high - low or 1)).astype(np.uint8), facts, notes)
        if "A" in image.getbands() or "transparency" in image.info:
            notes.append("What is transparent in it was taken for black.")
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
        if mode in ("P", "CMYK"):
            notes.append(f"Its colours ({mode}) were turned into red, green and blue.")
        image = image.convert("L" if mode in ("1", "L", "LA") else "RGB")
        return Picture(np.array(image), facts, tuple(notes))


def _dicom(raw: bytes, name: str, accepts: Accepts, facts: dict[str, Any]) -> Picture:
    text = b"" if raw[128:132] == b"DICM" else raw[:64].lstrip(b"\xef\xbb\xbf \r\n\t")
    for start, what in OTHERS.items():
        if text.startswith(start):
            raise Refused(f"it is {what}, and DICOM, PNG and JPEG are read")
    if not raw:
        raise Refused("the file is empty")
    stream = io.BytesIO(raw)
    stream.name = name  # pydicom asks
    data = _parse(_Guard(stream, len(raw)), Path(name), True)
    form = header_form(data)
    spacing = attempt(lambda: dicom.pixel_spacing(data), (None, ""))
    facts |= {"kind": "DICOM", "rows": form["Rows"], "columns": form["Columns"],
              "photometric": form["PhotometricInterpretation"], "modality": _word(data, "Modality"),
              "view": _view(data), "part": _word(data, "BodyPartExamined"), "spacing": spacing[0],
              "spacing from": spacing[1], "syntax": attempt(lambda: syntax_name(data.file_meta.TransferSyntaxUID)),
              "identity": _identity(data)}  # fmt: skip
    sizes = [form[keyword] for keyword in ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel")]
    sizes = [size if isinstance(size, int) else 1 for size in sizes]  # what is none, decoding says
    _limit(math.prod(sizes))
    for fact, named in (("modality", "its modality"), ("view", "its view"), ("part", "the part of the body")):
        said, allowed = facts[fact], accepts.get(fact, (facts[fact],))
        if said and not any(word == said or fact == "part" and word in said for word in allowed):
            raise Refused(f"its header says that {named} is {said}, and this reader reads {', '.join(allowed)} only")
    _one(sizes[0])
    if attempt(lambda: data.file_meta.TransferSyntaxUID.startswith("1.2.840.10008.1.2.4.")):  # of JPEG's family
        _passes(attempt(lambda: bytes(data.PixelData), b""))
    shown = dicom.display(data, eight_bit=True)
    notes = ("It is stored with white as low (MONOCHROME1); that was turned round.",)
    return Picture(shown, facts, notes if facts["photometric"] == "MONOCHROME1" else ())


def _word(data: Any, keyword: str) -> str:
    value = attempt(lambda: plain(data, keyword))
    return str(value[0] if isinstance(value, tuple) else value or "").strip().upper()[:32]


def _view(data: Any) -> str:
    """AP, PA, LL, …; LATERAL where only a code, or where the rows point to, says so; "" where nothing does."""
    coded = attempt(lambda: str(data.ViewCodeSequence[0].CodeMeaning).lower(), "")
    rows = attempt(lambda: str(data.PatientOrientation[0]).upper(), "")  # A, P: front or back (PS3.3 C.7.6.1.1.1)
    return _word(data, "ViewPosition") or ("LATERAL" if "lateral" in coded or rows[:1] in ("A", "P") and rows else "")


def _identity(data: Any) -> str:
    """Names of elements that may say who it is, never their values."""
    found = attempt(lambda: dicom.audit_identity(data))
    if found is None:
        return "its header cannot be searched: take it for identifying"
    names = list(dict.fromkeys(found["keyword"].replace("", "a private element")))
    names.sort(key=lambda keyword: not keyword.startswith("Patient"))
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{', '.join(names[:4])}{more} may say who it is" if names else "nothing was found that says who it is"
