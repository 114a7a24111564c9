"""Evidence: one random affordable row of each file is made again and compared; how rows are gathered and kept."""
from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest

from tools import __main__ as command
from tools import evidence as gathering
from tools import notebook
from utils import evidence

WITH_EVIDENCE = [*notebook.all_scripts(), *(path for path in notebook.all_notebooks() if gathering.sources(path))]
every_experiment = pytest.mark.parametrize("path", WITH_EVIDENCE, ids=lambda path: path.stem)
AFFORDABLE = 30.0  # seconds


def rows_of(path):
    """All rows; a lesson without any fails with the command that makes them."""
    file = gathering.file_of(path)
    assert file.exists(), f"the evidence of {path.stem} is missing: run `make evidence NB={path.stem}`"
    return evidence.read(file)


@every_experiment
def test_a_random_row_can_be_made_again(path):
    namespace = gathering.experiment_of(path)
    source = gathering.source_of(namespace)
    rows_of(path)
    if source is not None and source.is_real and command.on_pull_request():
        pytest.skip("a maintainer gathers what is missing on real data")
    if source is not None and ("real" if source.is_real else "synthetic") not in kinds_needed(path):
        pytest.skip("this experiment is about the real data, which are not here")
    runs = evidence.table(path.stem, source)
    planned = sorted(gathering.planned(namespace))
    made = sorted(zip(runs["variant"], runs["seed"], strict=True))
    assert made == planned, f"runs are missing or too many: run `make evidence NB={path.stem}`"
    same_data = runs if source is None else runs[runs["data"] == source.fingerprint]
    if same_data.empty:
        assert source.is_real, "the generator changed: run `make evidence` for synthetic data again"
        pytest.skip("the evidence was gathered on another copy of this data set, so numbers may differ a little")
    affordable = same_data[same_data["seconds"] <= AFFORDABLE].to_dict("records")
    if not affordable:
        pytest.skip(f"no run of {path.stem} takes less than {AFFORDABLE:.0f} s")
    row = random.choice(affordable)
    print(f"again: {row['variant']}, seed {row['seed']}")
    metrics, _, _ = gathering.one_run(namespace, row["variant"], int(row["seed"]))
    tolerance = namespace["TOLERANCE"]
    for name, value in metrics.items():
        allowed = tolerance[name] if isinstance(tolerance, dict) else tolerance
        assert value == pytest.approx(row[name], abs=allowed, nan_ok=True), (row["variant"], row["seed"], name)


def kinds_needed(path):
    """The kinds of data that evidence must cover: both where the experiment asks the door for a data set."""
    if path.suffix == ".py":
        return {"real"}
    library = gathering.fingerprint.library()
    loaded = library.sets(library.code(gathering.sources(path))[1])
    return {"real", "synthetic"} if loaded else {"synthetic"}


@every_experiment
def test_evidence_covers_real_and_synthetic_data(path):
    runs = rows_of(path)
    assert set(evidence.KEYS) <= set(runs.columns)
    missing = kinds_needed(path) - set(runs["source"])
    if missing == {"real"} and command.on_pull_request():
        pytest.skip("the rows on real data are missing: a maintainer adds them after the merge")
    assert not missing, f"no rows on {missing} data: run `make evidence NB={path.stem}` there, too"


FEWER = {  # seeds of a variant: 1 where nothing is random, 3 where a run takes minutes
    "03_classify_pneumonia": {"logistic": 1, "children, logistic": 1},
    "05_segment_lung_lesions": {f"{data}, {skips}": 3 for data in ("clinic CT", "hippocampus")
                                for skips in ("skips", "no skips")},
}  # fmt: skip


@every_experiment
def test_each_variant_has_five_seeds(path):
    by_variant = rows_of(path).groupby(["source", "variant"])["seed"].nunique()
    usual, fewer = 3 if path.suffix == ".py" else 5, FEWER.get(path.stem, {})
    few = {key: seeds for key, seeds in by_variant.items() if seeds < fewer.get(key[1], usual)}
    assert not few


@every_experiment
def test_evidence_was_made_by_the_code_as_it_is(path):
    wrong, behind = gathering.state(path)
    assert not wrong
    if behind and command.on_pull_request():
        pytest.skip(behind[0])
    assert not behind


def test_missing_evidence_is_one_sentence():
    with pytest.raises(evidence.EvidenceError, match="No lesson is called"):
        evidence.table("99_nothing")


# ---------------------------------------------------------------------------- gathering


EXPERIMENT = """
from pathlib import Path
VARIANTS, SEEDS, TOLERANCE = ["plain", "shifted"], {seeds}, 1e-9
REFERENCE = {{"ids": [11, 12], "label": ["nv", "mel"]}}

class pile:
    class source:
        is_real, fingerprint = {real}, "{data}"

def experiment(variant, seed):
    with Path(__file__).with_name("runs.txt").open("a") as log:
        print(variant, seed, file=log)
    if {stop} and seed == 2:
        raise KeyboardInterrupt
    score = seed + (variant == "shifted") / 3
    return {{"score": score, "predictions": {{"val": [seed, seed + 1], "left out": [float("nan")]}}}}
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "EPISODES", tmp_path)
    (tmp_path / "episode01_x" / "evidence").mkdir(parents=True)

    def write(**values):
        settings = {"seeds": "range(3)", "real": True, "data": "abc", "stop": False, **values}
        path = tmp_path / "episode01_x" / "evidence" / "dice.py"
        path.write_text(EXPERIMENT.format(**settings))
        return path

    return write


def ran(path):
    """What was run since this was last asked."""
    log = path.with_name("runs.txt")
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def source(path):
    return gathering.experiment_of(path)["pile"].source


def test_rows_and_arrays_of_a_script_are_kept_by_kind_of_data(course):
    for real in (True, False):
        path = course(real=real)
        gathering.gather(path)
    rows = evidence.read(gathering.file_of(path))
    assert len(rows) == 12 and list(rows.columns) == [*evidence.KEYS, "score"]
    assert rows["score"].tolist()[:6] == [0, 1, 2, 0.333333, 1.33333, 2.33333]
    assert evidence.table("dice", source(path))["source"].unique() == ["synthetic"]
    kept = evidence.predictions("dice", source(path))
    assert set(kept) == {"plain", "shifted"} and kept["plain"].tolist() == [[0, 1], [1, 2], [2, 3]]
    assert evidence.reference("dice", source(path), "ids").tolist() == [11, 12]
    assert evidence.reference("dice", source(path), "label").tolist() == ["nv", "mel"]
    with pytest.raises(evidence.EvidenceError, match="keeps no names"):
        evidence.reference("dice", source(path), "names")
    with pytest.raises(evidence.EvidenceError, match="no predictions for test"):
        evidence.predictions("dice", source(path), split="test")
    for word, kind in (("real", "real"), ("synthetic", "synthetic"), (source(path), "synthetic")):
        assert set(evidence.table("dice", word)["source"]) == {kind}
        assert set(evidence.predictions("dice", word)) == {"plain", "shifted"}
        assert evidence.reference("dice", word, "ids").tolist() == [11, 12]
    assert len(evidence.table("dice")) == len(rows), "None keeps all"
    assert set(evidence.predictions("dice")) == {"plain", "shifted"}
    with pytest.raises(evidence.EvidenceError, match="There is no 'reel' data"):
        evidence.table("dice", "reel")
    wrong, behind = gathering.state(path)
    assert "another experiment" in wrong[0] and not behind, "the real rows come from the script as it was before"


def test_it_goes_on_where_it_stopped(course):
    path = course()
    gathering.gather(path)
    assert len(ran(path)) == 6
    gathering.gather(path)
    assert ran(path) == [], "nothing is missing"
    file = gathering.file_of(path)
    whole, arrays = file.read_bytes(), dict(np.load(file.with_suffix(".npz")))
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    gathering.gather(path)
    assert ran(path) == [f"shifted {seed}" for seed in range(3)], "rows and arrays of this variant disagreed"
    assert file.read_bytes() == whole
    again = np.load(file.with_suffix(".npz"))
    assert all(np.array_equal(again[key], arrays[key], equal_nan="left out" in key) for key in arrays)


def test_what_was_done_before_an_interruption_is_kept(course):
    path = course(stop=True)
    with pytest.raises(KeyboardInterrupt):
        gathering.gather(path)
    assert evidence.read(gathering.file_of(path))["seed"].tolist() == [0, 1]
    ran(path)
    with pytest.raises(KeyboardInterrupt):
        gathering.gather(path)
    assert ran(path) == ["plain 2"]


@pytest.mark.parametrize("change", [{"data": "other"}, {"seeds": "range(4)"}])
def test_other_data_or_other_code_runs_everything_again(course, change):
    gathering.gather(course())
    path = course(**change)
    ran(path)
    gathering.gather(path)
    count = 2 * len(list(eval(change.get("seeds", "range(3)"))))
    assert len(ran(path)) == len(evidence.read(gathering.file_of(path))) == count


def test_a_change_that_changed_no_number_is_proved_by_one_seed_a_variant(course, capsys):
    for real in (False, True):
        path = course(real=real)
        gathering.gather(path)
    path.write_text(path.read_text() + "\nunused = 1\n")
    assert gathering.state(path)[0], "the experiment is another one now"
    ran(path)
    assert command.main(["evidence", str(path), "--recheck"]) == 0
    assert [line.split()[0] for line in ran(path)] == ["plain", "shifted"]
    rows = evidence.read(gathering.file_of(path))
    now = gathering.code_hash(path)
    assert set(rows.loc[rows["source"] == "real", "code"]) == {now}
    assert now not in set(rows.loc[rows["source"] == "synthetic", "code"]), "the other kind was not tried"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("/ 3", "/ 3.0001", "score was"), ("seed + 1]", "seed + 2]", "predictions"), ('"abc"', '"abd"', "other rows")],
)
def test_a_change_that_changed_a_number_is_named_and_nothing_is_written(course, capsys, old, new, words):
    path = course()
    gathering.gather(path)
    before = gathering.file_of(path).read_bytes()
    path.write_text(path.read_text().replace(old, new))
    assert command.main(["evidence", str(path), "--recheck"]) == 1
    assert words in capsys.readouterr().err and gathering.file_of(path).read_bytes() == before


def test_seeds_by_variant_and_one_variant_alone(course, capsys):
    path = course(seeds={"plain": [0, 1], "shifted": [5]})
    assert command.main(["evidence", str(path), "--only", "shifted"]) == 0
    assert ran(path) == ["shifted 5"]
    assert command.main(["evidence", str(path), "--only", "bent"]) == 1
    assert "no variant bent: choose one of plain, shifted" in capsys.readouterr().err
    gathering.gather(path)
    assert ran(path) == ["plain 0", "plain 1"]
    assert command.main(["evidence", str(course(seeds={"plain": [0]}))]) == 1
    assert "SEEDS names no seeds for shifted" in capsys.readouterr().err


def test_an_experiment_that_lacks_a_part_is_named(course, capsys):
    path = course()
    path.write_text("SEEDS = range(3)")
    assert command.main(["evidence", str(path)]) == 1
    assert "does not define TOLERANCE, VARIANTS, experiment" in capsys.readouterr().err


def test_a_script_beside_the_lesson_that_it_names_counts(course, monkeypatch):
    path, script = course(), course().with_name("train.py")
    script.write_text("from utils import models\nmodels.count_parameters")
    unnamed = gathering.code_hash(path)
    script.write_text("print(1)")
    assert gathering.code_hash(path) == unnamed, "nobody names it"
    path.write_text(path.read_text() + "\nSCRIPT = 'beside/train.py'\n")
    plain = gathering.code_hash(path)
    script.write_text("from utils import models\nmodels.count_parameters")
    named = gathering.code_hash(path)
    own, reached = zip(plain.split("-"), named.split("-"), strict=True)
    assert own[0] != own[1] and reached[0] != reached[1], "its own code, and what it reaches"
    script.write_text("from utils import models  # words\n\nmodels.count_parameters")
    assert gathering.code_hash(path) == named
    library = gathering.fingerprint.library()
    assert {"script", "train.py"} == set(gathering.code_of(gathering.sources(path), path, library)[0])


def test_what_the_experiment_reaches_is_behind_and_the_door_is_not(course, monkeypatch):
    path = course()
    path.write_text(path.read_text() + "\nfrom utils import datasets, models\nmodels.count_parameters, datasets.load\n")
    gathering.gather(path)
    assert gathering.state(path) == ([], [])
    library = gathering.fingerprint.library()
    read = library.read
    changed = {("utils.datasets", "load"): ("other", set()), ("utils.models", "count_parameters"): ("other", set())}
    monkeypatch.setattr(library, "read", lambda one: changed[one] if one[1] == "load" else read(one))
    assert gathering.state(path) == ([], [])
    monkeypatch.setattr(library, "read", lambda one: changed.get(one) or read(one))
    wrong, behind = gathering.state(path)
    assert not wrong and "made before code that it reaches changed" in behind[0]


def test_beside_a_set_that_only_the_clinic_has_one_real_set_makes_the_rows_real():
    def loaded(real, mark):
        return SimpleNamespace(source=SimpleNamespace(is_real=real, fingerprint=mark))

    found = gathering.source_of({"films": loaded(False, "aa"), "children": loaded(True, "bb"), "seed": 3})
    assert found.is_real and found.fingerprint == "aa+bb"
    assert not gathering.source_of({"films": loaded(False, "aa")}).is_real
    assert gathering.source_of({"seed": 3}) is None
