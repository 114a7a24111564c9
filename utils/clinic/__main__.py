"""`python -m utils.clinic FILE.png` draws the contact sheet of Episode 2's README: sixteen films, eight CT slices."""
import sys

import numpy as np
from PIL import Image

from utils.clinic.chest import radiograph
from utils.clinic.ct import ct
from utils.clinic.patient import make_patient
from utils.clinic.standins import contact_sheet

SIDE = 150  # pixels of one picture
FINDINGS = ["normal", "opacity", "normal", "opacity", "other", "opacity", "normal", "opacity"]


def sheet() -> np.ndarray:
    """The contact sheet, uint8 (3 × SIDE, 8 × SIDE): two rows of films, one of axial slices seen from the feet."""
    films, slices = [], []
    for k in range(16):
        film = radiograph(make_patient(100 + k, FINDINGS[k % 8]), size=2 * SIDE, seed=k).image
        films.append(film.astype(float).reshape(SIDE, 2, SIDE, 2).mean((1, 3)))
    for seed in (303, 304):
        volume = ct(make_patient(seed, "opacity"), (2.6, 2.6, 4.0), (SIDE, SIDE, 80))[0]
        slices += [np.clip(volume[:, :, z].T, -1000, 350) for z in (28, 37, 47, 56)]
    return np.concatenate([contact_sheet(films, columns=8), contact_sheet(slices, columns=8)])


if __name__ == "__main__":
    Image.fromarray(sheet()).quantize(64, dither=0).convert("L").save(sys.argv[1], optimize=True)
