"""A small template language for sentences.

    [one|two|]        one of the alternatives, which may be empty and may nest
    {name}            a slot of the story: who, where, what
    a {thing}         becomes "an" before a vowel, after the slot is filled

Sentences are written in lower case where a slot begins them; `sentence_case` raises the first letter of the
text, of each sentence and of each quotation.
"""

import re
from functools import lru_cache


@lru_cache(maxsize=None)
def parsed(template: str) -> tuple:
    nodes, end = _sequence(template, 0, top=True)
    assert end == len(template), template
    return nodes


def _sequence(text: str, start: int, top: bool) -> tuple:
    nodes, literal, at = [], [], start

    def flush():
        if literal:
            nodes.append("".join(literal))
            literal.clear()

    while at < len(text):
        mark = text[at]
        if mark in "|]" and not top:
            break
        if mark == "[":
            flush()
            options, at = [], at + 1
            while True:
                option, at = _sequence(text, at, top=False)
                options.append(option)
                at += 1
                if text[at - 1] == "]":
                    break
            nodes.append(tuple(options))
        elif mark == "{":
            flush()
            end = text.index("}", at)
            nodes.append((text[at + 1 : end],))
            at = end + 1
        else:
            literal.append(mark)
            at += 1
    flush()
    return tuple(nodes), at


def expand(template: str, slots: dict, random) -> str:
    """The template with its choices drawn and its slots filled; a slot's text is itself a template."""
    pieces = []
    _write(parsed(template), slots, random, pieces)
    return "".join(pieces)


def _write(nodes: tuple, slots: dict, random, pieces: list) -> None:
    for node in nodes:
        if isinstance(node, str):
            pieces.append(node)
        elif len(node) == 1 and isinstance(node[0], str):
            _write(parsed(slots[node[0]]), slots, random, pieces)
        else:
            _write(node[int(random.random() * len(node))], slots, random, pieces)


ARTICLE = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])")
SPACES = re.compile(r" {2,}")
STRAY = re.compile(r" ([,.!?])")
FIRST = re.compile(r'(^"?|[.!?] "?| ")([a-z])')


def sentence_case(text: str) -> str:
    text = SPACES.sub(" ", text).strip()
    text = STRAY.sub(r"\1", text)
    text = ARTICLE.sub(r"\1n ", text)
    return FIRST.sub(lambda match: match.group(1) + match.group(2).upper(), text)
