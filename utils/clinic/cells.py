"""Red blood cells in thin smears, as in NLM's malaria set: 32 × 32 RGB, black outside the cell.

Modelled: 200 people, of whom 150 are ill; an ill person's smear has clean cells and infected ones, a healthy
person's only clean ones; each person's slide has its stain, and those of healthy people are paler and greyer, as in
the published set, and paler in the middle; parasites as rings and blobs, some of them faint; platelets and dirt on
clean cells, so that a dark spot is not proof. Not modelled: stages and species of the parasite, cells that overlap,
wrong labels.
"""

import numpy as np

from utils.clinic.patient import draws

SIZE, ILL, HEALTHY = 32, 150, 50  # pixels; people
CLEAN, INFECTED = 60, (13, 30)  # cells of a person: clean, and at least and at most infected
_STAINS = np.array([[205, 120, 110], [200, 130, 160], [165, 120, 175], [170, 160, 170]], np.float32)  # of the ill
_PALE = np.array([196, 190, 192], np.float32)  # of the healthy
_PARASITE = np.array([95, 45, 120], np.float32)


def smear(seed: int, ill: bool) -> tuple[np.ndarray, np.ndarray]:
    """The cells of one person: uint8 (cells, 32, 32, 3), and whether each is infected, bool (cells,).

    >>> cells, infected = smear(3, ill=True)
    >>> cells.shape[1:], int((~infected).sum()), bool(infected.any()), bool(cells[:, 0, 0].any())
    ((32, 32, 3), 60, True, False)
    """
    rng = draws(seed, 21)
    infected = np.arange(CLEAN + ill * rng.integers(*INFECTED)) >= CLEAN
    n = len(infected)
    stain = _STAINS[rng.integers(len(_STAINS))] if ill else _PALE
    stain = stain * rng.normal(1, .05) + rng.normal(0, 7, 3)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) - (SIZE - 1) / 2
    turn, long, radius = rng.uniform(0, np.pi, n), rng.normal(1, .07, n), rng.normal(13.4, .8, n)
    turn, long, radius = (v[:, None, None].astype(np.float32) for v in
                          (turn, long.clip(.88, 1.12), radius.clip(11, 14.3)))
    across = (x * np.cos(turn) + y * np.sin(turn)) * long
    along = (y * np.cos(turn) - x * np.sin(turn)) / long
    away = np.hypot(across, along) / radius  # (cells, rows, columns): 1 on the rim
    least, most = (.02, .13) if ill else (.12, .26)  # how much paler the middle is than the rim
    pallor = 1 + rng.uniform(least, most, (n, 1, 1)) * (1 - away**2)
    colour = stain + rng.normal(0, 5, (n, 1, 1, 3))
    cells = colour * pallor[..., None]
    spots = _spots(rng, n, x, y, radius, infected)  # (cells, rows, columns): the share of parasite or dirt
    cells += spots[..., None] * (_PARASITE - cells)
    cells += rng.normal(0, 4, cells.shape)
    cells *= np.clip((1.03 - away) * radius, 0, 1)[..., None]
    return np.clip(np.rint(cells), 0, 255).astype(np.uint8), infected


def _spots(rng: np.random.Generator, n: int, x: np.ndarray, y: np.ndarray, radius: np.ndarray,
           infected: np.ndarray) -> np.ndarray:
    """Parasites (rings of 2 to 4 pixels) where infected, and on one clean cell in five a fainter speck."""
    angle, out = rng.uniform(0, 2 * np.pi, n), rng.uniform(.1, .75, n)
    size = np.where(infected, rng.uniform(1.8, 3.6, n), rng.uniform(.7, 2, n))
    hollow = np.where(infected, rng.uniform(0, .8, n), 0)
    strength = np.where(infected, rng.uniform(.3, .95, n), rng.uniform(.2, .6, n) * (rng.random(n) < .2))
    angle, out, size, hollow, strength = (v[:, None, None] for v in (angle, out, size, hollow, strength))
    away = np.hypot(x - out * radius * np.cos(angle), y - out * radius * np.sin(angle)) / size
    return strength * np.exp(-(np.abs(away - hollow) ** 2) * 1.6)


def malaria_npz(seed: int = 0, progress=None) -> dict[str, np.ndarray]:
    """A stand-in for `malaria_cells_32.npz`.

    Returns:
        `images` uint8 (n, 32, 32, 3), `infected` bool (n,), and `patient`, `field`, `name` str (n,).
    """
    parts = []
    for k in (progress or iter)(range(ILL + HEALTHY)):
        cells, infected = smear(seed * 1000 + k, k < ILL)
        fields = [f"C{k + 1}CLINIC_IMG_{number // 12 + 1}" for number in range(len(cells))]
        names = [f"{field}_cell_{number}.png" for number, field in enumerate(fields)]
        parts.append((cells, infected, np.full(len(cells), f"C{k + 1}"), np.array(fields), np.array(names)))
    keys = "images", "infected", "patient", "field", "name"
    return dict(zip(keys, map(np.concatenate, zip(*parts, strict=True)), strict=True))
