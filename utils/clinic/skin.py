"""Dermoscopy-like images of seven diagnoses, in the layout of DermaMNIST with HAM10000's table.

Modelled: published counts of images by class, source, split and way of labelling; lesions seen one to four
times; skin as a bright sheet dimmed by melanin, blood, deep (blue) pigment and brightened by scale, inside a
lesion with an irregular border; hairs, bubbles, rulers, vignettes; a look of its own for each source; typical
nevi in follow-up and atypical ones in histology; repeated pictures, a few of them exact.
Not modelled: patients (nor are they in HAM10000), skin tone as a variable, dermoscopic criteria in any detail,
anatomy of the body site, change over time. Each number below is a frequency or was set once by hand so that the
set is about as hard as DermaMNIST; none comes from a real picture. Sources bear the names of those they imitate.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
SOURCES = ("rosendahl", "vidir_modern", "vidir_molemax", "vienna_dias")
SPLITS = {"train": (228, 359, 769, 80, 779, 4693, 99), "val": (33, 52, 110, 12, 111, 671, 14),
          "test": (66, 103, 220, 23, 223, 1341, 29)}
SIZE = 28

# HAM10000 (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T): images, lesions of each class, label type and source
_COUNTS = {
    ("akiec", "histo"): ((295, 211), (32, 17), (0, 0), (0, 0)),
    ("bcc", "histo"): ((296, 211), (211, 110), (2, 2), (5, 4)),
    ("bkl", "confocal"): ((0, 0), (69, 34), (0, 0), (0, 0)),
    ("bkl", "consensus"): ((0, 0), (146, 88), (118, 118), (0, 0)),
    ("bkl", "histo"): ((490, 349), (260, 124), (6, 6), (10, 8)),
    ("df", "consensus"): ((0, 0), (30, 14), (30, 30), (0, 0)),
    ("df", "histo"): ((30, 16), (21, 11), (0, 0), (4, 2)),
    ("mel", "histo"): ((342, 225), (680, 329), (24, 16), (67, 44)),
    ("nv", "consensus"): ((0, 0), (503, 332), (0, 0), (0, 0)),
    ("nv", "follow_up"): ((0, 0), (0, 0), (3704, 3704), (0, 0)),
    ("nv", "histo"): ((803, 538), (1329, 596), (16, 16), (350, 217)),
    ("vasc", "consensus"): ((0, 0), (21, 11), (54, 54), (0, 0)),
    ("vasc", "histo"): ((3, 2), (61, 28), (0, 0), (3, 3)),
}
_AGE = {"akiec": (67, 11), "bcc": (67, 14), "bkl": (64, 14), "df": (53, 14), "mel": (61, 15), "nv": (46, 15),
        "vasc": (51, 21)}
_NO_AGE = {"bkl": 10, "mel": 2, "nv": 45}  # lesions whose age (and, but for melanoma, sex) nobody recorded
_FEMALE = {"akiec": .32, "bcc": .38, "bkl": .43, "df": .45, "mel": .38, "nv": .49, "vasc": .51}
_PLACES = ("abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital", "hand", "lower extremity",
           "neck", "scalp", "trunk", "unknown", "upper extremity")
_PLACE = {
    "akiec": (5, 0, 29, 12, 3, 113, 0, 0, 13, 65, 10, 14, 1, 0, 62),
    "bcc": (18, 0, 186, 47, 0, 101, 4, 0, 2, 58, 14, 19, 11, 5, 49),
    "bkl": (42, 0, 202, 74, 6, 319, 1, 2, 14, 174, 31, 34, 73, 23, 104),
    "df": (4, 0, 2, 0, 0, 0, 2, 1, 0, 82, 0, 0, 0, 0, 24),
    "mel": (66, 0, 324, 68, 17, 104, 28, 0, 1, 192, 29, 14, 47, 10, 213),
    "nv": (860, 7, 1427, 200, 30, 100, 284, 45, 55, 1479, 81, 45, 1241, 196, 655),
    "vasc": (27, 0, 22, 6, 0, 8, 0, 0, 5, 27, 3, 2, 31, 0, 11),
}

# What a typical lesion of the class is like. Radius is in half-widths of the image.
_LOOK = pd.DataFrame({
    "radius": (.68, .60, .58, .48, .60, .39, .36), "irregular": (.30, .26, .22, .10, .30, .13, .09),
    "soft": (.40, .30, .22, .42, .20, .20, .14), "melanin": (.26, .24, .62, .30, 1.10, .86, .16),
    "blood": (.32, .30, .12, .28, .14, .16, .80), "deep": (.03, .14, .14, .03, .30, .05, .30),
    "scale": (.12, .14, .10, .20, .06, .03, .04), "blotch": (.60, .65, .50, .30, .70, .35, .40),
    "grain": (.50, .35, .45, .25, .40, .30, .25)}, index=CLASSES)
_SPREAD = dict(zip(_LOOK.columns, (.29, .38, .34, .32, .46, .70, .58, .33, .35), strict=True))
_ABSORB = np.array([[.34, .72, .80], [.14, .80, .50], [.95, .70, .42], [-.22, -.32, -.30]], np.float32)

# How a source sees skin: colour and its spread, soft vignette, share of round frames, blur, pixel noise
_SOURCE = {"rosendahl": ((222, 184, 184), .05, .16, .10, .25, 2.5),
           "vidir_modern": ((217, 183, 197), .06, .20, .16, .20, 2.0),
           "vidir_molemax": ((236, 152, 156), .05, .05, .00, .40, 1.5),
           "vienna_dias": ((222, 168, 168), .09, .02, .00, .10, 3.0)}


def generate(seed: int = 0, progress: Callable[[Iterable], Iterable] | None = None) -> dict:
    """The whole set: `{train,val,test}_images` uint8 (n, 28, 28, 3), `…_labels` uint8 (n, 1), `table`, `masks`.

    `table` is a DataFrame with one row an image in the order train, val, test. `masks` (10015, 28, 28) uint8
    is, in that order, how far a pixel belongs to the lesion, times 255. Deterministic in `seed`.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    lesions = _lesions(rng)
    table = lesions.loc[lesions.index.repeat(lesions.pop("n"))]
    table = _split(table, rng)
    images, masks = _pictures(table, rng, progress or iter)
    table["image_id"] = [f"SYN_{k:07d}" for k in rng.permutation(len(table))]
    result = {}
    for split in SPLITS:
        rows = (table["split"] == split).to_numpy()
        result[f"{split}_images"] = images[rows]
        result[f"{split}_labels"] = table["label"].to_numpy(np.uint8)[rows, None]
    columns = ["split", "index", "image_id", "lesion_id", "dx", "dx_type", "age", "sex", "localization",
               "dataset"]
    return result | {"table": table[columns], "masks": masks}


def _lesions(rng: np.random.Generator) -> pd.DataFrame:
    """One row a lesion: who, where, how labelled, and how many pictures (`n`)."""
    parts = []
    for (dx, dx_type), by_source in _COUNTS.items():
        for source, (images, lesions) in zip(SOURCES, by_source, strict=True):
            # every lesion has one picture and room for three more; the surplus takes that room at random
            room = rng.permutation(3 * lesions)[: images - lesions] // 3
            n = 1 + np.bincount(room.astype(int), minlength=lesions)
            mean, spread = _AGE[dx]
            age = np.clip(5 * np.round(rng.normal(mean, spread, lesions) / 5), 0, 85)
            place = np.array(_PLACE[dx]) / sum(_PLACE[dx])
            parts.append(pd.DataFrame({
                "dx": dx, "dx_type": dx_type, "dataset": source, "n": n, "age": age,
                "sex": np.where(rng.random(lesions) < _FEMALE[dx], "female", "male"),
                "localization": rng.choice(_PLACES, lesions, p=place)}))
    table = pd.concat(parts, ignore_index=True)
    table["lesion_id"] = [f"LES_{k:07d}" for k in rng.permutation(len(table))]
    for dx, count in _NO_AGE.items():
        rows = rng.choice(table.index[(table["dx"] == dx) & (table["n"] == 1)], count, replace=False)
        table.loc[rows, "age"] = np.nan
        if dx != "mel":
            table.loc[rows, "sex"] = "unknown"
    return table


def _split(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Deal the images to the splits by class, blind to lesions, as the published split did."""
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    table["label"] = pd.Categorical(table["dx"], categories=CLASSES).codes
    table["split"] = ""
    for c in range(len(CLASSES)):
        table.loc[table["label"] == c, "split"] = np.repeat(list(SPLITS), [SPLITS[s][c] for s in SPLITS])
    table["split"] = pd.Categorical(table["split"], categories=list(SPLITS))
    table = table.iloc[rng.permutation(len(table))].sort_values("split", kind="stable").reset_index(drop=True)
    table["split"] = table["split"].astype(str)
    table["index"] = table.groupby("split", sort=False).cumcount()
    return table


def _pictures(table: pd.DataFrame, rng: np.random.Generator, progress: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 28, 28, 3) and masks uint8 (n, 28, 28) of the table's rows."""
    lesion, first = table["lesion_id"].factorize()[0], ~table["lesion_id"].duplicated().to_numpy()
    body = {name: value[lesion] for name, value in _bodies(table[first], rng).items()}
    shot = _shots(table, rng)
    # some pictures of a lesion were taken in the same sitting, and a few are the same file
    original = np.flatnonzero(first)[lesion]
    again = rng.choice(np.flatnonzero(~first), 70, replace=False)
    split = table["split"].to_numpy()
    again = again[np.argsort(split[again] == split[original[again]], kind="stable")]
    for value in shot.values():
        value[again] = value[original[again]]
    shot["shift"][again] += rng.normal(0, .015, (len(again), 2)).astype(np.float32)
    images, masks = np.empty((len(table), SIZE, SIZE, 3), np.uint8), np.empty((len(table), SIZE, SIZE), np.uint8)
    for start in progress(range(0, len(table), 500)):
        part = slice(start, start + 500)
        images[part], masks[part] = _render({k: v[part] for k, v in body.items()},
                                            {k: v[part] for k, v in shot.items()}, rng)
    same = again[[0, 1, 2, -3, -2, -1]]  # three across splits, three within one
    images[same], masks[same] = images[original[same]], masks[original[same]]
    return images, masks


def _bodies(table: pd.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What belongs to the lesion, whoever photographs it: shape, pigments, texture. First axis: lesions."""
    n = len(table)
    look = _LOOK.loc[table["dx"]].to_numpy()
    nevus, melanoma = _LOOK.loc["nv"].to_numpy(), _LOOK.loc["mel"].to_numpy()
    # an excised nevus looked suspicious; some melanomas and keratoses do not
    doubt = np.where(table["dx_type"] == "histo", rng.beta(2.0, 2.2, n), rng.beta(1.2, 10, n))[:, None]
    other = np.where((table["dx"] == "nv").to_numpy()[:, None], melanoma, nevus)
    doubt = np.where(table["dx"].isin(["nv", "mel"]).to_numpy()[:, None], .66 * doubt, .25 * doubt)
    look = (look + doubt * (other - look)) * np.exp(rng.normal(0, 1, look.shape) * list(_SPREAD.values()))
    body = dict(zip(_LOOK.columns, look.T.astype(np.float32), strict=True))
    body["radius"] = np.clip(body["radius"], .12, 1.1)
    body["irregular"] = np.minimum(body["irregular"], .6)
    body["melanin"] = np.minimum(body["melanin"], 2.2)
    body["aspect"] = np.exp(rng.normal(0, .16, n))
    harmonics = rng.normal(0, .8, (n, 5, 2)) / np.arange(2, 7)[:, None] ** .7
    body["border"] = harmonics * body["irregular"][:, None, None]
    for name, waves, low, high in (("coarse", 4, 2.5, 6.5), ("fine", 4, 10, 20)):
        pace, angle = rng.uniform(low, high, (n, waves)), rng.uniform(0, 2 * np.pi, (n, waves))
        phase = rng.uniform(0, 2 * np.pi, (n, waves))
        body[name] = np.stack([pace * np.cos(angle), pace * np.sin(angle), phase], -1)
    body["centre_scale"] = (table["dx"] == "df").to_numpy() * rng.random(n)
    body["skin"] = rng.normal(0, 1, (n, 3)) * (.03, .04, .04) + rng.normal(0, .04, (n, 1))
    return {name: np.asarray(value, np.float32) for name, value in body.items()}


def _shots(table: pd.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What belongs to one picture: framing, light, device, hairs. First axis: images."""
    n = len(table)
    colour, spread, vignette, frame, blur, noise = (
        np.array([_SOURCE[s][k] for s in table["dataset"]], np.float32) for k in range(6))
    cast = rng.normal(0, 1, (n, 1)) * .7 + rng.normal(0, 1, (n, 3)) * (.3, .5, .7)
    return {name: np.asarray(value, np.float32) for name, value in {
        "shift": rng.normal(0, .07, (n, 2)), "turn": rng.normal(0, .2, n),
        "zoom": np.exp(rng.normal(0, .13, n)), "flip": rng.choice([-1, 1], n, p=[.05, .95]),
        "light": colour * np.exp(spread[:, None] * cast), "gradient": rng.normal(0, .05, (n, 2)),
        "vignette": vignette * rng.uniform(.4, 1.6, n), "blur": np.clip(blur + rng.normal(0, .1, n), 0, .8),
        "frame": np.where(rng.random(n) < frame, rng.uniform(.95, 1.3, n), 9), "noise": noise,
        "hair": np.where(np.arange(4) < rng.poisson(.45, n)[:, None], rng.uniform(.05, .35, (n, 4)), 0),
        "hair_line": np.stack([rng.uniform(0, 2 * np.pi, (n, 4)), rng.normal(0, .5, (n, 4)),
                               rng.normal(0, .3, (n, 4))], -1),
        "bubble": np.column_stack([rng.uniform(-.8, .8, (n, 2)), rng.uniform(.05, .2, n), rng.random(n) < .03]),
        "ruler": (rng.random(n) < .02) * rng.choice([-1, 1], n)}.items()}


def _render(body: dict, shot: dict, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the pictures of one batch; all fields are (n, 28, 28)."""
    def col(values):  # (n,) -> (n, 1, 1)
        return values[:, None, None]

    axis = ((np.arange(SIZE) + .5) * 2 / SIZE - 1).astype(np.float32)
    u, v = np.meshgrid(axis, axis)
    x, y = u - col(shot["shift"][:, 0]), (v - col(shot["shift"][:, 1])) * col(shot["flip"])
    cos, sin = col(np.cos(shot["turn"])), col(np.sin(shot["turn"]))
    x, y = (x * cos + y * sin) / col(shot["zoom"]), (y * cos - x * sin) / col(shot["zoom"])

    def waves(which):  # a smooth random field fixed to the lesion, about -1 to 1
        return sum(np.sin(x * col(w[:, 0]) + y * col(w[:, 1]) + col(w[:, 2])) for w in body[which].swapaxes(0, 1)) / 2

    coarse, fine = waves("coarse"), waves("fine")
    rho = np.hypot(x * col(body["aspect"]), y / col(body["aspect"])) + 1e-6
    turn, power = (x * col(body["aspect"]) + 1j * (y / col(body["aspect"]))) / rho, 1
    reach = np.ones_like(rho)
    for k in range(1, 7):  # Fourier series of the border; power is exp(ikθ)
        power = power * turn
        if k > 1:
            reach += col(body["border"][:, k - 2, 0]) * power.real + col(body["border"][:, k - 2, 1]) * power.imag
    reach = np.maximum(reach + (.2 * coarse + .25 * fine) * col(body["irregular"]), .3) * col(body["radius"])
    width = col(body["soft"] * body["radius"] * .5 + .03)
    mask = 1 / (1 + np.exp(np.clip((rho - reach) / width * 2.5, -30, 30)))
    mottle = np.exp(col(body["blotch"]) * coarse + col(body["grain"]) * .5 * fine)
    blotches = 1 / (1 + np.exp(-5 * (coarse - .4)))
    centre = np.exp(-((rho / (.45 * col(body["radius"]))) ** 2)) * col(body["centre_scale"])
    amount = (col(body["melanin"]) * mottle, col(body["blood"]) * (1 - .4 * fine),
              col(body["deep"]) * 2.2 * blotches,
              col(body["scale"]) * 2.5 * (np.roll(blotches, 9, 1) + 3 * centre))
    depth = np.stack(amount, -1) * mask[..., None] @ _ABSORB - body["skin"][:, None, None] + .02 * fine[..., None]
    for k in range(4):
        angle, offset, bend = (col(shot["hair_line"][:, k, i]) for i in range(3))
        across = u * np.cos(angle) + v * np.sin(angle) - offset
        along = v * np.cos(angle) - u * np.sin(angle)
        depth += (col(shot["hair"][:, k]) * np.exp(-(((across + bend * along**2) / .035) ** 2)))[..., None]
    bx, by, size, there = (col(shot["bubble"][:, i]) for i in range(4))
    depth -= (.35 * there * np.exp(-(((np.hypot(u - bx, v - by) - size) / .05) ** 2)))[..., None]
    edge = np.abs(v - .93 * col(shot["ruler"])) < .08
    depth += (.6 * edge * (shot["ruler"] != 0)[:, None, None] * (np.sin(u * 22) > .3))[..., None]
    radius = np.hypot(u, v)
    lamp = 1 + col(shot["gradient"][:, 0]) * u + col(shot["gradient"][:, 1]) * v
    lamp -= col(shot["vignette"]) * radius**2 / 1.2
    lamp = lamp / (1 + np.exp(np.clip((radius - col(shot["frame"])) * 40, -30, 30)))
    picture = shot["light"][:, None, None] * np.exp(-depth) * lamp[..., None]
    soft = col(shot["blur"])[..., None]
    for shift in (1, 2):  # blur as a mix with the four neighbours' mean, along rows and columns
        near = np.pad(picture, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
        near = (near[:, :-2, 1:-1] + near[:, 2:, 1:-1] + near[:, 1:-1, :-2] + near[:, 1:-1, 2:]) / 4
        picture = picture + soft / shift * (near - picture)
    picture += rng.standard_normal(picture.shape, np.float32) * col(shot["noise"])[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8), np.round(255 * mask).astype(np.uint8)
