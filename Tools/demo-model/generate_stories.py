#!/usr/bin/env python3
"""Writes short English stories for children, one a line: seeded, standard library only.

    python3 generate_stories.py --stories 200000 --seed 2026 --output stories.txt

Story number i depends on (seed, i) alone, so any part of the text can be made again by itself.
"""

import argparse
import random
import re
import sys

from arcs import ARCS, GLAD, SAD
from grammar import expand, sentence_case
from world import ANIMAL_HOMES, ANIMALS, BOYS, CHILD_HOMES, FEMALE, GIRLS, GIVERS, MALE, PLACES, TRAITS, WEATHERS

REPEATED = re.compile(r'([.!?]"?)\.$')
WORD = re.compile(r"[A-Za-z']+|[^A-Za-z' ]")

OPENINGS = [
    "Once upon a time, there [was|lived] {being} [named|called] {H}. {H} lived {home}.",
    "Once upon a time, there [was|lived] {being} [named|called] {H}.",
    "Once upon a time, {being} [named|called] {H} lived {home}.",
    "Once upon a time, {home}, there lived {being} [named|called] {H}.",
    "{H} was {being} who lived {home}.",
    "There once was {being} [named|called] {H}.",
    "Long ago, {being} [named|called] {H} lived {home}.",
    "{H} was {being}. {he} lived {home} with {his} {giver}.",
]
OPENING_WEIGHTS = [6, 5, 5, 3, 3, 2, 2, 3]
EXTRA = [
    "", "?[{H} was never bored|{H} always had a smile for everybody|{H} liked to sing|{H} loved the smell of rain|{H} had many questions|{H} got up early every day].",
    "?[{his} best friend was {F}|{he} and {F} were good friends].",
]


class Cast:
    """The slots of one story: who takes part, and whatever the arc adds."""

    def __init__(self, source: random.Random):
        self.random = source
        male = source.random() < 0.5
        hero, friend = (BOYS, GIRLS) if male else (GIRLS, BOYS)
        self.slots = dict(MALE if male else FEMALE)
        self.slots.update({"f" + key: word for key, word in (FEMALE if male else MALE).items()})
        place, preposition = self.choose(PLACES)
        child = source.random() < 0.6
        kind = self.choose(["boy" if male else "girl"]) if child else self.choose(ANIMALS)
        trait = self.choose(TRAITS)
        name = self.choose(friend)
        self.set(
            H=self.choose(hero), F=name, fpos=name + "'s", kind=kind, trait=trait,
            being=self.choose(["a little {kind}", "a {trait} {kind}", "a {trait} little {kind}"]),
            home=self.choose(CHILD_HOMES if child else ANIMAL_HOMES),
            the_place=place, at_place=f"{preposition} {place}", weather=self.choose(WEATHERS), giver=self.choose(GIVERS),
            the=self.choose(["the", "{his}"]), sad=SAD, glad=GLAD,
            wait_answer=self.choose(["Be patient", "Good things need time", "Wait and see"]),
            giver_sentence="[On {his} birthday, {his} {giver} gave {him} a {adjective} {thing}. {H} was {glad}.|{his} {giver} gave {him} a {adjective} {thing}. \"Take good care of it,\" said {his} {giver}.]",
        )
        if self.slots["being"] == "a {trait} little {kind}" and trait == "young":
            self.set(trait="brave")

    def choose(self, options):
        return options[int(self.random.random() * len(options))]

    def set(self, **slots):
        self.slots.update(slots)


def story(seed: int, number: int, shortest: int = 72, longest: int = 124) -> str:
    """One story of `shortest` to `longest` words and marks. Too long a one first loses beats that may be left out."""
    source = random.Random(f"{seed}/{number}")
    arc = ARCS[int(source.random() * len(ARCS))]
    while True:
        cast = Cast(source)
        opening = source.choices(OPENINGS, OPENING_WEIGHTS)[0]
        beats = [told(beat, cast) for beat in (opening, cast.choose(EXTRA), *arc(cast))]
        length = sum(size for size, _, _ in beats)
        spare = [index for index, (_, optional, _) in enumerate(beats) if optional]
        source.shuffle(spare)
        while spare and length > longest:
            index = spare.pop()
            length -= beats[index][0]
            beats[index] = (0, True, "")
        if shortest <= length <= longest:
            return " ".join(text for _, _, text in beats if text)


def told(beat: str, cast: Cast) -> tuple:
    """A beat's length in words and marks, whether it may be left out, and its sentences."""
    text = sentence_case(expand(beat.lstrip("?"), cast.slots, cast.random))
    # A quotation may end a beat whose template closes with a full stop of its own.
    text = REPEATED.sub(r"\1", text) if text != "." else ""
    return len(WORD.findall(text)), beat[:1] == "?", text


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stories", type=int, default=20)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--seed", type=int, default=2026)
    arguments.add_argument("--output", default="-")
    options = arguments.parse_args()
    with sys.stdout if options.output == "-" else open(options.output, "w") as out:
        for number in range(options.first, options.first + options.stories):
            out.write(story(options.seed, number) + "\n")


if __name__ == "__main__":
    main()
