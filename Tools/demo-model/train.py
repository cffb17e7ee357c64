#!/usr/bin/env python3
"""Trains the demo model on a CPU. Run it again after an interruption: it goes on from its last checkpoint.

The learning rate warms up and then falls linearly to zero at --steps, or, with --until, at that time of day: the
progress of the schedule is then the larger of the two fractions, so that a busy machine still ends with a rate of zero.
"""

import argparse
import csv
import json
import os
import time
from datetime import datetime
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import world
from network import Network, Shape
from train_tokenizer import BOS, EOS


def rows(source: Path, name: str, shortest: int, longest: int, options, tokenizer: Tokenizer) -> torch.Tensor:
    """[rows, row + 1] ids: whole stories one after another, each row starting with the start of one."""
    cache = options.output / f"{name}.npy"
    if cache.exists():
        return torch.from_numpy(numpy.load(cache))
    begin, end = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    with open(source) as lines:
        stories = [line.rstrip("\n") for line in lines]
    filled, row, left_out = [], [], 0
    for start in range(0, len(stories), 1000):
        for encoding in tokenizer.encode_batch_fast(stories[start : start + 1000], add_special_tokens=False):
            ids = [begin, *encoding.ids, end]
            if not shortest <= len(encoding.ids) <= longest:
                left_out += 1
                continue
            row += ids
            if len(row) > options.row:
                filled.append(row[: options.row + 1])
                row = []
    print(f"{name}: {len(stories)} lines, {left_out} left out for their length, {len(filled)} rows", flush=True)
    table = numpy.array(filled, dtype=numpy.int16)
    numpy.save(cache, table)
    return torch.from_numpy(table)


def drawn(table: torch.Tensor, step: int, count: int, options) -> torch.Tensor:
    """The rows of a step. They depend on the seed and the step alone, so a resumed run sees what it would have seen."""
    epoch, offset = divmod(step * count, len(table) - count)
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(options.seed + epoch))
    return table[order[offset : offset + count]].long()


def optimiser(network: Network, options) -> torch.optim.AdamW:
    decayed = [p for p in network.parameters() if p.dim() >= 2]
    plain = [p for p in network.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.95), fused=True)


def progress(step: int, options, started: float, deadline: float | None) -> float:
    """0 at the first step, 1 when the learning rate must have reached zero."""
    by_steps = step / options.steps
    if deadline is None:
        return min(1.0, by_steps)
    by_time = (time.time() - started) / (deadline - started)
    return min(1.0, max(by_steps, by_time))


def save(path: Path, state: dict) -> None:
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    os.replace(fresh, path)


def train(options) -> None:
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    shape = Shape(vocabulary=tokenizer.get_vocab_size())
    table = rows(options.stories, "rows", options.shortest, options.longest, options, tokenizer)
    primer = rows(options.primer, "primer", 0, options.row, options, tokenizer) if options.primer else table
    network = Network(shape)
    update = optimiser(network, options)
    step, begun = 0, time.time()
    checkpoint = options.output / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        update.load_state_dict(state["update"])
        step, begun = state["step"], state["begun"]
    forward = torch.compile(network) if options.compile else network
    deadline = moment(options.until) if options.until else None
    log = open(options.output / "loss.csv", "a", newline="")
    writer = csv.writer(log)
    if step == 0:
        writer.writerow(["step", "tokens", "loss", "rate", "seconds"])
    saved = time.time()
    weights = token_weights(tokenizer, options)
    while (done := progress(step, options, begun, deadline)) < 1.0:
        share = options.batch // 2 if step < options.primer_until and options.primer else 0
        batch = torch.cat([drawn(table, step, options.batch - share, options), drawn(primer, step, share, options)])
        rate = options.rate * min(1.0, (step + 1) / options.warm_up) * (1.0 - done)
        loss = one_step(network, forward, update, batch, rate, weights)
        step += 1
        if step % 10 == 0 or step < 10:
            seconds = time.time() - begun
            writer.writerow([step, step * batch[:, 1:].numel(), f"{loss:.4f}", f"{rate:.3e}", f"{seconds:.0f}"])
            log.flush()
            print(f"step {step}  loss {loss:.4f}  rate {rate:.2e}  {seconds:.0f} s", flush=True)
        if time.time() - saved > options.checkpoint_every:
            save(checkpoint, snapshot(network, update, step, begun, shape))
            saved = time.time()
    save(checkpoint, snapshot(network, update, step, begun, shape))
    print(f"finished after {step} steps", flush=True)


def token_weights(tokenizer: Tokenizer, options) -> torch.Tensor:
    """How much each token counts in the loss: what a story has to keep track of counts more.

    Names, things, animals and pronouns are one token in twenty, so without this the network learns last, and in a
    short training never, to look back at who and what the story is about.
    """
    weights = torch.ones(tokenizer.get_vocab_size())
    things = [word for thing in world.THINGS for word in words(thing)]
    kept = [*world.BOYS, *world.GIRLS, *world.ANIMALS, *world.GIVERS, *things]
    for word in kept:
        ids = tokenizer.encode(" " + word, add_special_tokens=False).ids
        if len(ids) == 1:
            weights[ids[0]] = options.kept_weight
    for word in (*world.MALE.values(), *world.FEMALE.values()):
        for form in (" " + word, " " + word.capitalize(), word.capitalize()):
            ids = tokenizer.encode(form, add_special_tokens=False).ids
            if len(ids) == 1:
                weights[ids[0]] = options.pronoun_weight
    return weights


def words(thing) -> list[str]:
    """The words of a thing's description, however deep it is nested."""
    if isinstance(thing, str):
        return thing.split()
    return [word for part in thing for word in words(part)] if isinstance(thing, (list, tuple)) else []


def one_step(network, forward, update, batch, rate: float, weights: torch.Tensor) -> float:
    for group in update.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = forward(batch[:, :-1])
    targets = batch[:, 1:].flatten()
    losses = F.cross_entropy(logits.float().flatten(0, 1), targets, reduction="none")
    weight = weights[targets]
    ((losses * weight).sum() / weight.sum()).backward()
    loss = losses.mean()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    update.step()
    update.zero_grad(set_to_none=True)
    return loss.item()


def snapshot(network, update, step: int, begun: float, shape: Shape) -> dict:
    return {
        "network": network.state_dict(), "update": update.state_dict(), "step": step, "begun": begun,
        "shape": json.dumps(shape.as_dict()),
    }


def moment(text: str) -> float:
    hour, minute = map(int, text.split(":"))
    return datetime.now().replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stories", type=Path, required=True)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True, help="the folder of the checkpoint and the loss curve")
    arguments.add_argument("--primer", type=Path, help="snippets that make up half of the first steps")
    arguments.add_argument("--primer-until", type=int, default=400, help="the step from which on there are only stories")
    arguments.add_argument("--steps", type=int, default=2300)
    arguments.add_argument("--until", help="HH:MM of today: end by then, however many steps that is")
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--row", type=int, default=256, help="tokens of a row")
    arguments.add_argument("--shortest", type=int, default=80, help="tokens of a story")
    arguments.add_argument("--longest", type=int, default=150)
    arguments.add_argument("--rate", type=float, default=2e-3)
    arguments.add_argument("--warm-up", type=int, default=100)
    arguments.add_argument("--kept-weight", type=float, default=8, help="of names, animals and things in the loss")
    arguments.add_argument("--pronoun-weight", type=float, default=4, help="of pronouns in the loss")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--seed", type=int, default=2026)
    arguments.add_argument("--checkpoint-every", type=float, default=300, help="seconds")
    arguments.add_argument("--compile", action="store_true", help="about a fifth faster, after a minute or two")
    options = arguments.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    train(options)


if __name__ == "__main__":
    main()
