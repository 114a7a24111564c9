"""Lesson 2.3, How do you move big images?: what its checks must say."""
from support import *  # noqa: F403 the five tests, which read the two tables below

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
