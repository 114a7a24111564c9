"""Lesson 3.7, How do you train on more than one machine?: its checks."""
import numpy as np

from utils.exercises.expect import expect_array, expect_shape, number, refuse
from utils.lesson import exercise


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
