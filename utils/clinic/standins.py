"""What the clinic writes in place of each public set: the same files, named and laid out as the real ones.

`WRITERS[name](folder, progress)` writes the files of set `name` into `folder`, as they would lie in a data
folder. `progress` may wrap a loop that takes long, as `tqdm` does.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

Progress = Callable[[Iterable], Iterable] | None


def _dermamnist(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import skin

    made = dict(skin.generate())
    table, masks = made.pop("table"), made.pop("masks")
    np.savez(folder / "dermamnist.npz", **made)
    table[["split", "index", "image_id"]].to_csv(folder / "dermamnist_split_info.csv", index=False)
    columns = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]
    table[columns].to_csv(folder / "HAM10000_metadata.csv", index=False)
    names = table["image_id"].to_numpy(dtype=str)
    np.savez(folder / "ham10000_lesion_masks_28.npz", masks=masks, image_id=names)


def _pneumoniamnist(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import chest

    np.savez(folder / "pneumoniamnist.npz", **chest.pneumonia_npz())


def _mr_t1_series(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import head

    head.write_mr_series(folder / "mr_t1_series")


def _lidc_nodules(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import readers

    np.savez(folder / "lidc_nodules.npz", **readers.lidc_npz())


def _ct_volume(folder: Path, progress: Progress = None) -> None:
    import nibabel

    from utils.clinic import scanner

    array, affine = scanner.volume()
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    (folder / "ct").mkdir()
    nibabel.save(image, folder / "ct" / "body_3mm.nii.gz")


def _ct_slices(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import scanner

    scanner.write_slices(folder / "ct")


def _rsna(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import archive

    archive.write_rsna(folder / "rsna", progress=False)


def _covid19(folder: Path, progress: Progress = None) -> None:
    from utils.clinic import archive

    archive.write_covid(folder / "covid19", progress=False)


WRITERS: dict[str, Callable[..., None]] = {
    "dermamnist": _dermamnist,
    "pneumoniamnist": _pneumoniamnist,
    "mr_t1_series": _mr_t1_series,
    "lidc_nodules": _lidc_nodules,
    "ct_volume": _ct_volume,
    "ct_slices": _ct_slices,
    "rsna": _rsna,
    "covid19": _covid19,
}
