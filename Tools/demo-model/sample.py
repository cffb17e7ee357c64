#!/usr/bin/env python3
"""Prints stories sampled from an exported directory by transformers."""

import argparse

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("directory")
    arguments.add_argument("--prompt", default="Once upon a time")
    arguments.add_argument("--temperature", type=float, default=0.7)
    arguments.add_argument("--count", type=int, default=5)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    model = LlamaForCausalLM.from_pretrained(options.directory, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(f"{options.directory}/tokenizer.json")
    torch.manual_seed(options.seed)
    ids = torch.tensor([tokenizer.encode(options.prompt).ids] * options.count)
    stories = model.generate(
        ids, do_sample=True, temperature=options.temperature, top_k=0, max_new_tokens=200,
        pad_token_id=model.config.eos_token_id,
    )
    for story in stories.tolist():
        print(tokenizer.decode(story), end="\n\n")


if __name__ == "__main__":
    main()
