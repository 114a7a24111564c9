"""Chest films of the clinic's patients.

Modelled: one energy, parallel rays, Beer–Lambert attenuation, detector blur, photon noise, logarithm, a
site's display curve, collimation, side marker and burned-in text. Not modelled: the beam's spectrum and
divergence, scatter, grid lines, motion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from utils.clinic import dicomfile
from utils.clinic.patient import Patient, Term, draws, rotation

WATER = 0.0193  # attenuation of water in 1/mm near 70 keV (NIST XCOM, 0.193 cm²/g)


@dataclass(frozen=True)
class Site:
    """What a hospital does to its films, and whom it sees."""

    name: str = "Springfield General"
    photons: float = 40_000  # per pixel of 1.5 mm without a patient
    blur: float = 0.8  # standard deviation of the detector's response, mm
    window: tuple[float, float] = (0.01, 0.95)  # quantiles of the chest that become black and white
    gamma: float = 1.0
    side: float = 384.0  # of the film, mm
    collimation: float = 0.0  # share of the side that is shuttered, each edge
    marker: str = "L"
    text: str = ""
    portable: float = 0.2  # share of films taken at the bedside, AP
    prevalence: float = 0.3  # share of patients with pneumonia
    tags: dict = field(default_factory=lambda: {
        "Manufacturer": "ACME", "ManufacturerModelName": "Ray-O 1"})


@dataclass
class Film:
    """`image` uint16 (rows, columns), 12 bits, dense is bright; `spacing` mm; `boxes` (n, 4) x, y, width,
    height in pixels; `mask` bool, where an opacity lies under the pixel."""

    image: np.ndarray
    spacing: float
    boxes: np.ndarray
    mask: np.ndarray
    view: str = "PA"


def _within(part: tuple[slice, slice], block: tuple[slice, slice]) -> tuple[slice, slice]:
    """`part`, counted from the start of `block`."""
    (rows, columns), top, left = part, block[0].start, block[1].start
    return (slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left))


class _Rays:
    """Parallel rays through a patient; the frame of the film is (column, ray, −row)."""

    def __init__(self, patient: Patient, turn: np.ndarray, size: int, side: float,
                 shift: Sequence[float]):
        step, middle = side / size, (size - 1) / 2 - np.asarray(shift, float)
        pixels = np.arange(size)
        self.columns, self.rows = (((pixels - m) * step).astype(np.float32) for m in middle)
        centre, shape = patient.centre @ turn.T, turn @ patient.shape @ turn.T
        reach = np.sqrt(np.diagonal(shape, axis1=1, axis2=2))
        self.kept = {}
        # plain lists: most ellipsoids cover few pixels, and NumPy's scalars would cost more than those
        self.centre, self.inverse = centre.tolist(), np.linalg.inv(shape).tolist()
        left, near, bottom = (centre - reach).T
        right, far, top = (centre + reach).T
        edges = np.stack([left, -top, right, -bottom], -1) / step + np.tile(middle, 2)
        edges = np.clip(np.ceil(edges), 0, size).astype(int)
        self.span = list(zip(*edges.T.tolist(), near.tolist(), far.tolist(), strict=True))

    def chord(self, k: int, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Middle and half length, mm, of the rays' chords through ellipsoid k; half is 0 where they miss.

        With M the matrix that makes the ellipsoid the unit sphere, the chord is 2·√(1−ρ²)/‖M·d‖, ρ the ray's
        distance from the centre in that space; MᵀM is `inverse`, so ‖M·d‖² is its middle element.
        """
        (xx, xy, xz), (_, a, yz), (*_, zz) = self.inverse[k]
        x, z = self.columns[columns] - self.centre[k][0], -self.rows[rows, None] - self.centre[k][2]
        half = (2 * (xy * yz / a - xz)) * x - (zz - yz * yz / a) * z
        half *= z
        half += 1 - (xx - xy * xy / a) * (x * x)
        np.maximum(half, 0, out=half)
        np.sqrt(half, out=half)
        half *= a**-.5
        return (self.centre[k][1] - (xy / a) * x) - (yz / a) * z, half

    def block(self, inside: Sequence[int]) -> tuple[slice, slice] | None:
        """Rows and columns that the intersection of the ellipsoids can reach; None if it is empty."""
        left, top, right, bottom, near, far = self.span[inside[0]]
        for k in inside[1:]:
            x0, y0, x1, y1, z0, z1 = self.span[k]
            left, top, near = max(left, x0), max(top, y0), max(near, z0)
            right, bottom, far = min(right, x1), min(bottom, y1), min(far, z1)
        if left < right and top < bottom and near < far:
            return slice(top, bottom), slice(left, right)
        return None

    def clip(self, low: np.ndarray, high: np.ndarray, block: tuple[slice, slice], k: int) -> tuple:
        """Intersect intervals along the rays with ellipsoid k, whose chords are kept for the next caller."""
        if k not in self.kept:
            whole = self.block((k,))
            middle, half = self.chord(k, *whole)
            self.kept[k] = whole, middle - half, middle + half
        whole, start, stop = self.kept[k]
        part = _within(block, whole)
        return np.maximum(low, start[part]), np.minimum(high, stop[part])

    def add_path(self, total: np.ndarray, term: Term) -> None:
        """Add amount × path length, mm, of a term."""
        block = self.block(term.inside)
        if block is None:
            return
        middle, half = self.chord(term.inside[0], *block)
        if len(term.inside) == 1 and not term.outside:
            half *= 2 * term.amount
            total[block] += half
            return
        low, high = middle - half, middle + half
        for k in term.inside[1:]:
            low, high = self.clip(low, high, block, k)
        self.subtract(total, term, block, low, high)

    def subtract(self, total: np.ndarray, term: Term, block: tuple, low: np.ndarray,
                 high: np.ndarray) -> None:
        """Add what is left of the intervals outside the term's `outside`: |I∖(A∪B)| = |I∖B| − |(I∩A)∖B|."""
        path = np.maximum(high - low, 0)
        if not path.any():
            return
        path *= term.amount
        total[block] += path
        for n, other in enumerate(term.outside):
            inside = (*term.inside, other)
            part = self.block(inside)
            if part is not None:
                cut = _within(part, block)
                clipped = self.clip(low[cut], high[cut], part, other)
                rest = Term(-term.amount, inside, term.outside[n + 1:])
                self.subtract(total, rest, part, *clipped)


def projection(patient: Patient, size: int = 256, side: float = 384.0,
               turn: np.ndarray | None = None, shift: Sequence[float] = (0, 0),
               terms: list[Term] | None = None) -> np.ndarray:
    """Line integrals (size, size), mm of water, of the patient seen from the front, in closed form.

    The patient's left is at the right of the picture. `turn` (3, 3) rotates the patient first, `shift` moves
    the film by pixels (right, down); `terms` stand in for the patient's own.

    >>> from utils.clinic.patient import make_patient
    >>> water = projection(make_patient(2), size=64)
    >>> water.shape, bool(200 < water.max() < 600)
    ((64, 64), True)
    """
    rays = _Rays(patient, np.eye(3) if turn is None else turn, size, side, shift)
    total = np.zeros((size, size), np.float32)
    for term in patient.terms if terms is None else terms:
        rays.add_path(total, term)
    return total


def radiograph(patient: Patient, site: Site | None = None, size: int = 256, seed: int = 0) -> Film:
    """One film of the patient at the site; another `seed` is another visit: pose, exposure, noise differ.

    >>> from utils.clinic.patient import make_patient
    >>> film = radiograph(make_patient(2, "opacity"), size=128)
    >>> film.image.shape, film.image.dtype, film.spacing, bool(film.mask.any())
    ((128, 128), dtype('uint16'), 3.0, True)
    """
    site = site or Site()
    image, view, frame = picture(patient, site, size, seed)
    mask, boxes = np.zeros((size, size), bool), []
    for lesion in patient.lesions:
        shadow = projection(patient, *frame, patient.lesion_terms([lesion])) > 1
        if shadow.any():
            mask |= shadow
            rows, columns = np.nonzero(shadow)
            boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return Film(image, site.side / size, _merge(boxes), mask, view)


def picture(patient: Patient, site: Site, size: int, seed: int) -> tuple[np.ndarray, str, tuple]:
    """The film's pixels alone, its view and the frame (size, side, turn, shift) it was taken in."""
    rng = draws(seed, 7)
    portable = rng.random() < site.portable
    pose = rng.normal(0, (2, 1.5, 3)) * (2 if portable else 1)
    turn = rotation(2, pose[2]) @ rotation(0, pose[0]) @ rotation(1, pose[1])
    frame = size, site.side, turn, tuple(rng.normal(0, .016 * size, 2))
    photons = site.photons * np.exp(rng.normal(0, .2)) * (.6 if portable else 1)
    signal = expose(projection(patient, *frame), photons, site.blur * size / site.side, rng)
    chest = signal[size // 4:-size // 4:2, size // 5:-size // 5:2]
    black, white = np.quantile(chest, site.window) * np.array([.85, 1.05])
    inset = int(round(site.collimation * size))
    open_field = (slice(inset, size - inset),) * 2
    shown = np.clip((signal[open_field] - black) / (white - black), 0, 1)
    image = np.zeros((size, size), np.uint16)
    image[open_field] = 4095 * shown ** site.gamma
    stamp(image, site.marker, (.07, .86), .08)
    stamp(image, site.text, (.93, .05), .05)
    return image, "AP" if portable else "PA", frame


def expose(water: np.ndarray, photons: float, blur: float, rng: np.random.Generator) -> np.ndarray:
    """Line integrals in mm of water → measured ones: Beer–Lambert, blur (pixels), Poisson noise, logarithm."""
    light = ndimage.gaussian_filter(photons * np.exp(-WATER * water), blur)
    counts = np.maximum(rng.poisson(light), 1)
    return np.log(photons / counts).astype(np.float32) / WATER


def _merge(boxes: list[tuple]) -> np.ndarray:
    """Join boxes (left, top, right, bottom) while one covers a third of another; → (n, 4) x, y, width, height."""
    merged = []
    for box in boxes:
        for other in [b for b in merged if _overlap(box, b)]:
            merged.remove(other)
            box = (*np.minimum(box[:2], other[:2]), *np.maximum(box[2:], other[2:]))
        merged.append(box)
    merged = np.array(merged, float).reshape(-1, 4)
    return np.hstack([merged[:, :2], merged[:, 2:] - merged[:, :2]])


def _overlap(a: tuple, b: tuple) -> bool:
    """Whether two boxes have more than 30 % of the smaller one in common."""
    common = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    areas = (np.prod(np.subtract(box[2:], box[:2])) for box in (a, b))
    return np.prod(np.maximum(common, 0)) > .3 * min(areas)


def stamp(image: np.ndarray, text: str, place: tuple[float, float],
          height: float) -> tuple[int, int, int, int]:
    """Burn text into an image, in place; `place` and `height` are shares of the side. → x, y, width, height."""
    if not text:
        return 0, 0, 0, 0
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=max(height * len(image), 8))
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    letters = Image.new("L", (right + 2, bottom + 2))
    ImageDraw.Draw(letters).text((0, 0), text, fill=255, font=font)
    letters = np.asarray(letters)[top:, left:]
    room = np.maximum(np.subtract(image.shape, letters.shape), 0)
    wanted = np.rint(np.multiply(place, image.shape)).astype(int)
    y, x = np.minimum(wanted, room).tolist()
    part = image[y:y + letters.shape[0], x:x + letters.shape[1]]
    letters = letters[:part.shape[0], :part.shape[1]] / 255 * 4095
    part[:] = np.maximum(part, letters)
    return x, y, part.shape[1], part.shape[0]


_HEADER = {
    "Modality": "CR", "ImageType": ["ORIGINAL", "PRIMARY"], "BodyPartExamined": "CHEST",
    "StudyTime": "090000", "ContentTime": "090000", "StudyDescription": "Chest", "SeriesNumber": 1,
    "InstanceNumber": 1, "PatientOrientation": ["L", "F"], "BitsStored": 12,
    "WindowCenter": 2048, "WindowWidth": 4096,
}


def write_film_dicom(film: Film, path: str | Path, site: Site, patient: Patient, burn: bool = True,
                     visit: int = 0, inverted: bool = False) -> tuple[int, int, int, int]:
    """Write a film as computed radiography, 12 bits in 16; returns the rectangle x, y, width, height, in pixels,
    that names the patient (all 0 if not `burn`).

    `inverted` stores it as MONOCHROME1. Another `visit` is another study. Never overwrites: FileExistsError.
    """
    number, pixels = int(patient.name[1:]), film.image.copy()
    name, box = dicomfile.person(number, patient.sex), (0, 0, 0, 0)
    if burn:
        box = stamp(pixels, name.replace("^", " "), (.02, .03), .05)
    year, spacing = 2015 + (visit + number) % 9, [f"{film.spacing:.6g}"] * 2
    day = f"{year}{1 + visit % 12:02d}{1 + number % 28:02d}"
    tags = _HEADER | {
        "InstitutionName": site.name, "PatientName": name, "PatientID": patient.name,
        "PatientSex": patient.sex, "PatientAge": f"{patient.age:03d}Y",
        "PatientBirthDate": f"{year - patient.age - 1}1130", "ViewPosition": film.view,
        "StudyDate": day, "ContentDate": day,
        "ImagerPixelSpacing": spacing, "PixelSpacing": spacing,
        "BurnedInAnnotation": "YES" if burn else "NO"}
    if inverted:
        pixels, tags["PhotometricInterpretation"] = 4095 - pixels, "MONOCHROME1"
    study = patient.name, visit
    ds = dicomfile.dataset(pixels, dicomfile.CR, study, 1, film.view, tags | site.tags)
    ds.save_as(path, enforce_file_format=True, overwrite=False)
    return box
