#!/usr/bin/env python3
"""Learns the demo model's tokenizer: byte-level BPE of 1,024 entries, of which <|bos|> is 0 and <|eos|> is 1."""

import argparse
from itertools import islice

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BOS, EOS = "<|bos|>", "<|eos|>"


def learned(lines, size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return tokenizer


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stories", required=True)
    arguments.add_argument("--size", type=int, default=1024)
    arguments.add_argument("--sample", type=int, default=20000, help="stories to learn from")
    arguments.add_argument("--output", required=True)
    options = arguments.parse_args()
    with open(options.stories) as lines:
        tokenizer = learned((line.rstrip("\n") for line in islice(lines, options.sample)), options.size)
    tokenizer.save(options.output)


if __name__ == "__main__":
    main()
