"""Train a small network; lesson 3.7 reads it line by line.

One process:  python train.py data.npz
Two:          torchrun --nproc-per-node=2 train.py data.npz
"""
import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from utils.models import ResidualNetwork

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--checkpoint", type=Path, default="checkpoint.pt")
parser.add_argument("--every", type=int, default=10)    # steps from one checkpoint to the next
parser.add_argument("--steps", type=int, default=40)
parser.add_argument("--batch", type=int, default=64)    # images a step, of all processes together
parser.add_argument("--width", type=int, default=16)    # channels of the first stage
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--device", default="cpu")
options = parser.parse_args()

# 1. Who am I? torchrun tells each process in environment variables.
# Without them this is the only process.
rank = int(os.environ.get("RANK", 0))
local = int(os.environ.get("LOCAL_RANK", 0))
world = int(os.environ.get("WORLD_SIZE", 1))
device = torch.device("cuda", local) if options.device == "cuda" else torch.device("cpu")
if options.batch % world:
    raise SystemExit(f"{world} processes cannot share a batch of {options.batch} images equally: "
                     "change --batch.")
if device.type == "cuda":
    torch.cuda.set_device(device)
if world > 1:
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
torch.backends.cudnn.allow_tf32 = False  # on a GPU: float32 in full,
torch.backends.cudnn.deterministic = True  # and repeatable

# 2. The same data and the same first weights in every process.
store = np.load(options.data)
images, labels = (torch.from_numpy(store[name]).to(device) for name in ("images", "labels"))
if not 0 < options.batch <= len(labels):
    raise SystemExit(f"a batch of {options.batch} from {len(labels)} images: change --batch.")
torch.manual_seed(options.seed)
widths = (options.width, 2 * options.width, 4 * options.width)
model = ResidualNetwork(int(labels.max()) + 1, widths=widths, norm="group").to(device)
optimiser = torch.optim.AdamW(model.parameters(), eps=1e-5)

# 3. Where did we stop? A checkpoint belongs to one run: it keeps what makes the run, and refuses
# any other.
run = {"seed": options.seed, "batch": options.batch, "width": options.width, "images": len(labels),
       "classes": int(labels.max()) + 1}
start = 0
if options.checkpoint.exists():
    state = torch.load(options.checkpoint, map_location=device, weights_only=True)
    other = [f"{name} {state.get('run', {}).get(name)}, not {run[name]}" for name in run
             if state.get("run", {}).get(name) != run[name]]
    if other:
        raise SystemExit(f"{options.checkpoint.name} belongs to another run ({'; '.join(other)}): "
                         "name another --checkpoint, or delete it.")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    start = state["step"]
    if start >= options.steps and rank == 0:
        print(f"nothing to do: {start} steps are done; for more, raise --steps.", file=sys.stderr)
network = DistributedDataParallel(model) if world > 1 else model


def my_part_of_batch(step):
    """This process's rows of the batch: images (rows, 3, 28, 28) and labels (rows,).

    What is random depends on seed and step alone: it is the same in every process.
    """
    epoch, place = divmod(step, len(labels) // options.batch)
    order = np.random.default_rng([options.seed, epoch]).permutation(len(labels))
    rows = order[place * options.batch : (place + 1) * options.batch]
    mirrored = np.random.default_rng([options.seed, epoch, place]).random(len(rows)) < 0.5
    rows, mirrored = rows[rank::world], torch.from_numpy(mirrored[rank::world]).to(device)
    x = images[rows].permute(0, 3, 1, 2) / 127.5 - 1
    return torch.where(mirrored[:, None, None, None], x.flip(3), x), labels[rows]


def save(step):
    """Write beside the old checkpoint, then swap in one go: there is always a whole one."""
    part = options.checkpoint.with_suffix(".part")
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step,
             "run": run}
    torch.save(state, part)
    os.replace(part, options.checkpoint)


# 4. The loop.
began = time.perf_counter()
for step in range(start, options.steps):
    for group in optimiser.param_groups:
        group["lr"] = 1e-3 * min(1, (step + 1) / 10)  # warm-up
    x, y = my_part_of_batch(step)
    loss = F.cross_entropy(network(x), y)
    optimiser.zero_grad()
    loss.backward()  # DistributedDataParallel averages the gradients of all processes meanwhile
    optimiser.step()
    loss = loss.detach()
    if world > 1:
        dist.all_reduce(loss)  # the sum over the processes
    if rank == 0:
        row = {"step": step, "loss": loss.item() / world, "seconds": time.perf_counter() - began}
        print(json.dumps(row), flush=True)
        if (step + 1) % options.every == 0 or step + 1 == options.steps:
            save(step + 1)
if world > 1:
    dist.destroy_process_group()
    # Leave at once: gloo's threads sometimes crash while Python tidies up (PyTorch issue 190489).
    os._exit(0)
