"""Lesson 2.3, How do you move big images?: its checks."""
import inspect

import numpy as np

from utils.exercises.expect import expect_number, number, refuse
from utils.lesson import exercise


@exercise("Task: folders", "what changes in raw runs through to the end, and nothing is overwritten")
def folders(answer):
    expect_number(answer, 5, {
        "nothing is overwritten: what was there stays for the paper that used it, so count it, too": 2,
        "another raw gives interim another key, and with it another folder": 3,
        "interim is made anew, and processed is made from interim: its key changes, too": 4,
        "nobody asked for 128 pixels this time: that folder is not made anew": 6,
    }, "one interim and two processed folders are there now; say which new ones come, by their keys")


@exercise("Task: formats", "small for the line, plain for the hundredth time")
def formats(over_line, in_training, total, stored):
    """The answers come with what the lesson has: {format: seconds by speed} and a table with the column `slower`."""
    lossless = [name for name in stored.index if "lossy" not in name]
    for name in (over_line, in_training):
        refuse(not isinstance(name, str) or name not in stored.index, "{!r} is none of the seven names: {}", name,
               ", ".join(stored.index))  # fmt: skip
        refuse("lossy" in name, "{} loses grey values, and the task forbids that", name)
    best = min(total, key=lambda name: total[name][0])
    refuse(over_line == "array file", "an array file is as large as the uncompressed one, so it travels as long")
    refuse(over_line != best, "over 10 Mbit/s {} takes {:.0f} ms and {} {:.0f} ms: travel is what costs there",
           over_line, 1000 * total[over_line][0], best, 1000 * total[best][0])  # fmt: skip
    fastest = stored.loc[lossless, "slower"].idxmin()
    refuse(in_training != fastest, "it is opened a hundred times, and opening {} takes {:.0f} times as long as {}",
           in_training, 10 ** (stored["slower"][in_training] - stored["slower"][fastest]), fastest)  # fmt: skip


@exercise("Task: tiles", "a region seldom begins where a tile begins")
def tiles(answer):
    expect_number(answer, 9, {
        "512 pixels are two tiles wide only where they begin at a tile's border; 100 is none": 4,
        "three tiles in one direction; a region has two": (3, 6),
        "one tile holds 256 × 256 pixels; the region is larger": 1,
        "that is all of level 0: the others need not be opened": 256,
        "the region ends at pixel 611, which lies in the third tile: count 0, 1, 2": 16,
    }, "pixels 100 to 611, both ways: in which tiles of 256 do the first and the last lie?")


@exercise("Exercise 1", "pixels to bytes, bytes to bits, bits to seconds")
def transfer_seconds(answer):
    cases = [((350, 512, 512), 16, 10.0, 1.0), ((350, 512, 512), 12, 1000.0, 1.0),
             ((1, 2500, 2048), 10, 10.0, 0.4), ((4, 100, 300), 8, 3.0, 0.25)]
    for shape, stored, megabits, share in cases:
        bits = 8 if stored == 8 else 16
        truth = np.prod(shape) * bits * share / (megabits * 1e6)
        got = number(answer(shape, stored, megabits, share))
        exact = np.isclose(got, truth, rtol=1e-5)
        refuse(not exact and abs(got - truth) < 0.01 * truth, "that is right and rounded; return it as it is: a "
               "hundred thousand studies add up")  # fmt: skip
        expect_number(got, truth, {
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
    refuse(len(key) < 8, "{} letters are too few: among some thousand settings two would share a key by chance; "
           "8 at least", len(key))  # fmt: skip
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
    refuse(answer(settings | {"size": "12"}, "1.0") == key, "the number 12 and the text '12' get one key: str() makes "
           "them alike; json.dumps or repr do not")  # fmt: skip
    for name in ("version", "code", "key"):  # a setting may bear the name under which the version is put in
        refuse(answer(settings | {name: "1.0"}, "1.0") == answer(settings | {name: "0.9"}, "1.0"), "a setting called "
               "{!r} goes lost under yours: put settings and version side by side", name)  # fmt: skip
    many = len({answer(settings | {"size": size}, "1.0") for size in range(3000)})
    refuse(many < 3000, "of 3,000 settings {} share their key with another: keep more of the checksum", 3000 - many)
    refuse(answer({"size": "1", "crop": 28}, "1.0") == answer({"size": "12", "crop": 8}, "1.0"),
           "1 and 28 run together like 12 and 8: keep a separator between the values")


@exercise("Exercise 3", "now you know which half to mend")
def bottleneck(answer):
    hardly = "together is hardly slower than the network alone"
    cases = [
        (0.010, 0.050, 0.051, "data", "the loader alone is slower than the network"),
        (0.010, 0.050, 0.060, "data",
         "the loader alone is slower than the network; that they take turns comes second"),
        (0.050, 0.055, 0.110, "data", "the loader alone is slower than the network, by however little"),
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
