"""Lesson 2.3, How do you move big images?: what its checks must say."""
import numpy as np
import pandas as pd
import pytest
from support import *  # noqa: F403 the five tests, which read the two tables below

from utils.exercises import lesson23

# {exercise: [(code that defines a wrong answer, words its message must hold), …]}
MISTAKES = {}

_SECONDS = "def transfer_seconds(shape, bits_stored, megabits, share=1.0):\n    return "
MISTAKES["transfer_seconds"] = [
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * share / (megabits * 1e6)", "eight bits"),
    (_SECONDS + "math.prod(shape) * bits_stored * share / (megabits * 1e6)", "round up"),
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * 8 * share / (megabits * 2**20)", "powers of ten"),
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * 8 / (megabits * 1e6)", "leave the share out"),
    (_SECONDS + "math.prod(shape) * math.ceil(bits_stored / 8) * 8 / share / (megabits * 1e6)", "multiply"),
    (_SECONDS + "math.prod(shape) * 16 * share / (megabits * 1e6)", "need only one"),
    (_SECONDS + "shape[1] * shape[2] * math.ceil(bits_stored / 8) * 8 * share / (megabits * 1e6)", "one image only"),
    (_SECONDS + "round(math.prod(shape) * math.ceil(bits_stored / 8) * 8 * share / (megabits * 1e6), 2)", "rounded"),
    (_SECONDS + "1.0", "you say"),
]
_KEY = "def cache_key(settings, version):\n    return "
_SHA = "hashlib.sha256(({}).encode()).hexdigest()"
MISTAKES["cache_key"] = [
    (_KEY + "json.dumps([settings, version], sort_keys=True)", "letters and digits"),
    (_KEY + "f'{hash(json.dumps([settings, version], sort_keys=True)) % 10**12}'", "each time Python starts"),
    (_KEY + _SHA.format("str(time.perf_counter())"), "leave out time"),
    (_KEY + _SHA.format("json.dumps([settings, version])"), "another order"),
    (_KEY + _SHA.format("str(sorted(settings.items())) + version"), "nested dictionary changes"),
    (_KEY + _SHA.format("json.dumps(settings, sort_keys=True)"), "version has to go in"),
    (_KEY + _SHA.format("str(sorted(settings)) + version"), "values have to go in"),
    (_KEY + _SHA.format("''.join(sorted(json.dumps([settings, version])))"), "do something else"),
    (
        "def cache_key(settings, version):\n"
        "    values = sorted(json.dumps(v, sort_keys=True) for v in settings.values())\n"
        "    return " + _SHA.format("version + ' '.join(values)"),
        "belong together",
    ),
    (_KEY + _SHA.format("json.dumps([settings, version], sort_keys=True)") + "[:4]", "too few"),
    (_KEY + "4 * " + _SHA.format("json.dumps([settings, version], sort_keys=True)") + "[:4]", "more of the checksum"),
    (
        "def cache_key(settings, version):\n"
        "    def plain(x):\n"
        "        return str(sorted((k, plain(v)) for k, v in x.items())) if isinstance(x, dict) else str(x)\n"
        "    return " + _SHA.format("plain(settings) + '|' + version"),
        "the text '12'",
    ),
    (_KEY + _SHA.format("json.dumps(settings | {'version': version}, sort_keys=True)"), "goes lost"),
]
_THREE = "def bottleneck(preloaded, loader, together):\n    "
MISTAKES["bottleneck"] = [
    (_THREE + "return 'data' if loader > preloaded else 'network'", 'is "overlap" and not "network"'),
    (_THREE + "return 'overlap' if together > 1.2 * preloaded else 'data' if loader > preloaded else 'network'",
     'is "data" and not "overlap"'),
    (_THREE + "return max(preloaded, loader, together)", 'return "data"'),
    (_THREE + "return 'data' if loader > preloaded else 'overlap' if together > preloaded else 'network'",
     'is "network" and not "overlap"'),
    (_THREE + "return 'data' if loader > preloaded else 'overlap' if together > 1.2 * preloaded else 'network'",
     "so nothing starves"),
    (_THREE + "return 'network' if together <= 1.2 * preloaded else 'data' if loader > 1.2 * preloaded else 'overlap'",
     "by however little"),
]  # fmt: skip

# {exercise: a correct answer that nobody would expect}
UNUSUAL = {}
UNUSUAL["transfer_seconds"] = """
def transfer_seconds(shape, bits_stored, megabits, share=1.0):
    kind = np.dtype("u1") if bits_stored <= 8 else np.dtype("u2")
    return np.float32(np.empty(shape, kind).nbytes * share / megabits / 125_000)
"""
UNUSUAL["cache_key"] = """
import zlib

def cache_key(settings, version):
    def plain(thing):
        if isinstance(thing, dict):
            return sorted((name, plain(value)) for name, value in thing.items())
        return repr(thing)
    return f"v{zlib.crc32(repr((plain(settings), version)).encode()):x}"
"""
UNUSUAL["bottleneck"] = """
def bottleneck(preloaded, loader, together):
    slow = together / preloaded > 1.2
    return ["network", "network", "overlap", "data"][2 * slow + (loader > preloaded)]
"""


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (5, "done", "nothing is overwritten"),
        (np.int64(3) + 2.0, "done", "nothing is overwritten"),
        (2, "wrong", "stays for the paper"),
        (3, "wrong", "another key"),
        (4, "wrong", "made from interim"),
        (6, "wrong", "nobody asked"),
        (1, "wrong", "by their keys"),
        ("five", "wrong", "one number"),
    ],
)
def test_the_task_of_the_folders(answer, state, words):
    verdict = lesson23.folders(answer)
    assert verdict.state == state and words in verdict.message


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (..., "blank", "not attempted"),
        (9, "done", "seldom begins"),
        (np.float32(9), "done", "seldom begins"),
        (4, "wrong", "tile's border"),
        (3, "wrong", "has two"),
        (1, "wrong", "larger"),
        (256, "wrong", "all of level 0"),
        (8, "wrong", "in which tiles"),
    ],
)
def test_the_task_of_the_tiles(answer, state, words):
    verdict = lesson23.tiles(answer)
    assert verdict.state == state and words in verdict.message


TOTAL = {"uncompressed": [0.42], "deflated": [0.27], "RLE": [0.23], "JPEG 2000 lossless": [0.18]}
STORED = pd.DataFrame(
    {"slower": [1.3, 1.8, 2.3, 2.8, 2.2, 1.9, 0.3]},
    index=[*TOTAL, "JPEG 2000 lossy", "JPEG 8 bit lossy", "array file"],
)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ((..., "array file"), "blank", "not attempted"),
        (("JPEG 2000 lossless", "array file"), "done", "small for the line"),
        (["JPEG 2000 lossless", "array file"], "done", "small for the line"),
        (("JPEG 2000 lossy", "array file"), "wrong", "loses grey values"),
        (("JPEG 2000 lossless", "JPEG 2000 lossless"), "wrong", "316 times as long"),
        (("uncompressed", "array file"), "wrong", "takes 420 ms"),
        (("array file", "array file"), "wrong", "travels as long"),
        (("JPEG", "array file"), "wrong", "none of the seven"),
        ((1, 2), "wrong", "none of the seven"),
    ],
)
def test_the_task_of_the_formats(answer, state, words):
    verdict = lesson23.formats(*answer, TOTAL, STORED)
    assert verdict.state == state and words in verdict.message
