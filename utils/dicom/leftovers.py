"""The audit of a DICOM data set: what in it could still say who it is. Part of `utils.dicom`."""
from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary

from utils.dicom.identity import (
    Pseudonymiser,
    harmless,
    header_of,
    known_codes,
    names_in,
    pixel_text,
    plain,
    text_of,
)
from utils.dicom.read import PIXELS, attempt, one_sentence, short, values_of
from utils.dicom.words import KEEP

OURS = {  # set anew, never copied
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence", "SpecificCharacterSet",
    "LongitudinalTemporalInformationModified", "BurnedInAnnotation", "PhotometricInterpretation", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation",
    *(f"{c}PaletteColorLookupTable{part}" for c in ("Red", "Green", "Blue") for part in ("Descriptor", "Data")),
}  # fmt: skip
STAND_INS = {"ContentLabel", "DeviceSerialNumber", "SegmentAlgorithmName"}  # ours, where the standard asks for them
TRACKING = re.compile(r"T-\d{12}")
PSEUDONYM = re.compile(r"P-[0-9A-F]{16}")
KINDS = {"PN": "the name of a person", "DA": "a date", "DT": "a date", "TM": "a time", "AS": "an age",
         "UI": "a UID", "AE": "the name of a machine in a network", "UN": "bytes of unknown meaning",
         "OB": "bytes of unknown meaning"}  # fmt: skip
META = {"FileMetaInformationGroupLength", "FileMetaInformationVersion", "ImplementationVersionName",
        "ImplementationClassUID"}  # what every file says about itself, and about its program
COLUMNS = ["tag", "keyword", "vr", "where", "value", "why"]
EXCERPT = 40  # letters of a value that are shown
DEPTH = 64  # levels of sequences: enough for anything real


@one_sentence
def audit_identity(
    data: Dataset,
    tokens: Iterable[str] = (),
    uid_root: str = "2.25",
    *,
    original: Dataset | None = None,
    pseudonyms: Pseudonymiser | None = None,
    person: str = "",
) -> pd.DataFrame:
    """What in a data set could still say who it is; empty where nothing was found.

    Stricter than the table of attributes in PS3.15 Annex E: what `words.KEEP` does not name is reported.
    https://dicom.nema.org/medical/dicom/current/output/chtml/part15/chapter_E.html#table_E.1-1

    Args:
        tokens: words that must not occur (a name, a number); looked for in every text and in the raw
            bytes of everything that is not text, pixels included. Text that is drawn in the picture
            cannot be found so.
        uid_root: UIDs that start so count as pseudonyms in a file that says its identity was removed.
        original, pseudonyms: the file as it was, and what it was cleaned with. Then every date and UID is compared
            with what it must have become, and listed words with the original's names. Without them the audit believes
            what the header says of dates and UIDs, and says so, a row each.
        person: the key that `deidentify` was given for this patient, where it was given one.

    Returns:
        DataFrame: `tag`, `keyword`, `vr`, `where` (path through the sequences), `value` (excerpt), `why`.

    Raises:
        DicomError: the data set is so damaged that it cannot be searched.
    """
    tokens = [token.casefold() for token in tokens if token]
    rows: list[tuple] = []

    def report(tag: Any, keyword: str, vr: str, where: str, value: Any, why: str) -> None:
        rows.append((str(tag), keyword, vr, where, str(value)[:EXCERPT], why))

    if any(getattr(data, "preamble", None) or b""):
        report("", "preamble", "", "preamble", data.preamble, "bytes that anybody may have written")
    said = text_of(data, "LongitudinalTemporalInformationModified")
    removed = text_of(data, "PatientIdentityRemoved") == "YES"
    known = _expected(original, pseudonyms, person) if original is not None and pseudonyms is not None else None
    names = names_in(original) if original is not None else frozenset()
    trust = _Trust(said, f"{uid_root}." if removed else "none", known, names)
    meta = getattr(data, "file_meta", None) or Dataset()
    for where, owner, tag in itertools.chain(_walk(meta, "file meta"), _walk(data, "")):
        try:
            element = owner[tag]
            if why := _suspicion(element, owner, tokens, trust):
                value = f"{len(element.value)} item(s)" if element.VR == "SQ" else element.value
                report(tag, element.keyword, element.VR, where, value, why)
        except Exception as error:
            why = "cannot be decoded, so not be judged"
            report(tag, keyword_for_tag(tag), "?", where, short(error), why)
    for flag, what in trust.believed.items():
        why = f"the header says so of its {what}; not checked: pass original= and pseudonyms="
        report("", flag, "CS", "", text_of(data, flag), why)
    claimed = text_of(data, "BurnedInAnnotation").upper() == "NO"
    if claimed and PIXELS & set(data.keys()) and trust.known is None:
        report("", "BurnedInAnnotation", "CS", "", "NO", "the header says so of its picture; not checked: look at it")
    if not claimed and (why := pixel_text(data)):
        report("(7FE0,0010)", "PixelData", "", "pixels", "", why)
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass
class _Trust:
    """What the header says of dates and UIDs, what they must be (None: nobody knows), and the original's names."""

    said: str
    root: str
    known: set[str] | None
    names: frozenset[str]
    believed: dict[str, str] = field(default_factory=dict)  # flags that were believed, and of what

    def uids(self, values: list) -> bool:
        strange = [uid for uid in values if uid not in UID_dictionary]
        if self.known is not None:
            return self.known.issuperset(map(str, strange))
        if strange and all(uid.startswith(self.root) for uid in strange):
            self.believed["PatientIdentityRemoved"] = "UIDs"
        return all(uid.startswith(self.root) for uid in strange)

    def date(self, value: Any) -> str:
        """Why a date or time may be a real one; "" where it is not."""
        if self.said == "REMOVED":
            return "that the header says is removed"
        if self.known is not None:
            return "" if str(value) in self.known else "that is not what the pseudonyms make of the original's"
        if self.said == "MODIFIED":
            self.believed["LongitudinalTemporalInformationModified"] = "dates"
            return ""
        return "that nobody has moved"


def _expected(original: Dataset, pseudonyms: Pseudonymiser, person: str) -> set[str]:
    """Every UID, date and time that the clean copy of a file may hold."""
    clean = attempt(lambda: header_of(original, pseudonyms, person)) or Dataset()
    found = set()
    for _, owner, tag in itertools.chain(_walk(clean, ""), _walk(getattr(clean, "file_meta", Dataset()), "")):
        if owner[tag].VR in ("UI", "DA", "TM", "DT"):
            found |= set(map(str, values_of(owner[tag])))
    return found


def _walk(data: Dataset, where: str, depth: int = 0) -> Iterator[tuple[str, Dataset, Any]]:
    """(path, data set, tag) of every element, each before it is decoded, a sequence before its items."""
    for tag in sorted(data.keys()):
        yield where, data, tag
        items = attempt(lambda tag=tag: data[tag].value if data[tag].VR == "SQ" else ())
        path = f"{where}{' › ' if where else ''}{keyword_for_tag(tag) or tag}"
        for i, item in enumerate(items or () if depth < DEPTH else ()):
            yield from _walk(item, f"{path}[{i}]", depth + 1)


def _suspicion(element: Any, owner: Dataset, tokens: list[str], trust: _Trust) -> str:
    """Why an element could say who it is; "" where it cannot."""
    value, vr, keyword = element.value, element.VR, element.keyword
    if value is None or value == "" or value == b"":
        return ""
    raw = b"".join(v for v in values_of(element) if isinstance(v, bytes))
    versions = [] if vr == "SQ" else _readings(raw) if raw else [str(value).casefold()]
    if found := [token for token in tokens if any(token in version for version in versions)]:
        return f"holds {found[0]!r}"
    if element.tag.is_private:
        return "private: only its maker knows what it says"
    if keyword in ("PatientName", "PatientID") and PSEUDONYM.fullmatch(str(value)):
        return ""
    if element.tag.group == 2 and keyword in META:
        return ""
    if vr == "UI" and (keyword in KEEP or element.tag.group == 2):
        return "" if trust.uids([uid for uid in values_of(element) if uid]) else "a UID that its maker can look up"
    if keyword.startswith("Code") or keyword == "CodingSchemeDesignator":
        code = (text_of(owner, "CodingSchemeDesignator"), text_of(owner, "CodeValue"))
        known = known_codes().get(code) == text_of(owner, "CodeMeaning")
        return "" if known else "a code that is not the standard's"
    if keyword in OURS or element.tag in PIXELS or (vr == "SQ" and keyword in KEEP):
        return ""
    if keyword in STAND_INS and str(value) in ("UNNAMED", "SEGMENTATION"):
        return ""
    if keyword not in KEEP:
        return KINDS.get(vr, "not on the list of technical attributes")
    if vr in ("DA", "TM", "DT"):
        why = trust.date(value)
        return why and f"{KINDS[vr]} {why}"
    if keyword == "TrackingID" and TRACKING.fullmatch(str(value)):
        return ""
    kept = harmless(element, dictionary_VR(element.tag), owner)
    if not raw and kept != values_of(element):
        return "words outside the list"
    if vr in ("LO", "SH") and trust.names & {plain(word) for word in re.findall(r"\w+", str(value))}:
        return "a word that is part of a name in the original"
    return ""


def _readings(raw: bytes) -> list[str]:
    """Bytes as the texts they may be: Latin-1, UTF-8, and UTF-16 of Western letters."""
    narrow = raw.replace(b"\0", b"")
    texts = raw.decode("latin-1"), raw.decode("utf-8", "ignore"), narrow.decode("latin-1")
    return [text.casefold() for text in texts]
