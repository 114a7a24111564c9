"""DICOM files of the clinic: the tags a picture needs, UIDs that follow from what the file shows.

Modelled: the attributes that readers of such files use, with invented people. Not modelled: every attribute the
standard's object definitions ask for, private tags, worklists and orders.
"""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STORAGE = "1.2.840.10008.5.1.4.1.1"
CR, CT = f"{_STORAGE}.1", f"{_STORAGE}.2"
MR, SECONDARY_CAPTURE = f"{_STORAGE}.4", f"{_STORAGE}.7"
_FAMILY = (
    "Abegg", "Brunner", "Clerc", "Danuser", "Etter", "Favre", "Gamper", "Hirt", "Imboden", "Jenni",
    "Kobelt", "Luginbühl", "Meuwly", "Nägeli", "Ochsner", "Perrin", "Rüegg", "Salzgeber", "Tschudi", "Wyss",
)
_GIVEN = {
    "F": ("Anna", "Chiara", "Elin", "Johanna", "Mia", "Nora", "Rahel", "Selma", "Zoe"),
    "M": ("Beat", "Dario", "Emil", "Jonas", "Levin", "Nils", "Reto", "Samuel", "Urs"),
}


def uid(*key: object) -> str:
    """A UID under 2.25 that is always the same for the same key."""
    from pydicom.uid import generate_uid

    return generate_uid(prefix="2.25.", entropy_srcs=["virtual clinic", *map(str, key)])


def person(number: int, sex: str) -> str:
    """An invented name, Family^Given.

    >>> person(143, "F")
    'Danuser^Selma'
    """
    again, family = divmod(number, len(_FAMILY))
    given = _GIVEN[sex]
    return f"{_FAMILY[family]}^{given[again % len(given)]}"


def dataset(pixels: np.ndarray, sop_class: str, study: object, series: object, image: object,
            tags: dict, jpeg: bool = False) -> "Dataset":
    """A dataset ready for `save_as`, grey uint8 or uint16 (rows, columns), explicit VR little endian.

    `study`, `series` and `image` are keys: the same keys give the same UIDs. `tags` maps keywords to values;
    `jpeg` compresses 8-bit pixels as JPEG baseline instead. Raises ValueError for pixels of another type.
    """
    from pydicom import config
    from pydicom.datadict import dictionary_VR
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

    allowed = (np.uint8,) if jpeg else (np.uint8, np.uint16)
    if pixels.dtype not in allowed or pixels.ndim != 2:
        raise ValueError(
            f"Pixels are uint8 or uint16 (rows, columns), not {pixels.dtype} {pixels.shape}.")
    ds, bits = Dataset(), 8 * pixels.itemsize
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, uid(study, series, image)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(study), uid(study, series)
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "", "", ""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits, bits - 1, 0
    for keyword, value in tags.items():  # unchecked, since some public sets break the rules
        ds.add(DataElement(keyword, dictionary_VR(keyword), value, validation_mode=config.IGNORE))
    ds.HighBit = ds.BitsStored - 1
    if jpeg:
        from PIL import Image

        stream = BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=95)
        ds.PixelData = encapsulate([stream.getvalue()])
        ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    else:
        ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OB" if jpeg or bits == 8 else "OW"
    return ds
