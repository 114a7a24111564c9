"""Opening a file of anybody's within limits: its picture and its facts, or one sentence that says why not.

A file is read once, whole, into memory; nothing is written anywhere. The number of pixels is looked up in the header
and refused there, before anything is decoded.
"""
from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from utils import dicom
from utils.dicom.read import _Guard, _parse, attempt, header_form, plain, syntax_name

MOST_BYTES = 1 << 28  # of a file
MOST_PIXELS = 36_000_000  # rows × columns × frames × samples: 6,000 × 6,000 in grey, more than any film has
PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}  # how files begin
OTHERS = {
    b"%PDF": "a PDF", b"GIF8": "a GIF picture", b"II*\0": "a TIFF picture", b"MM\0*": "a TIFF picture", b"BM": "a bitmap",
    b"RIFF": "a WebP picture or a film", b"PK": "a zip archive", b"\x1f\x8b": "packed with gzip, as NIfTI volumes are",
    b"BZ": "packed with bzip2", b"<": "a web page or another text with tags", b"\x5c\x01\0\0": "a NIfTI volume",
}  # fmt: skip
FRONTAL = ("", "AP", "PA")
ACCEPTS = {  # what a header may say without being refused, by default; an empty or absent value is never refused
    "chest": {"modality": ("CR", "DX", "RG", "SC", "OT"), "view": FRONTAL, "part": ("CHEST", "THORAX", "LUNG")},
    "skin": {"modality": ("XC", "DMS", "GM", "SC", "OT"), "part": ("SKIN",)},
}  # fmt: skip


class Refused(Exception):
    """A file that cannot or must not be read: one sentence, and the facts that were found until then."""

    def __init__(self, sentence: str, facts: dict[str, Any] | None = None):
        super().__init__("".join(letter if letter.isprintable() else "?" for letter in sentence))
        self.facts = facts or {}


@dataclass(frozen=True)
class Picture:
    """`image` uint8 (rows, columns) or (rows, columns, 3), as meant to be seen; what the file is; what was done."""

    image: np.ndarray = field(repr=False)
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()


def open_file(file: str | os.PathLike | bytes, name: str = "", accepts: dict[str, tuple[str, ...]] | None = None) -> Picture:
    """The picture in a DICOM, PNG or JPEG file.

    Args:
        file: its path, or its bytes.
        name: what to call it in sentences, where bytes are given.
        accepts: of `modality`, `view` and `part`, which values a DICOM header may have; see `ACCEPTS`.

    Raises:
        Refused: for every other file; the sentence names it.
    """
    name = Path(name or ("the image" if isinstance(file, bytes) else os.fspath(file))).name or "the image"
    facts: dict[str, Any] = {}
    try:
        raw = file if isinstance(file, bytes) else _bytes(Path(file))
        if len(raw) > MOST_BYTES:
            raise Refused(f"it has more than {MOST_BYTES >> 20} MiB, too large for one image")
        kind = next((kind for start, kind in PICTURES.items() if raw.startswith(start)), "")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _picture(raw, kind, facts) if kind else _dicom(raw, name, accepts or {}, facts)
    except Refused as refused:
        sentence = f"{name} is declined: {refused}."
    except dicom.DicomError as error:
        sentence = f"{name} cannot be read: {_clause(str(error), name)}."
    except Exception:  # of pydicom, Pillow and NumPy: damaged bytes make them raise nearly anything
        sentence = f"{name} cannot be read: it is cut off or damaged."
    raise Refused(sentence, facts)


def _clause(sentence: str, name: str) -> str:
    """What a sentence of `dicom` says, without the file's name."""
    clause = sentence.removeprefix(f"{name} cannot be read: ").replace(f"The pixels of {name}", "its pixels")
    return clause.replace(f" of {name}", "").rstrip(".")


def _bytes(path: Path) -> bytes:
    if not path.is_file():  # a folder; or a pipe, which never ends
        raise Refused("it is a folder" if path.is_dir() else "there is no such file")
    if path.stat().st_size > MOST_BYTES:
        raise Refused(f"it has more than {MOST_BYTES >> 20} MiB, too large for one image")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"it cannot be opened ({error.strerror})") from None


def _fits(pixels: float, frames: int) -> None:
    """Refuse what is too large to decode, then what is more than one picture."""
    if not pixels <= MOST_PIXELS:
        raise Refused(f"its header says {pixels:,.0f} values, too large: at most {MOST_PIXELS:,} are decoded")
    if frames > 1:
        raise Refused(f"it holds {frames:,} pictures, and one is read at a time: save the one that you mean")


# ---------------------------------------------------------------------------- PNG and JPEG


def _picture(raw: bytes, kind: str, facts: dict[str, Any]) -> Picture:
    from PIL import Image, ImageOps

    facts["kind"], notes = kind, []
    with Image.open(io.BytesIO(raw), formats=[kind]) as image:
        rows, columns, bands = image.height, image.width, len(image.getbands())
        facts |= {"rows": rows, "columns": columns, "photometric": image.mode}
        facts["identity"] = "a picture has no header of a patient; letters in it are not looked for"
        stereo = image.format == "MPO"  # a photograph with a second view, or a preview
        frames = 1 if stereo else getattr(image, "n_frames", 1)
        _fits(rows * columns * bands * frames, frames)
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I") or image.mode == "F":
            values = np.asarray(image, dtype=np.float64)
            low, high = values.min(), values.max()
            notes.append(f"Its 16-bit values were stretched from {low:,.0f} (black) to {high:,.0f} (white).")
            return Picture(np.rint(255 * (values - low) / (high - low or 1)).astype(np.uint8), facts, tuple(notes))
        if "A" in image.getbands() or "transparency" in image.info:
            notes.append("What is transparent in it was taken for black.")
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
        if facts["photometric"] in ("P", "CMYK", "YCCK", "LAB", "HSV"):
            notes.append(f"Its colours ({facts['photometric']}) were turned into red, green and blue.")
        grey = image.mode in ("1", "L", "LA", "La")
        return Picture(np.asarray(image.convert("L" if grey else "RGB")).copy(), facts, tuple(notes))


# ---------------------------------------------------------------------------- DICOM


def _dicom(raw: bytes, name: str, accepts: dict[str, tuple[str, ...]], facts: dict[str, Any]) -> Picture:
    if raw[128:132] != b"DICM":
        text = raw[:64].lstrip(b"\xef\xbb\xbf \r\n\t")
        for start, what in OTHERS.items():
            if text.startswith(start):
                raise Refused(f"it is {what}, and DICOM, PNG and JPEG are read")
    if not raw:
        raise Refused("the file is empty")
    stream = io.BytesIO(raw)
    stream.name = name
    data = _parse(_Guard(stream, len(raw)), Path(name), True)
    form = header_form(data)
    facts |= {"kind": "DICOM", "rows": form["Rows"], "columns": form["Columns"],
              "photometric": form["PhotometricInterpretation"], "modality": _word(data, "Modality"),
              "view": _view(data), "part": _word(data, "BodyPartExamined")}  # fmt: skip
    facts["spacing"], facts["spacing from"] = attempt(lambda: dicom.pixel_spacing(data), (None, ""))
    facts["syntax"] = attempt(lambda: syntax_name(data.file_meta.TransferSyntaxUID))
    facts["identity"] = _identity(data)
    sizes = [form[keyword] for keyword in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel")]
    sizes = [size if isinstance(size, int) and size > 0 else 1 for size in sizes]  # else decoding says what is wrong
    if math.prod(sizes) > MOST_PIXELS:
        _fits(math.prod(sizes), 1)
    for fact, named in (("modality", "a picture of modality"), ("view", "a view"), ("part", "a picture of")):
        said, allowed = facts[fact], accepts.get(fact, ())
        if said and allowed and not any(said == word or fact == "part" and word in said for word in allowed):
            raise Refused(f"its header says that it is {named} {said}, and this reader reads {', '.join(filter(None, allowed))}", facts)
    _fits(1, sizes[2])
    shown = dicom.display(data, frame=0 if sizes[2] > 1 else None, eight_bit=True)
    notes = ["It is stored with white as low (MONOCHROME1); that was turned round."]
    return Picture(shown, facts, tuple(notes) if facts["photometric"] == "MONOCHROME1" else ())


def _word(data: Any, keyword: str) -> str:
    value = attempt(lambda: plain(data, keyword))
    return str(value[0] if isinstance(value, tuple) else value or "").strip().upper()[:32]


def _view(data: Any) -> str:
    """AP, PA, LL, …; LATERAL where only the direction of the rows, or a code's name, says so; "" where nothing does."""
    if said := _word(data, "ViewPosition"):
        return said
    coded = attempt(lambda: str(data.ViewCodeSequence[0].CodeMeaning).lower(), "")
    rows = attempt(lambda: str(data.PatientOrientation[0]).upper(), "")  # PS3.3 C.7.6.1.1.1: where the rows point to
    return "LATERAL" if "lateral" in coded or rows[:1] in ("A", "P") and rows else ""


def _identity(data: Any) -> str:
    found = attempt(lambda: dicom.audit_identity(data))
    if found is None:
        return "its header cannot be searched: take it for identifying"
    names = list(dict.fromkeys(found["keyword"].replace("", "a private element")))
    names.sort(key=lambda keyword: not keyword.startswith("Patient"))
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{', '.join(names[:4])}{more} may say who it is" if names else "nothing was found that says who it is"
