"""Lesson 2.3, How do you move big images?: its checks."""
import inspect

import numpy as np

from utils.exercises.expect import expect_number, number, refuse
from utils.lesson import exercise


@exercise("Exercise 1", "pixels to bytes, bytes to bits, bits to seconds")
def transfer_seconds(answer):
    cases = [((350, 512, 512), 16, 10.0, 1.0), ((350, 512, 512), 12, 1000.0, 1.0),
             ((1, 2500, 2048), 10, 10.0, 0.4), ((4, 100, 300), 8, 3.0, 0.25)]
    for shape, stored, megabits, share in cases:
        bits = 8 if stored == 8 else 16
        truth = np.prod(shape) * bits * share / (megabits * 1e6)
        expect_number(answer(shape, stored, megabits, share), truth, {
            "you divide bytes by bits: a byte is eight bits": truth / 8,
            "you multiply bits by eight: bits_stored is in bits already": truth * 8,
            "{stored} bits fill two whole bytes: round up before you multiply": truth * stored / bits,
            "you count one byte a pixel; more than 8 bits need two": truth * 8 / bits,
            "you count two bytes a pixel; 8 bits need only one": truth * 16 / bits,
            "lines are sold in powers of ten: a megabit is a million bits": truth * 1e6 / 2**20,
            "megabits, not bits: a megabit is a million bits": truth * 1e6,
            "you leave the share out: compressed files are smaller": truth / share,
            "divided by the share the file grows; multiply": truth / share**2,
            "you count one image only; shape[0] is how many there are": truth / shape[0],
        }, "{shape} pixels of {stored} bits at {megabits:g} Mbit/s and a share of {share:g} take "
           "{truth:.3g} s, you say {got:.3g}", shape=shape, stored=stored, megabits=megabits,
           share=share)
    try:
        plain = number(answer((2, 10, 10), 16, 1.0))
    except TypeError:  # it insists on a share
        plain = np.nan
    refuse(not np.isclose(plain, 3.2e-3), "without a share the "
           "files are uncompressed: keep share=1.0 in the signature")


@exercise("Exercise 2", "the same settings, the same folder; anything else, another")
def cache_key(answer):
    window = {"centre": 40, "width": 400}
    settings = {"size": 12, "crop": 8, "window": window, "steps": ["read", "scale"]}
    key = answer(settings, "1.0")
    good = isinstance(key, str) and 0 < len(key) <= 64 and key.isascii() and key.isalnum()
    refuse(not good, "the key names a folder: letters and digits only, at most 64; yours is {!r}…",
           str(key)[:30])
    code = getattr(inspect.unwrap(answer), "__code__", None)
    refuse("hash" in getattr(code, "co_names", ()), "hash() of a text is another number each time "
           "Python starts: use hashlib")
    equal = {
        "two calls with equal settings give two keys: leave out time, random numbers and addresses": settings,
        "the same settings in another order give another key: sort them": dict(reversed(settings.items())),
        "the order inside a nested dictionary changes your key: sort there, too (json.dumps does)":
            settings | {"window": dict(reversed(window.items()))},
    }
    for sentence, same in equal.items():
        refuse(answer(same, "1.0") != key, sentence)
    refuse(answer(settings, "1.1") == key, "new code, old key: version has to go in")
    other = {
        "another size, same key: the settings' values have to go in": {"size": 13},
        "a change inside a nested dictionary leaves your key as it is": {"window": window | {"width": 401}},
        "steps in another order do something else; only the order of a dictionary's names is free":
            {"steps": ["scale", "read"]},
        "size 12 and crop 8 get the key of size 8 and crop 12: names and values belong together":
            {"size": 8, "crop": 12},
    }
    for sentence, change in other.items():
        refuse(answer(settings | change, "1.0") == key, sentence)
    refuse(answer({"size": "1", "crop": 28}, "1.0") == answer({"size": "12", "crop": 8}, "1.0"),
           "1 and 28 run together like 12 and 8: keep a separator between the values")


@exercise("Exercise 3", "now you know which half to mend")
def bottleneck(answer):
    hardly = "together is hardly slower than the network alone"
    cases = [
        (0.010, 0.050, 0.051, "data", "the loader alone is slower than the network"),
        (0.010, 0.050, 0.060, "data",
         "the loader alone is slower than the network; that they take turns comes second"),
        (0.050, 0.040, 0.091, "overlap", "the loader is fast enough alone, yet together takes much longer"),
        (0.050, 0.040, 0.053, "network", hardly),
        (0.050, 0.001, 0.051, "network", hardly),
        (0.100, 0.030, 0.125, "overlap", "together takes more than 1.2 times the network alone"),
        (0.010, 0.011, 0.0115, "network", f"{hardly}, so nothing starves"),
    ]
    for preloaded, loader, together, truth, why in cases:
        got = answer(preloaded, loader, together)
        refuse(got not in ("data", "overlap", "network"), 'return "data", "overlap" or "network", '
               "not {!r}", got)
        refuse(got != truth, 'network {} s, loader {} s, together {} s is "{}" and not "{}": {}',
               preloaded, loader, together, truth, got, why)
