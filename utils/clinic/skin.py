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
from types import SimpleNamespace

import numpy as np
import pandas as pd

from utils.clinic.patient import draws, rows

Fields = dict[str, np.ndarray]


def columns(text: str, width: int) -> pd.DataFrame:
    """The table that `rows` reads, a class a row."""
    table = dict(rows(text, width))
    return pd.DataFrame(table, index=text.split("\n")[0].split())


CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
SOURCES = ("rosendahl", "vidir_modern", "vidir_molemax", "vienna_dias")
SPLITS = {  # images of each class
    "train": (228, 359, 769, 80, 779, 4693, 99), "val": (33, 52, 110, 12, 111, 671, 14),
    "test": (66, 103, 220, 23, 223, 1341, 29),
}
SIZE, BATCH = 28, 500  # pixels of a side; pictures drawn at a time

# HAM10000 (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T): images and lesions of each source
_COUNTS = rows("""dx, dx_type  rosendahl    modern      molemax     dias
    akiec histo      295 211    32  17     0    0    0   0
    bcc histo        296 211   211 110     2    2    5   4
    bkl confocal       0   0    69  34     0    0    0   0
    bkl consensus      0   0   146  88   118  118    0   0
    bkl histo        490 349   260 124     6    6   10   8
    df consensus       0   0    30  14    30   30    0   0
    df histo          30  16    21  11     0    0    4   2
    mel histo        342 225   680 329    24   16   67  44
    nv consensus       0   0   503 332     0    0    0   0
    nv follow_up       0   0     0   0  3704 3704    0   0
    nv histo         803 538  1329 596    16   16  350 217
    vasc consensus     0   0    21  11    54   54    0   0
    vasc histo         3   2    61  28     0    0    3   3""", 18)
_PEOPLE = columns("""  akiec   bcc   bkl    df   mel    nv  vasc
    age            67    67    64    53    61    46    51
    spread         11    14    14    14    15    15    21
    female        .32   .38   .43   .45   .38   .49   .51""", 16)
# lesions whose age (and, but for melanoma, sex) nobody recorded
_NO_AGE = {"bkl": 10, "mel": 2, "nv": 45}
_PLACE = columns("""    akiec   bcc   bkl    df   mel    nv  vasc
    abdomen          5    18    42     4    66   860    27
    acral            0     0     0     0     0     7     0
    back            29   186   202     2   324  1427    22
    chest           12    47    74     0    68   200     6
    ear              3     0     6     0    17    30     0
    face           113   101   319     0   104   100     8
    foot             0     4     1     2    28   284     0
    genital          0     0     2     1     0    45     0
    hand            13     2    14     0     1    55     5
    lower extremity  65   58   174    82   192  1479    27
    neck            10    14    31     0    29    81     3
    scalp           14    19    34     0    14    45     2
    trunk            1    11    73     0    47  1241    31
    unknown          0     5    23     0    10   196     0
    upper extremity  62   49   104    24   213   655    11""", 19)

# What a typical lesion is like, and its standard deviation on a log scale; radius in half-widths
_LOOK = columns("""    akiec   bcc   bkl    df   mel    nv  vasc  spread
    radius        .68   .60   .58   .48   .60   .39   .36     .29
    irregular     .30   .26   .22   .10   .30   .13   .09     .38
    soft          .40   .30   .22   .42   .20   .20   .14     .34
    melanin       .26   .24   .62   .30  1.10   .86   .16     .32
    blood         .32   .30   .12   .28   .14   .16   .80     .46
    deep          .03   .14   .14   .03   .30   .05   .30     .70
    scale         .12   .14   .10   .20   .06   .03   .04     .58
    blotch        .60   .65   .50   .30   .70   .35   .40     .33
    grain         .50   .35   .45   .25   .40   .30   .25     .35""", 16)
# What melanin, blood, deep pigment and scale take from red, green and blue
_ABSORB = np.array([[.34, .72, .80], [.14, .80, .50], [.95, .70, .42], [-.22, -.32, -.30]],
                   np.float32)
_SOURCE = dict(rows("""how a source sees skin: red green blue, spread, vignette, round frames, blur, noise
    rosendahl      222 184 184   .05       .16       .10           .25   2.5
    vidir_modern   217 183 197   .06       .20       .16           .20   2.0
    vidir_molemax  236 152 156   .05       .05       .00           .40   1.5
    vienna_dias    222 168 168   .09       .02       .00           .10   3.0""", 18))


def generate(seed: int = 0, progress: Callable[[Iterable], Iterable] | None = None) -> dict:
    """The whole set: `{train,val,test}_images` uint8 (n, 28, 28, 3), `…_labels` uint8 (n, 1), `table`, `masks`.

    `table` is a DataFrame with one row an image in the order train, val, test. `masks` (10015, 28, 28) uint8
    is, in that order, how far a pixel belongs to the lesion, times 255. Deterministic in `seed`.
    """
    rng = draws(seed)
    lesions = _lesions(rng)
    table = lesions.loc[lesions.index.repeat(lesions.pop("n"))]
    table = _split(table, rng)
    images, masks = _pictures(table, rng, progress or iter)
    table["image_id"] = [f"SYN_{k:07d}" for k in rng.permutation(len(table))]
    made = {}
    for split in SPLITS:
        here = (table["split"] == split).to_numpy()
        made[f"{split}_images"] = images[here]
        made[f"{split}_labels"] = table["label"].to_numpy(np.uint8)[here, None]
    names = "split index image_id lesion_id dx dx_type age sex localization dataset"
    return made | {"table": table[names.split(" ")], "masks": masks}


def _lesions(rng: np.random.Generator) -> pd.DataFrame:
    """One row a lesion: who, where, how labelled, and how many pictures (`n`)."""
    parts = []
    for label, counts in _COUNTS:
        by_source = zip(SOURCES, np.reshape(counts, (4, 2)).astype(int).tolist(), strict=True)
        parts += [_lesions_from(source, *label.split(), *two, rng) for source, two in by_source]
    table = pd.concat(parts, ignore_index=True)
    table["lesion_id"] = [f"LES_{k:07d}" for k in rng.permutation(len(table))]
    for dx, count in _NO_AGE.items():
        single = table.index[(table["dx"] == dx) & (table["n"] == 1)]
        chosen = rng.choice(single, count, replace=False)
        table.loc[chosen, "age"] = np.nan
        if dx != "mel":
            table.loc[chosen, "sex"] = "unknown"
    return table


def _lesions_from(source: str, dx: str, dx_type: str, images: int, lesions: int,
                  rng: np.random.Generator) -> pd.DataFrame:
    # every lesion has one picture and room for three more; the surplus takes that room at random
    room = rng.permutation(3 * lesions)[: images - lesions] // 3
    n = 1 + np.bincount(room.astype(int), minlength=lesions)
    mean, spread, female = _PEOPLE.loc[dx]
    age = np.clip(5 * np.round(rng.normal(mean, spread, lesions) / 5), 0, 85)
    sex = np.where(rng.random(lesions) < female, "female", "male")
    place = _PLACE.loc[dx]
    where = rng.choice(list(_PLACE), lesions, p=place / place.sum())
    return pd.DataFrame({"dx": dx, "dx_type": dx_type, "dataset": source, "n": n, "age": age,
                         "sex": sex, "localization": where})


def _split(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Deal the images to the splits by class, blind to lesions, as the published split did."""
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    table["label"] = pd.Categorical(table["dx"], categories=CLASSES).codes
    table["split"] = ""
    for c, counts in enumerate(zip(*SPLITS.values(), strict=True)):
        table.loc[table["label"] == c, "split"] = np.repeat(list(SPLITS), counts)
    table["split"] = pd.Categorical(table["split"], categories=list(SPLITS))
    table = table.iloc[rng.permutation(len(table))]
    table = table.sort_values("split", kind="stable", ignore_index=True)
    table["split"] = table["split"].astype(str)
    table["index"] = table.groupby("split", sort=False).cumcount()
    return table


def _pictures(table: pd.DataFrame, rng: np.random.Generator,
              progress: Callable[[Iterable], Iterable]) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 28, 28, 3) and masks uint8 (n, 28, 28) of the table's rows."""
    lesion, first = table["lesion_id"].factorize()[0], ~table["lesion_id"].duplicated().to_numpy()
    body = {name: value[lesion] for name, value in _bodies(table[first], rng).items()}
    shot = _shots(table, rng)
    original = np.flatnonzero(first)[lesion]
    again = _repeated(table["split"].to_numpy(), first, original, rng)
    for value in shot.values():
        value[again] = value[original[again]]
    shot["shift"][again] += rng.normal(0, .015, (len(again), 2)).astype(np.float32)
    images = np.empty((len(table), SIZE, SIZE, 3), np.uint8)
    masks = np.empty((len(table), SIZE, SIZE), np.uint8)
    fields = body | shot
    for start in progress(range(0, len(table), BATCH)):
        part = slice(start, start + BATCH)
        batch = {name: value[part] for name, value in fields.items()}
        images[part], masks[part] = _render(batch, rng)
    same = again[[0, 1, 2, -3, -2, -1]]  # three across splits, three within one
    images[same], masks[same] = images[original[same]], masks[original[same]]
    return images, masks


def _repeated(split: np.ndarray, first: np.ndarray, original: np.ndarray,
              rng: np.random.Generator) -> np.ndarray:
    """Pictures taken in the sitting of their lesion's first; a few are the same file. Those across splits first."""
    again = rng.choice(np.flatnonzero(~first), 70, replace=False)
    same_split = split[again] == split[original[again]]
    return again[np.argsort(same_split, kind="stable")]


def _bodies(table: pd.DataFrame, rng: np.random.Generator) -> Fields:
    """What belongs to the lesion, whoever photographs it: shape, pigments, texture. First axis: lesions."""
    n, look = len(table), _looks(table, rng)
    body = dict(zip(_LOOK, look.T.astype(np.float32), strict=True))
    body["radius"] = np.clip(body["radius"], .12, 1.1)
    body["irregular"] = np.minimum(body["irregular"], .6)
    body["melanin"] = np.minimum(body["melanin"], 2.2)
    body["aspect"] = np.exp(rng.normal(0, .16, n))
    harmonics = rng.normal(0, .8, (n, 5, 2)) / np.arange(2, 7)[:, None] ** .7
    body["border"] = harmonics * body["irregular"][:, None, None]
    for name, low, high in (("coarse", 2.5, 6.5), ("fine", 10, 20)):  # four waves across the lesion
        pace, angle = rng.uniform(low, high, (n, 4)), rng.uniform(0, 2 * np.pi, (n, 4))
        phase = rng.uniform(0, 2 * np.pi, (n, 4))
        body[name] = np.stack([pace * np.cos(angle), pace * np.sin(angle), phase], -1)
    body["centre_scale"] = (table["dx"] == "df").to_numpy() * rng.random(n)
    body["skin"] = rng.normal(0, 1, (n, 3)) * (.03, .04, .04) + rng.normal(0, .04, (n, 1))
    return _float32(body)


def _looks(table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """What `_LOOK` says of each lesion, with its spread; columns as there. First axis: lesions."""
    n, dx = len(table), table["dx"]
    typical, spread = _LOOK.loc[dx].to_numpy(), _LOOK.loc["spread"].tolist()
    # an excised nevus looked suspicious; some melanomas and keratoses do not
    excised = table["dx_type"] == "histo"
    doubt = np.where(excised, rng.beta(2.0, 2.2, n), rng.beta(1.2, 10, n))
    doubt = np.where(dx.isin(["nv", "mel"]), .66 * doubt, .25 * doubt)[:, None]
    other = _LOOK.loc[np.where(dx == "nv", "mel", "nv")].to_numpy()
    look = typical + doubt * (other - typical)
    return look * np.exp(rng.normal(0, 1, look.shape) * spread)


def _shots(table: pd.DataFrame, rng: np.random.Generator) -> Fields:
    """What belongs to one picture: framing, light, device, hairs. First axis: images."""
    n = len(table)
    device = np.array([_SOURCE[source] for source in table["dataset"]], np.float32)
    colour, (spread, vignette, frame, blur, noise) = device[:, :3], device[:, 3:].T
    cast = rng.normal(0, 1, (n, 1)) * .7 + rng.normal(0, 1, (n, 3)) * (.3, .5, .7)
    shot = {"shift": rng.normal(0, .07, (n, 2)), "turn": rng.normal(0, .2, n), "noise": noise}
    shot["zoom"] = np.exp(rng.normal(0, .13, n))
    shot["flip"] = rng.choice([-1, 1], n, p=[.05, .95])
    shot["light"] = colour * np.exp(spread[:, None] * cast)
    shot["gradient"] = rng.normal(0, .05, (n, 2))
    shot["vignette"] = vignette * rng.uniform(.4, 1.6, n)
    shot["blur"] = np.clip(blur + rng.normal(0, .1, n), 0, .8)
    shot["frame"] = np.where(rng.random(n) < frame, rng.uniform(.95, 1.3, n), 9)
    hairs = np.arange(4) < rng.poisson(.45, n)[:, None]
    shot["hair"] = np.where(hairs, rng.uniform(.05, .35, (n, 4)), 0)
    angle, offset = rng.uniform(0, 2 * np.pi, (n, 4)), rng.normal(0, .5, (n, 4))
    shot["hair_line"] = np.stack([angle, offset, rng.normal(0, .3, (n, 4))], -1)
    place, size = rng.uniform(-.8, .8, (n, 2)), rng.uniform(.05, .2, n)
    shot["bubble"] = np.column_stack([place, size, rng.random(n) < .03])
    shot["ruler"] = (rng.random(n) < .02) * rng.choice([-1, 1], n)
    return _float32(shot)


def _float32(fields: Fields) -> Fields:
    return {name: np.asarray(value, np.float32) for name, value in fields.items()}


# ------------------------------------------------------------ drawing; pictures are (n, 28, 28)

_AXIS = ((np.arange(SIZE) + .5) * 2 / SIZE - 1).astype(np.float32)
_U, _V = np.meshgrid(_AXIS, _AXIS)  # of pixels, from -1 to 1, right and down


def _render(batch: Fields, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the pictures of one batch: uint8 (n, 28, 28, 3), and masks uint8 (n, 28, 28)."""
    # (n, …) → (…, n, 1, 1), so that each number meets the pixels of its picture
    f = SimpleNamespace()
    for name, value in batch.items():
        setattr(f, name, np.moveaxis(value, 0, -1)[..., None, None])
    x, y = _in_the_lesion(f)
    coarse, fine = _waves(f.coarse, x, y), _waves(f.fine, x, y)
    rho, mask = _shape(f, x, y, coarse, fine)
    depth = _pigment(f, rho, coarse, fine) * mask[..., None] @ _ABSORB
    depth = depth - batch["skin"][:, None, None] + .02 * fine[..., None]
    for line, dark in zip(f.hair_line, f.hair, strict=True):
        depth += (dark * _hair(*line))[..., None]
    depth -= _bubble(*f.bubble)[..., None]
    depth += _ruler(f.ruler)[..., None]
    picture = batch["light"][:, None, None] * np.exp(-depth) * _lamp(f)[..., None]
    picture = _blurred(picture, f.blur[..., None])
    picture += rng.standard_normal(picture.shape, np.float32) * f.noise[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8), np.round(255 * mask).astype(np.uint8)


def _in_the_lesion(f: SimpleNamespace) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels fixed to the lesion: moved, mirrored, turned, zoomed."""
    right, down = f.shift
    x, y = _U - right, (_V - down) * f.flip
    cos, sin = np.cos(f.turn), np.sin(f.turn)
    return (x * cos + y * sin) / f.zoom, (y * cos - x * sin) / f.zoom


def _waves(waves: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth random field fixed to the lesion, about -1 to 1."""
    return sum(np.sin(x * across + y * down + phase) for across, down, phase in waves) / 2


def _shape(f: SimpleNamespace, x: np.ndarray, y: np.ndarray, coarse: np.ndarray,
           fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the lesion's centre, and how far a pixel belongs to it, 0 to 1.

    The border is a Fourier series in the angle θ; exp(iθ) is the direction, its powers are exp(ikθ).
    """
    x, y = x * f.aspect, y / f.aspect
    rho = np.hypot(x, y) + 1e-6
    direction = (x + 1j * y) / rho
    power, reach = direction, np.ones_like(rho)
    for cosine, sine in f.border:  # k = 2 to 6
        power = power * direction
        reach += cosine * power.real + sine * power.imag
    reach = np.maximum(reach + (.2 * coarse + .25 * fine) * f.irregular, .3) * f.radius
    width = f.soft * f.radius * .5 + .03
    return rho, _falling((rho - reach) / width * 2.5)


def _falling(values: np.ndarray) -> np.ndarray:
    """From 1 far below 0 to 0 far above it."""
    return 1 / (1 + np.exp(np.clip(values, -30, 30)))


def _pigment(f: SimpleNamespace, rho: np.ndarray, coarse: np.ndarray,
             fine: np.ndarray) -> np.ndarray:
    """Amounts of melanin, blood, deep pigment and scale, (n, 28, 28, 4)."""
    mottle = np.exp(f.blotch * coarse + f.grain * .5 * fine)
    blotches = 1 / (1 + np.exp(-5 * (coarse - .4)))
    centre = np.exp(-((rho / (.45 * f.radius)) ** 2)) * f.centre_scale
    scale = f.scale * 2.5 * (np.roll(blotches, 9, 1) + 3 * centre)
    blood = f.blood * (1 - .4 * fine)
    return np.stack([f.melanin * mottle, blood, f.deep * 2.2 * blotches, scale], -1)


def _hair(angle: np.ndarray, offset: np.ndarray, bend: np.ndarray) -> np.ndarray:
    across = _U * np.cos(angle) + _V * np.sin(angle) - offset
    along = _V * np.cos(angle) - _U * np.sin(angle)
    return np.exp(-(((across + bend * along**2) / .035) ** 2))


def _bubble(x: np.ndarray, y: np.ndarray, size: np.ndarray, there: np.ndarray) -> np.ndarray:
    """A bright ring in the fluid under the lens."""
    return .35 * there * np.exp(-(((np.hypot(_U - x, _V - y) - size) / .05) ** 2))


def _ruler(side: np.ndarray) -> np.ndarray:
    """Dark marks at the lower or upper edge (side 1 or -1), or none (0)."""
    edge = np.abs(_V - .93 * side) < .08
    return .6 * edge * (side != 0) * (np.sin(_U * 22) > .3)


def _lamp(f: SimpleNamespace) -> np.ndarray:
    """Light in the picture: uneven, darker outside, none outside a round frame."""
    radius, (right, down) = np.hypot(_U, _V), f.gradient
    lamp = 1 + right * _U + down * _V
    lamp -= f.vignette * radius**2 / 1.2
    return lamp / (1 + np.exp(np.clip((radius - f.frame) * 40, -30, 30)))


def _blurred(picture: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """A mix with the mean of the four neighbours, twice."""
    for times in (1, 2):
        near = np.pad(picture, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
        rows, columns = near[:, :, 1:-1], near[:, 1:-1]
        near = (rows[:, :-2] + rows[:, 2:] + columns[:, :, :-2] + columns[:, :, 2:]) / 4
        picture = picture + soft / times * (near - picture)
    return picture
