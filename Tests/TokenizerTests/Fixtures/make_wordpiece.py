#!/usr/bin/env python3
"""Writes two WordPiece tokenizers and what Hugging Face's `tokenizers` makes of some hundred texts with them.

    pip install tokenizers==0.23.3 && python3 make_wordpiece.py

The texts are those of golden_tokens/tiny-spm.json and others that a seed draws; the vocabularies are characters and
pieces of these texts, drawn by the same seed. Both tokenizers are BERT's: one as it was published, one with every option
turned the other way.
"""

import json
import os
import random

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 5
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [
    "hello", "Hello", "world", "don't", "do not", "isn't", "I'm", "we've", "naïve", "Ångström", "İstanbul", "ΣΑΣ", "ẞ",
    "한국어", "हिन्दी", "日本語", "𠀋", "豈", "﷽", "ﬁ", "🦙", "e\u0301\u0323", "a\u302e\u0301", "\u1734", "\ua9bd", "\u2e52",
    "\U000111c9", "\u166d", "\U00011938", "\u0890", "\u200d", "\xad", "\0", "\ufffd", "\x07", "\ue000", "\t", "\r\n", "\x0b",
    "\xa0", "\u2028", "\u3000", ".", ",", "!", "?", "'", "##", "@@", "[", "]", "$", "^", "`", "…", "«", "_", "-", "3", "1²",
    "[MASK]", "[SEP]", "<NOTE>", "walking", "unaffable", "x" * 11, "y" * 13, "z" * 101,
]


def random_text(draw):
    text = ""
    for _ in range(draw.randint(1, 9)):
        kind = draw.random()
        if kind < 0.75:
            text += draw.choice(PIECES)
        else:
            bound = draw.choice([0x80, 0x250, 0x3000, 0x10000, 0x20000])
            character = draw.randrange(bound)
            text += "" if 0xD800 <= character < 0xE000 else chr(character)
        text += draw.choice(["", " ", " ", "  "])
    return text


def vocabulary(draw, normalizer, prefix, texts):
    words = []
    for text in texts:
        words += [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizer.normalize_str(text))]
    tokens = list(SPECIALS)
    for word in words:
        for begin in range(len(word)):
            # Some characters stay unknown.
            end = begin + 1 if draw.random() < 0.6 else min(len(word), begin + draw.randint(2, 6))
            piece = (prefix if begin else "") + word[begin:end]
            # No key of a JSON object may hold a NUL.
            if draw.random() < 0.9 and len(word) < 40 and "\0" not in piece:
                tokens.append(piece)
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def build(draw, normalizer, prefix, longest, cleanup, processor, texts):
    words = vocabulary(draw, normalizer, prefix, texts)
    model = models.WordPiece(
        words, unk_token="[UNK]", max_input_chars_per_word=longest, continuing_subword_prefix=prefix
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processor(words["[SEP]"], words["[CLS]"])
    tokenizer.decoder = decoders.WordPiece(prefix, cleanup)
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.add_tokens([AddedToken("<NOTE>", normalized=True)])
    return tokenizer


def template(sep, cls):
    return processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])


def bert(sep, cls):
    return processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))


def case(tokenizer, text):
    plain = tokenizer.encode(text, add_special_tokens=False)
    stream = decoders.DecodeStream(skip_special_tokens=False)
    return {
        "text": text,
        "ids": plain.ids,
        "ids_special": tokenizer.encode(text).ids,
        "decoded": tokenizer.decode(plain.ids, skip_special_tokens=False),
        "decoded_skip": tokenizer.decode(plain.ids),
        "stream": [stream.step(tokenizer, number) for number in plain.ids],
    }


def write(name, tokenizer, texts):
    folder = os.path.join(HERE, "tokenizers", name)
    os.makedirs(folder, exist_ok=True)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    goldens = {
        "tokenizer": name,
        "generator": f"tokenizers {tokenizers.__version__}",
        "seed": SEED,
        "cases": [case(tokenizer, text) for text in texts],
    }
    with open(os.path.join(HERE, "golden_tokens", name + ".json"), "w", encoding="utf-8") as file:
        json.dump(goldens, file)
        file.write("\n")


def main():
    draw = random.Random(SEED)
    with open(os.path.join(HERE, "golden_tokens", "tiny-spm.json"), encoding="utf-8") as file:
        texts = [entry["text"] for entry in json.load(file)["cases"]]
    texts += [random_text(draw) for _ in range(200)]
    plain = normalizers.BertNormalizer(True, True, None, True)
    write("tiny-wordpiece", build(draw, plain, "##", 100, True, template, texts), texts)
    turned = normalizers.BertNormalizer(False, False, True, False)
    write("tiny-wordpiece-cased", build(draw, turned, "@@", 12, False, bert, texts), texts)


if __name__ == "__main__":
    main()
