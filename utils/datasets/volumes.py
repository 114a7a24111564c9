"""NIfTI files: what the first bytes say they are, values in this machine's order, and one place in millimetres."""
from __future__ import annotations

import gzip
import logging
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from utils.datasets import read
from utils.datasets.types import DataError, Place, Scan, fingerprint, own_source

SINGULAR = 1e-9  # mm³: no voxel is as small, so an affine with such a determinant squeezes them flat
APART_MM = 0.1  # by which sform and qform may differ without a word: rounding of the quaternion
SIZES = {348: "NIfTI-1", 540: "NIfTI-2"}  # bytes of a header, which begin it in either byte order
FOREIGN = {  # how other formats begin
    b"NRRD": "is an NRRD file", b"ObjectType": "is a MetaImage file", b"NDims": "is a MetaImage file",
    b"PK\x03\x04": "is a zip archive: unpack it, and give the file inside", b"BZh": "is bzip2's: unpack it",
    b"\x89PNG": "is a picture, not a volume", b"\xff\xd8\xff": "is a picture, not a volume",
    b"\x00\x00\x00\x01": "is an MGH file (FreeSurfer): mri_convert makes NIfTI of it",
}  # fmt: skip
OTHERWISE = ": convert it to NIfTI first"


def volume(place: Place) -> Scan:
    """The NIfTI file at a place. Raises DataError, as `nifti` does."""
    scan = nifti(place.paths[0])
    return replace(scan, source=place.source(scan.array, scan.affine, note=scan.source.note))


def nifti(path: str | Path) -> Scan:
    """Read one volume that says where it lies: a NIfTI file, compressed or not, whatever its name ends in.

    The affine is the file's sform, or its qform where there is no sform; where both are there and disagree, or some
    voxels are no finite number, `.source.note` says so. A unit of length that is not stated is taken to be the
    millimetre.

    Raises:
        DataError: no such file, another format (named), a damaged file, not exactly three axes, no affine or a useless
            one, lengths in another unit than mm, values that are colours or complex, or larger than the course reads.
    """
    file, shown = Path(os.path.expanduser(path)), f"'{Path(path).name}'"
    if not file.is_file():
        raise DataError(f"There is no file {shown}: check the path, as seen from where this runs.")
    raw = _bytes(file, shown)
    image, notes = _image(raw, file, shown)
    affine, shape = _place(image, raw, shown, notes)
    dtype = image.header.get_data_dtype()
    if np.prod(shape, dtype=float) * max(dtype.itemsize, 4) > read.MOST_BYTES:
        raise DataError(f"{shown} is too large for the memory {shape}: resample it to larger voxels first.")
    if dtype.kind not in "uif":
        what = {"V": "colours", "c": "complex numbers"}.get(dtype.kind, f"values of type {dtype}")
        raise DataError(f"{shown} holds {what}, and a volume has one number a voxel: take their mean or magnitude.")
    try:
        array = np.asanyarray(image.dataobj).reshape(shape)
    except Exception:  # of nibabel: fewer bytes than the header promises
        raise DataError(f"{shown} is not a whole NIfTI file: it ends before its last voxel; fetch or export it "
                        "again.") from None  # fmt: skip
    array = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "f" and (odd := int((~np.isfinite(array)).sum())):
        notes.append(f"{odd:,} of {array.size:,} voxels are NaN or infinite.")
    spacing = tuple(map(float, np.linalg.norm(affine[:3, :3], axis=0)))
    return Scan(array, spacing, affine, own_source(file.name, "file", fingerprint(array, affine), " ".join(notes)))


def _bytes(file: Path, shown: str) -> bytes:
    """The bytes of a file, unpacked where they are gzip's. Raises DataError."""
    try:
        with open(file, "rb") as stream:
            raw = stream.read(4 * read.MOST_BYTES)
        if raw[:2] != b"\x1f\x8b":
            return raw
        with gzip.open(file) as stream:
            return stream.read(4 * read.MOST_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{shown} is not a whole NIfTI file: its compression is cut off or damaged; fetch or export it "
                        "again.") from None  # fmt: skip
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror or error}): repair that.") from None


def _image(raw: bytes, file: Path, shown: str) -> tuple[Any, list[str]]:
    """The image of nibabel that these bytes are. Raises DataError for other formats, by their name."""
    import nibabel

    if not raw:
        raise DataError(f"{shown} is empty: fetch or export it again.")
    for beginning, what in FOREIGN.items():
        if raw.startswith(beginning):
            raise DataError(f"{shown} {what}{'' if ':' in what else OTHERWISE}.")
    if raw[128:132] == b"DICM":
        raise DataError(f"{shown} is a DICOM file: dicom.series_to_volume reads a folder of them.")
    if raw.lstrip()[:1] == b"<":
        raise DataError(f"{shown} is a web page, perhaps of a login, and not the file: download it again.")
    order = next((o for o in "<>" if len(raw) >= 4 and struct.unpack(f"{o}i", raw[:4])[0] in SIZES), None)
    size = struct.unpack(f"{order}i", raw[:4])[0] if order else 0
    magic = raw[344:348] if size == 348 else raw[4:8]
    if order is None or (size == 540 and magic[:2] != b"n+" and magic[:2] != b"ni"):
        raise DataError(f"{shown} is not a whole NIfTI file: fetch or export it again.")
    if magic[:2] == b"ni" or (size == 348 and magic[:2] != b"n+"):
        return _pair(file, shown, magic), []
    notes: list[str] = []
    if size == 540 and 3000 <= struct.unpack(f"{order}i", raw[504:508])[0] < 3100:
        raise DataError(f"{shown} is a CIFTI file, values on a surface and not a volume: export the volume.")
    if size == 348 and struct.unpack(f"{order}f", raw[108:112])[0] < 352:
        notes.append("Its header places the voxels inside the header; they were read from byte 352 on.")
        raw = raw[:108] + struct.pack(f"{order}f", 352) + raw[112:]
    scale = struct.unpack(f"{order}2f", raw[112:120]) if size == 348 else struct.unpack(f"{order}2d", raw[176:192])
    if np.isfinite(scale[0]) and scale[0] and not np.isfinite(scale[1]):
        raise DataError(f"{shown} gives its values a slope and no intercept: set scl_inter, 0 maybe.")
    kind = nibabel.Nifti1Image if size == 348 else nibabel.Nifti2Image
    log = logging.getLogger("nibabel.global")
    level, log.disabled = log.disabled, True  # what it says of headers is said here
    try:
        return kind.from_bytes(raw), notes
    except Exception:  # of nibabel: a header that contradicts itself
        raise DataError(f"{shown} is not a whole NIfTI file: fetch or export it again.") from None
    finally:
        log.disabled = level


def _pair(file: Path, shown: str, magic: bytes) -> Any:
    """A header with its voxels in a second file. Raises DataError."""
    import nibabel

    if magic[:2] != b"ni":
        raise DataError(f"{shown} is an Analyze file, which does not say left from right: convert it from the source.")
    try:
        image = nibabel.load(file.with_suffix(".hdr"))
        np.asanyarray(image.dataobj)
        return image
    except Exception:  # of nibabel: one of the two is missing or damaged
        raise DataError(f"{shown} is half of a pair: put its .hdr and .img side by side.") from None


def _place(image: Any, raw: bytes, shown: str, notes: list[str]) -> tuple[np.ndarray, tuple[int, ...]]:
    """The affine and the three axes. Raises DataError; a disagreement of the file with itself goes to the notes."""
    header, affine, shape = image.header, np.array(image.affine, float), image.shape
    shape = shape[:3] if shape[3:] == (1,) * (len(shape) - 3) else shape
    if len(shape) != 3 or 0 in shape:
        raise DataError(f"{shown} holds an array of shape {shape}: give a file with one volume of three axes.")
    codes = int(header["sform_code"]), int(header["qform_code"])
    if codes == (0, 0):
        raise DataError(f"{shown} has no affine (sform_code and qform_code are both 0), so nobody knows its "
                        "side, place or direction: convert it anew from the DICOM files.")  # fmt: skip
    spacing = np.frombuffer(raw, "f4", 3, 80) if image.header.sizeof_hdr == 348 else np.frombuffer(raw, "f8", 3, 112)
    flat = not codes[0] and not spacing.all()  # nibabel would make them 1
    if flat or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < SINGULAR:
        raise DataError(f"{shown} has an affine that cannot be inverted: convert it anew from the DICOM files.")
    try:
        length = header.get_xyzt_units()[0]
    except KeyError:  # a code that no unit has
        length = "a unit that nobody knows"
    if length not in ("mm", "unknown"):
        raise DataError(f"{shown} states its lengths in {length}, and the course reads mm: convert it anew.")
    if all(codes):
        corners = np.stack(np.meshgrid(*[[0, n - 1] for n in shape], [1], indexing="ij"), -1).reshape(-1, 4)
        try:
            apart = np.linalg.norm(corners @ (affine - header.get_qform()).T, axis=1).max()
        except Exception:  # of nibabel: a quaternion that is none
            apart = np.nan
        if not apart <= APART_MM:
            notes.append(f"Its two affines differ by up to {apart:.1f} mm; the sform is taken, where others take the "
                         "qform.")  # fmt: skip
    return affine, shape
