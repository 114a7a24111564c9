"""The clinic's readers behave as their bias and skill say, and their nodules look like LIDC's to a program."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from utils.clinic import experts, standins
from utils.clinic.experts import READERS, case_mix, colleagues, suspicion
from utils.clinic.patient import make_patient


@pytest.fixture(scope="module")
def cases():
    return case_mix(20_000, .4, seed=1)


def test_readers_say_yes_as_often_as_their_bias_and_skill_say(cases):
    for reader in READERS:
        for part in (cases[0], ~cases[0]):
            seen = cases[1][part]
            assert reader.says(seen).mean() == pytest.approx(reader.chance(seen).mean(), abs=.015), reader.name


def test_a_higher_threshold_trades_sensitivity_for_specificity_and_skill_improves_both(cases):
    opacity, seen = cases
    before = READERS[0]
    strict, keen = replace(before, threshold=before.threshold + 1), replace(before, skill=before.skill * 2)
    assert strict.says(seen)[opacity].mean() < before.says(seen)[opacity].mean() - .1
    assert strict.says(seen)[~opacity].mean() < before.says(seen)[~opacity].mean() - .05
    assert keen.says(seen)[opacity].mean() > before.says(seen)[opacity].mean() + .05


def test_identity_is_fixed_and_another_day_is_nearly_the_same(cases):
    seen = cases[1]
    for reader in READERS:
        first, again, later = reader.says(seen), reader.says(seen), reader.says(seen, day=1)
        assert (first == again).all() and .02 < (first != later).mean() < .2
        assert (reader.says(seen[:50]) == first[:50]).all(), "a case's answer does not depend on the cases after it"
    a, b = READERS[0].says(seen), READERS[1].says(seen)
    assert (a != b).mean() > (a != READERS[0].says(seen, day=1)).mean()


def test_colleagues_are_many_and_different():
    people = colleagues(40, seed=2)
    assert len({reader.number for reader in people}) == len({reader.threshold for reader in people}) == 40
    assert people == colleagues(40, seed=2) != colleagues(40, seed=3)
    assert abs(np.mean([reader.threshold for reader in people]) - np.mean([r.threshold for r in READERS])) < .4


def test_films_of_the_sick_are_more_suspicious_but_not_always():
    sick = [suspicion(make_patient(k, "opacity")) for k in range(40)]
    well = [suspicion(make_patient(k, "normal")) for k in range(40)]
    assert np.median(sick) > 3 * np.median(well) and min(sick) < max(well)
    median, spread, _ = experts.CASES
    assert np.median(sick) == pytest.approx(median, rel=.25) and np.std(np.log(sick)) == pytest.approx(spread, rel=.35)


def disc(radius, size=96):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return x**2 + y**2 < radius**2


def test_outlines_follow_the_margin():
    truth, reader = disc(20), replace(READERS[0], wobble=.3)
    areas = [np.mean([replace(reader, margin=m).outline(truth, .7, case).sum() for case in range(20)])
             for m in (-1.4, 0, 1.4)]  # fmt: skip
    for area, radius in zip(areas, (18, 20, 22), strict=True):
        assert area == pytest.approx(np.pi * radius**2, rel=.04)
    assert not reader.outline(np.zeros((9, 9), bool), .7).any()


def test_part_of_an_outlines_error_is_shared_by_all_readers():
    truth = disc(16)
    error = np.array([[reader.outline(truth, .7, case) ^ truth for reader in READERS] for case in range(30)])
    together = np.corrcoef(error[:, 0].ravel(), error[:, 4].ravel())[0, 1]
    apart = np.corrcoef(error[:, 0].ravel(), np.roll(error[:, 4], 1, axis=0).ravel())[0, 1]
    assert together > apart + .1


def test_the_stand_in_for_lidc_has_its_layout_and_its_flaws():
    made = standins.lidc_npz(patients=40)
    packed = made["reader_masks"]
    assert made["images"].shape == packed.shape == (len(packed), 128, 128)
    assert made["images"].dtype == packed.dtype == np.uint8 and packed.max() < 16
    assert (made["images"].min((1, 2)) == 0).all() and (made["images"].max((1, 2)) == 255).all()
    assert len({*zip(made["patient_id"], made["nodule"], strict=True)}) == len(packed) > len({*made["patient_id"]}) > 30
    outlined = np.array([[(m >> k & 1).any() for k in range(4)] for m in packed])
    assert outlined[:, 0].all() and (np.diff(outlined.sum(0)) < 0).all(), "bit k is the k-th outline, not a person"
    assert .15 < (outlined.sum(1) == 1).mean() < .45
    areas = np.array([[(m >> k & 1).sum() for k in range(4)] for m in packed])
    common = np.array([((m & 3) == 3).sum() for m in packed])[outlined[:, 1]]
    assert .7 < np.mean(2 * common / areas[outlined[:, 1], :2].sum(1)) < .9
    again = standins.lidc_npz(patients=2)
    assert (again["images"] == made["images"][: len(again["images"])]).all()
