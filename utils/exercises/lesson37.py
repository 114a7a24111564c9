"""Lesson 3.7, How do you train on more than one machine?: its checks."""
import shlex

import numpy as np

from utils.exercises.expect import expect_array, expect_number, expect_shape, expect_type, number, refuse
from utils.lesson import exercise


@exercise("Task: fetching", "no cure of the fetching can give more than this")
def at_most(answer, step):
    """The answer comes with the lesson's table: a row for each way to fetch, a column for each part of a step."""
    slow, fast = step.loc["image by image"], step.loc["one tensor"]
    rest = slow.drop("fetch").sum()
    expect_number(answer, slow.sum() / rest, {
        "that is the time without fetching: divide the whole step by it": rest,
        "the other way round: the whole step over what is left of it": rest / slow.sum(),
        "that is the share of fetching; ask what is left without it": slow["fetch"] / slow.sum(),
        "that is how many times faster the fetching is with one tensor; ask for the whole step, with no fetching":
            slow["fetch"] / fast["fetch"],
        "that is what one tensor gives; ask what no fetching at all would give": slow.sum() / fast.sum(),
        "that is fetching over the rest; the whole step is fetching and the rest": slow["fetch"] / rest,
        "take the row of image by image, not that of one tensor": fast.sum() / fast.drop("fetch").sum(),
    }, "the whole step of image by image over the same without its fetch: {truth:.2f}, you say {got:.2f}")  # fmt: skip


@exercise("Task: torchrun", "four processes, one batch, one checkpoint of its own")
def command(answer):
    expect_type(answer, str, "give the line as a text in quotes, not {kind}")
    words = shlex.split(answer)
    refuse("torchrun" not in words and "torch.distributed.run" not in words, "the line begins with torchrun: python "
           "alone starts one process")  # fmt: skip
    refuse("train.py" not in [word.rpartition("/")[2] for word in words], "train.py is missing")
    at = next(i for i, word in enumerate(words) if word.rpartition("/")[2] == "train.py")

    def option(name, among):
        for i, word in enumerate(among):
            key, _, value = word.replace("_", "-").partition("=")
            if key == f"--{name}":
                return value or " ".join(among[i + 1 : i + 2])
        return None

    before, after = words[:at], words[at + 1 :]
    refuse(option("nproc-per-node", after), "--nproc-per-node is for torchrun: it stands before train.py")
    count = option("nproc-per-node", before)
    refuse(count is None, "say how many processes: --nproc-per-node=4, before train.py")
    refuse(count not in ("4", "gpu"), "four GPUs, one process each: --nproc-per-node={}", 4)
    refuse(any(option(name, before) for name in ("batch", "seed", "checkpoint", "device")), "what the script is told "
           "stands after train.py")  # fmt: skip
    refuse(not any(word.endswith(".npz") for word in after), "the data are missing: data.npz, after train.py")
    batch = option("batch", after)
    refuse(batch == "64", "--batch counts the images of all processes together: 256")
    refuse(batch != "256", "256 images a step: --batch=256")
    refuse(option("seed", after) != "3", "the seed is missing: --seed=3")
    refuse(not option("checkpoint", after), "it needs a checkpoint of its own, or it meets that of another run: "
           "--checkpoint=seed-3.pt")  # fmt: skip
    refuse(option("device", after) != "cuda", "the script computes on the CPU unless you say --device=cuda")


@exercise("Task: steps again", "a checkpoint costs a moment, and its absence costs steps")
def again(answer, cut, left):
    """The answer comes with the killed run's log and the checkpoint that it left."""
    done, kept = int(cut.index[-1]) + 1, int(left["step"])
    expect_number(answer, done - kept, {
        "steps count from 0, so after step {last} one more is done than its number says": done - 1 - kept,
        "that is how many steps the checkpoint knows: those need not be done again": kept,
        "that is how many steps were done: those before the checkpoint need not be done again": done,
        "the other way round: done less kept": kept - done,
    }, "steps done, less steps that the checkpoint knows: {truth}, you say {got:g}", last=done - 1)  # fmt: skip


@exercise("Task: Amdahl", "the twentieth that is not shared decides")
def amdahl(eight, a_million):
    for n, answer, name in ((8, eight, "eight GPUs"), (1_000_000, a_million, "a million")):
        truth, s = 1 / (0.05 + 0.95 / n), 0.05
        expect_array(number(answer, name + ": one number, not {kind}"), truth, {
            f"{name}: that is the ideal; a twentieth is not shared": n,
            f"{name}: only the shared part is divided by n": n * (1 - s),
            f"{name}: that is the time that is left; they are worth one over it": 1 / truth,
            f"{name}: a twentieth is 0.05": (1 / (1 / 20 * 10 + 0.5 / n), 1 / (0.2 + 0.8 / n)),
            f"{name}: you have the two parts the wrong way round": 1 / (1 - s + s / n),
        }, name + ": 1 / (s + (1 − s) / n) with s = 0.05; you say {got:g}", rtol=5e-3)  # fmt: skip


@exercise("Task: job", "eight processes, one batch")
def job(processes, images_each):
    expect_number(processes, 8, {
        "that is one node: there are two": 4,
        "that is how many torchrun are started; each starts four processes": 2,
        "that counts all five seeds: one seed is asked for": 40,
        "two seeds run at a time; one is asked for": 16,
        "CPU cores prepare data; a process has a GPU": (32, 64),
    }, "nodes × processes on each; you say {got:g}")  # fmt: skip
    expect_number(images_each, 64, {
        "--batch counts the images of all processes together: divide": 512,
        "you divide by the processes of one node": 128,
        "you divide by the number of nodes": 256,
    }, "512 images, shared by eight; you say {got:g}")  # fmt: skip


@exercise("Exercise 1", "every image counts once, whatever the size of its part",
          spoilt="you change the gradients you are given: make new arrays")
def combined_gradient(answer):
    rng = np.random.default_rng(0)
    for sizes in ([48, 16], [10, 1, 5], [7]):
        parts = [rng.normal(0, 1, (3, 4)) for _ in sizes]
        total = np.tensordot(sizes, parts, axes=1)  # (3, 4)
        truth = total / sum(sizes)
        got = expect_shape(answer(parts, sizes), truth.shape, "each gradient has the shape {shape} "
                           "and you return {got}: combine the parts, not the entries")
        expect_array(got, truth, {
            "you add up sums over images: divide by the number of all images": total,
            "you add the parts' means as they are: with so many parts the step is so many times too long":
                sum(parts),
            "each part counts alike with you: then an image of a small part counts more":
                np.mean(parts, axis=0),
            "you return the last part's gradient and forget those before it": parts[-1],
            "you divide by the number of parts: divide by the number of images": total / len(sizes),
        }, "for parts of {sizes} images the first entry should be {truth[0][0]:.4f}, not "
           "{got[0][0]:.4f}", sizes=sizes)


@exercise("Exercise 2", "together the processes see exactly what one process would see")
def rank_rows(answer):
    order = np.random.default_rng(0).permutation(96) + 1000
    settings = [(12, 1), (12, 2), (24, 4), (8, 8)]
    for batch, world, step in [(*setting, step) for setting in settings for step in (0, 1, 3)]:
        shares = [np.ravel(answer(order, step, batch, rank, world)).tolist() for rank in range(world)]
        sizes = [len(share) for share in shares]
        taken = [row for share in shares for row in share]
        processes = f"{world} process{'es' * (world > 1)}"
        facts = {"where": f"in step {step}, with a batch of {batch} and {processes},",
                 "n": len(taken), "batch": batch, "sizes": sizes}
        third = [np.ravel(answer(order, 3, batch, rank, world)).tolist() for rank in range(world)]
        stuck = sorted(sum(third, [])) == sorted(order[:batch].tolist())  # step makes no difference
        for off, way in ((-1, "early"), (1, "late")):
            near = [] if step + off < 0 else order[(step + off) * batch : (step + off + 1) * batch].tolist()
            refuse(off < 0 == step and not taken, "{where} you take nothing: steps count from 0", **facts)
            refuse(taken and not stuck and sorted(taken) == sorted(near), "{where} you take the images of the step "
                   "before or after it, one step too " + way, **facts)  # fmt: skip
        refuse(not taken, "{where} you take nothing", **facts)
        refuse(set(taken) <= set(range(96)), "you return positions in order: return its entries, "
               "the numbers of the images")
        refuse(world > 1 and shares == [shares[0]] * world, "all processes get the same rows: use "
               "rank, or the others compute what the first one did")
        refuse(step and set(taken) == set(order[:batch].tolist()), "every step gets the rows of "
               "step 0: use step")
        refuse(len(taken) == world * batch != batch, "{where} you take {n} rows: batch counts the "
               "images of all processes together", **facts)
        refuse(len(set(taken)) < len(taken), "{where} some image is taken twice: the shares must "
               "not overlap", **facts)
        refuse(len(set(sizes)) > 1, "{where} the shares have {sizes} rows: DDP's average is right "
               "for equal shares only", **facts)
        refuse(len(taken) != batch, "{where} the processes take {n} rows together: it should be "
               "{batch}", **facts)
        wanted = order[step * batch : (step + 1) * batch]
        refuse(set(taken) != set(wanted.tolist()), "{where} the processes take other images than "
               "one process would: cut the batch out of order first, then share it", **facts)


@exercise("Exercise 3", "sixteen bytes a parameter for AdamW, before the first image is seen")
def training_bytes(answer):
    state = np.array([0, 1, 2])
    for n in (1, 1_000_000, 25_557_032):
        got = np.array([number(answer(n, name)) for name in ("sgd", "momentum", "adamw")])
        truth = 4 * n * (2 + state)
        mistakes = {
            "you count numbers: each float32 takes four bytes": truth / 4,
            "you count two bytes a number: weights, gradients and state stay in float32": truth / 2,
            "you answer in megabytes: this exercise wants bytes": truth / 1e6,
            "you answer in gigabytes: this exercise wants bytes": truth / 1e9,
            "one number for each parameter is missing: weights and gradients both count":
                4 * n * (1 + state),
            "AdamW keeps two averages for each parameter, and you count one":
                4 * n * (2 + np.minimum(state, 1)),
            "you count the weights alone: gradient and state take memory, too": np.full(3, 4 * n),
            "every optimiser costs the same with you: count what each one keeps": np.full(3, got[0]),
        }
        expect_array(
            got, truth, mistakes, "{n:,} parameters with adamw need {truth[2]:,} bytes, not {got[2]:,.0f}",
            rtol=1e-9, atol=0, n=n,  # bytes are whole numbers
        )
