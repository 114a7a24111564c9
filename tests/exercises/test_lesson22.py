"""Lesson 2.2, Where is a pixel?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

MISTAKES["volume_ml"] = [
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask)", "number of voxels"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * np.prod(spacing)", "in mm³"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * np.prod(spacing) / 10", "not 10"),
    ("def volume_ml(mask, spacing):\n    return mask.sum() * np.prod(spacing) / 1000", "add up the values"),
    ("def volume_ml(mask, spacing):\n    return (mask == 1).sum() * np.prod(spacing) / 1000", "only the ones"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * spacing[0] * spacing[1] / 1000", "an area"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * spacing[0] ** 3 / 1000", "for a cube"),
    ("def volume_ml(mask, spacing):\n    return np.count_nonzero(mask) * sum(spacing) / 1000", "you add the spacings"),
]


def _affine(first=1, second=0, steps="count - 1", order=(0, 1, 2), flip="F @ A"):
    """Code for nifti_affine with one thing different."""
    return (
        "def nifti_affine(first, last, count, orientation, pixel_spacing):\n"
        "    row, column = np.reshape(orientation, (2, 3))\n"
        f"    parts = [row * pixel_spacing[{first}], column * pixel_spacing[{second}],\n"
        f"             (np.array(last) - np.array(first)) / ({steps})]\n"
        "    A, F = np.eye(4), np.diag([-1, -1, 1, 1])\n"
        f"    A[:3] = np.stack([parts[{order[0]}], parts[{order[1]}], parts[{order[2]}], first], axis=1)\n"
        f"    return {flip}"
    )


MISTAKES["nifti_affine"] = [
    (_affine(flip="A"), "still LPS"),
    (_affine(flip="np.hstack([(F @ A)[:, :3], A[:, 3:]])"), "origin is still LPS"),
    (_affine(flip="A @ F"), "negate two columns"),
    (_affine(first=0, second=1), "distance between rows"),
    (_affine(order=(1, 0, 2)), "first column"),
    (_affine(steps="count"), "n − 1 steps"),
    (_affine(order=(2, 1, 0)), "follow the indices"),
    (_affine(flip="(F @ A)[:3, :3]"), "4 rows and 4 columns"),
    (_affine(flip="(F @ A).T"), "its last row"),
]
MISTAKES["resample_labels"] = [
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=1)",
        "do not mix",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels.astype(float), to_old, output_shape=new_shape, order=0)",
        "data type",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(new_affine) @ affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=0)",
        "nearest neighbour: new index",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, output_shape=new_shape, order=0, cval=7)",
        "nobody drew",
    ),
    (
        "def resample_labels(labels, affine, new_affine, new_shape):\n"
        "    to_old = np.linalg.inv(affine) @ new_affine\n"
        "    return ndimage.affine_transform(labels, to_old, order=0)",
        "the new grid has shape",
    ),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["volume_ml"] = """
def volume_ml(mask, spacing):
    edges = np.diag(spacing) / 10  # cm
    return sum(1 for voxel in mask.flat if voxel) * abs(np.linalg.det(edges))
"""
UNUSUAL["nifti_affine"] = """
def nifti_affine(first, last, count, orientation, pixel_spacing):
    def place(column, row, part):  # in RAS
        lps = [first[i] + column * orientation[i] * pixel_spacing[1]
               + row * orientation[3 + i] * pixel_spacing[0] + part * (last[i] - first[i]) / (count - 1)
               for i in range(3)]
        return np.array([-lps[0], -lps[1], lps[2]])
    zero = place(0, 0, 0)
    columns = [place(*step) - zero for step in np.eye(3)]
    return [[*(column[i] for column in columns), zero[i]] for i in range(3)] + [[0, 0, 0, 1]]
"""
UNUSUAL["resample_labels"] = """
def resample_labels(labels, affine, new_affine, new_shape):
    grid = np.stack([*np.indices(new_shape), np.ones(new_shape)])
    index = np.rint(np.einsum("ij,jxyz->ixyz", np.linalg.solve(affine, new_affine), grid))[:3].astype(int)
    size = np.reshape(labels.shape, (3, 1, 1, 1))
    inside = ((index >= 0) & (index < size)).all(axis=0)
    return np.where(inside, labels[tuple(np.clip(index, 0, size - 1))], labels.dtype.type(0))
"""
