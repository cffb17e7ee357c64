#!/usr/bin/env python3
"""Writes a primer: snippets of a few sentences in which almost every sentence takes up who and what came before.

In a story a name returns every twenty tokens or so, and a short training ends before the model has learned from that to
copy it. A primer has four times as many returns, and half of its snippets are said twice, so that
the attention heads that copy come about early. It has the stories' words and forms and nothing else.

    python3 generate_primer.py --snippets 40000 --seed 2026 --output primer.txt
"""

import argparse
import random
import sys

from arcs import thing_slots
from generate_stories import Cast
from grammar import expand, sentence_case

SNIPPETS = [
    "{H} was a little {kind}. {he} had a {adjective} {thing}. {H} loved {his} {thing}.",
    "Once upon a time, there lived a {trait} {kind} named {H}. {H} lived {home}. {he} was {glad}.",
    "{H} and {F} were friends. {H} gave {F} a {thing}. {F} gave {H} a {other}. {H} loved the {other}, and {F} loved the {thing}.",
    '{H} met {F}. "Hello, {F}," said {H}. "Hello, {H}," said {F}. {F} took {his} hand, and {H} took {fhis} hand.',
    '"This is my {thing}," said {H}. "No, it is my {thing}," said {F}. The {thing} fell. {H} and {F} looked at the {thing}.',
    "{H} lost a {thing}. {he} looked for the {thing}. {F} found the {thing}. {fhe} gave it to {him}. {he} thanked {fhim}.",
    "{his} {giver} gave {H} a {thing}. {H} thanked {his} {giver}. {his} {giver} smiled at {him}. {he} took the {thing} home.",
    "There was a {kind} named {H}. {his} friend was {F}. {H} went to {the_place}. {F} went to {the_place}, too.",
    "{H} saw a {animal}. The {animal} was hungry. {H} gave the {animal} some bread. The {animal} thanked {H}.",
    '"Where is {F}?" asked {H}. {F} was {at_place}. {fhe} saw {him}. {he} saw {fhim}. {H} ran to {F}.',
]


def snippet(seed: int, number: int) -> str:
    source = random.Random(f"{seed}/primer/{number}")
    cast = Cast(source)
    thing_slots(cast)
    other = cast.slots["thing"]
    while other == cast.slots["thing"]:
        thing_slots(cast)
    cast.set(other=other, animal=cast.choose(["bird", "fox", "lamb", "turtle", "mouse", "duck", "owl", "donkey", "fish", "dog"]))
    text = sentence_case(expand(cast.choose(SNIPPETS), cast.slots, source))
    return f"{text} {text}" if source.random() < 0.5 else text


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--snippets", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=2026)
    arguments.add_argument("--output", default="-")
    options = arguments.parse_args()
    with sys.stdout if options.output == "-" else open(options.output, "w") as out:
        for number in range(options.snippets):
            out.write(snippet(options.seed, number) + "\n")


if __name__ == "__main__":
    main()
