"""DICOM files: headers to a table, stored values to a picture, a series to a volume, identity out.

Built on pydicom. "PS3.n" is part n of the DICOM standard (https://www.dicomstandard.org/current).
Coordinates are the patient's, in millimetres, in DICOM's own convention LPS: x grows to the
patient's left, y to the back (posterior), z to the head (superior).
"""
from utils.dicom.folder import deidentify_folder
from utils.dicom.headers import DEFAULT_TAGS, decoders, headers
from utils.dicom.identity import Pseudonymiser, deidentify
from utils.dicom.leftovers import audit_identity
from utils.dicom.read import DicomError, decoder, read
from utils.dicom.series import Volume, series_to_volume, sort_slices
from utils.dicom.values import display, is_padding, physical_values, pixel_spacing, stored_values, unit, window

# `headers` and `read` are the functions; their modules are imported as `from utils.dicom.read import …`.
__all__ = ["DEFAULT_TAGS", "DicomError", "Pseudonymiser", "Volume", "audit_identity", "decoder", "decoders",
           "deidentify", "deidentify_folder", "display", "headers", "is_padding", "physical_values", "pixel_spacing",
           "read", "series_to_volume", "sort_slices", "stored_values", "unit", "window"]  # fmt: skip
