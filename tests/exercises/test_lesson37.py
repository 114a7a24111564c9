"""Lesson 3.7, How do you train on more than one machine?: what its checks must say."""
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from tools import notebook
from utils.exercises import lesson37

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_COMBINED = "def combined_gradient(gradients, sizes):\n    parts = [n * g for n, g in zip(sizes, gradients)]\n"
_COMBINED += "    return "
MISTAKES["combined_gradient"] = [
    (_COMBINED + "sum(parts)", "divide by the number of all images"),
    (_COMBINED + "sum(gradients)", "too long"),
    (_COMBINED + "np.mean(gradients, axis=0)", "counts alike"),
    (_COMBINED + "gradients[-1]", "last part"),
    (_COMBINED + "sum(parts) / len(sizes)", "number of parts"),
    (_COMBINED + "sum(parts).mean() / sum(sizes)", "not the entries"),
    (_COMBINED + "-sum(parts) / sum(sizes)", "should be"),
    (
        "def combined_gradient(gradients, sizes):\n    total = gradients[0]\n    total *= sizes[0]\n"
        "    for n, g in zip(sizes[1:], gradients[1:]):\n        total += n * g\n    return total / sum(sizes)",
        "make new arrays",
    ),
]
_ROWS = "def rank_rows(order, step, batch, rank, world):\n    share = batch // world\n    return "
MISTAKES["rank_rows"] = [
    (_ROWS + "np.arange(step * batch, (step + 1) * batch)[rank::world]", "positions"),
    (_ROWS + "order[step * batch : (step + 1) * batch]", "same rows"),
    (_ROWS + "order[(step - 1) * batch : step * batch][rank::world]", "steps count from 0"),
    (_ROWS + "order[(step + 1) * batch : (step + 2) * batch][rank::world]", "too late"),
    (_ROWS + "order[max(0, step - 1) * batch :][:batch][rank::world]", "too early"),
    (_ROWS + "order[:batch][rank::world]", "use step"),
    (_ROWS + "order[(step * world + rank) * batch :][:batch]", "all processes together"),
    (_ROWS + "order[step * batch + rank :][:share]", "overlap"),
    (_ROWS + "order[step * batch :][:batch][rank * share : (rank + 1) * share - (rank > 0)]", "equal shares"),
    (_ROWS + "order[step * batch : (step + 1) * batch - world][rank::world]", "together: it should be"),
    (_ROWS + "order[rank * len(order) // world :][step * share : (step + 1) * share]", "other images"),
]
_BYTES = "def training_bytes(parameters, optimiser):\n    state = {'sgd': 0, 'momentum': 1, 'adamw': 2}[optimiser]\n"
_BYTES += "    return "
MISTAKES["training_bytes"] = [
    (_BYTES + "(2 + state) * parameters", "count numbers"),
    (_BYTES + "2 * (2 + state) * parameters", "two bytes a number"),
    (_BYTES + "4 * (2 + state) * parameters / 1e6", "megabytes"),
    (_BYTES + "4 * (2 + state) * parameters / 1e9", "gigabytes"),
    (_BYTES + "4 * (1 + state) * parameters", "gradients both count"),
    (_BYTES + "4 * parameters", "weights alone"),
    (_BYTES + "16 * parameters", "every optimiser"),
    (_BYTES + "4 * (2 + min(state, 1)) * parameters", "two averages"),
    (_BYTES + "4 * (3 + state) * parameters", "need"),
]

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["combined_gradient"] = """
def combined_gradient(gradients, sizes):
    every = [gradient for gradient, size in zip(gradients, sizes) for _ in range(size)]
    return np.mean(every, axis=0)
"""
UNUSUAL["rank_rows"] = """
def rank_rows(order, step, batch, rank, world):
    return order.reshape(-1, world, batch // world)[step, rank].tolist()
"""
UNUSUAL["training_bytes"] = """
def training_bytes(parameters, optimiser):
    kept = ["weights", "gradient", *{"momentum": "m", "adamw": "mv"}.get(optimiser, "")]
    return f"{np.zeros(len(kept), np.float32).nbytes * parameters}"
"""


STEP = pd.DataFrame(
    [[20.0, 3.0, 6.0, 1.0], [2.0, 3.0, 6.0, 1.0]],
    ["image by image", "one tensor"], ["fetch", "forward", "backward", "update"],
)  # fmt: skip
CUT, LEFT = pd.DataFrame({"loss": [0.0] * 25}), {"step": 20}
LINE = "torchrun --nproc-per-node=4 train.py data.npz --device=cuda --batch=256 --seed=3 --checkpoint=s.pt"
TASKS = [
    ("at_most", (..., STEP), "blank", "not attempted"),
    ("at_most", (3.0, STEP), "done", "no cure"),
    ("at_most", (10.0, STEP), "wrong", "time without fetching"),
    ("at_most", (1 / 3, STEP), "wrong", "other way round"),
    ("at_most", (2 / 3, STEP), "wrong", "share of fetching"),
    ("at_most", (9.5, STEP), "wrong", "you say 9.50"),
    ("at_most", (2.5, STEP), "wrong", "no fetching at all"),
    ("at_most", (2.0, STEP), "wrong", "and the rest"),
    ("at_most", (1.2, STEP), "wrong", "take the row"),
    ("command", (...,), "blank", "not attempted"),
    ("command", (LINE,), "done", "four processes"),
    ("command", (LINE.replace("torchrun", "python -m torch.distributed.run").replace("=", " "),), "done", "four"),
    ("command", (LINE.replace("-per-node", "_per_node"),), "done", "four processes"),
    ("command", (LINE.replace("torchrun --nproc-per-node=4", "python"),), "wrong", "begins with torchrun"),
    ("command", (LINE.replace("--nproc-per-node=4 ", ""),), "wrong", "how many processes"),
    ("command", (LINE.replace("=4", "=2"),), "wrong", "one process each"),
    ("command", ("torchrun train.py --nproc-per-node=4 data.npz",), "wrong", "before train.py"),
    ("command", (LINE.replace("train.py", "--seed=3 train.py"),), "wrong", "after train.py"),
    ("command", (LINE.replace("=256", "=64"),), "wrong", "together"),
    ("command", (LINE.replace("--batch=256 ", ""),), "wrong", "--batch=256"),
    ("command", (LINE.replace("--seed=3", "--seed=0"),), "wrong", "--seed=3"),
    ("command", (LINE.replace("--checkpoint=s.pt", ""),), "wrong", "of its own"),
    ("command", (LINE.replace("--device=cuda ", ""),), "wrong", "on the CPU"),
    ("command", (LINE.replace("data.npz ", ""),), "wrong", "data are missing"),
    ("command", (4,), "wrong", "in quotes"),
    ("again", (5, CUT, LEFT), "done", "costs"),
    ("again", (4, CUT, LEFT), "wrong", "after step 24"),
    ("again", (20, CUT, LEFT), "wrong", "checkpoint knows"),
    ("again", (25, CUT, LEFT), "wrong", "were done"),
    ("again", (-5, CUT, LEFT), "wrong", "other way round"),
    ("amdahl", (1 / (0.05 + 0.95 / 8), 20), "done", "twentieth"),
    ("amdahl", (5.93, 19.9996), "done", "twentieth"),
    ("amdahl", (8, 20), "wrong", "ideal"),
    ("amdahl", (5.926, 1_000_000), "wrong", "a million: that is the ideal"),
    ("amdahl", (7.6, 20), "wrong", "only the shared part"),
    ("amdahl", (0.16875, 20), "wrong", "time that is left"),
    ("job", (8, 64), "done", "one batch"),
    ("job", (4, 128), "wrong", "one node"),
    ("job", (40, 64), "wrong", "five seeds"),
    ("job", (8, 512), "wrong", "together"),
    ("job", (8, 128), "wrong", "one node"),
]


@pytest.mark.parametrize(("task", "answer", "state", "words"), TASKS)
def test_the_tasks(task, answer, state, words):
    verdict = getattr(lesson37, task)(*answer)
    assert verdict.state == state and words in verdict.message, verdict


def test_the_script_goes_on_from_its_own_checkpoint_only(tmp_path):
    np.savez(tmp_path / "data.npz", images=np.zeros((16, 28, 28, 3), np.uint8), labels=np.arange(16) % 3)
    script = notebook.ROOT / "episodes/episode03_modeling/train.py"

    def train(*options):
        line = [sys.executable, script, "data.npz", "--width=8", *options]
        surroundings = os.environ | {"PYTHONPATH": str(notebook.ROOT), "OMP_NUM_THREADS": "1"}
        ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=surroundings)
        return ran.returncode, len(ran.stdout.splitlines()), ran.stderr

    assert train("--steps=1", "--batch=8")[:2] == (0, 1)
    code, lines, said = train("--steps=1", "--batch=8")
    assert (code, lines) == (0, 0) and "nothing to do: 1 steps are done" in said
    code, lines, said = train("--steps=2", "--batch=4", "--seed=1")
    assert code == 1 and not lines and "another run (seed 0, not 1; batch 8, not 4)" in said
    assert train("--steps=2", "--batch=8")[:2] == (0, 1)
    assert "change --batch" in train("--batch=1024")[2]
