"""Lesson 3.7, How do you train on more than one machine?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

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
