#!/usr/bin/env python3
"""Writes rendered.json: what jinja2, set up as transformers sets it up, makes of every line of cases.txt.

    pip install transformers jinja2 && python3 render.py
"""

import json
import os
from datetime import datetime
from unittest import mock

from transformers.utils import chat_template_utils

VARIABLES = {
    "user": {"name": "Ann", "tags": ["x", "é"], "address": {"city": "Zürich", "zip": 8000}},
    "people": [
        {"name": "Ann", "age": 40, "admin": True, "tags": ["a", "b"]},
        {"name": "bob", "age": 25, "admin": False, "tags": [], "address": {"city": "Rome"}},
        {"name": "Cid", "age": 40, "tags": ["c"]},
    ],
    "numbered": {"1": "text"},
    "clash": {"items": 1, "keys": 2},
    "hidden": {"_secret": 3},
    "tree": [{"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}, {"name": "d"}]}, {"name": "e"}],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  Hello\n"},
        {"role": "assistant", "content": "Hi! 🦙"},
        {"role": "user", "content": [{"type": "text", "text": "and "}, {"type": "text", "text": "now?"}]},
        {"role": "tool", "content": "{\"a\": 1}"},
    ],
    "b": 1,
}

CODES = {
    "TemplateSyntaxError": "syntax", "TemplateError": "raised", "UndefinedError": "undefined", "TypeError": "type",
    "ValueError": "value", "KeyError": "value", "FilterArgumentError": "value", "SecurityError": "forbidden",
    "ZeroDivisionError": "arithmetic", "OverflowError": "arithmetic", "TemplateAssertionError": "unsupported",
    "TemplateRuntimeError": "unsupported", "AssertionError": "value", "SyntaxError": "syntax", "IndexError": "value",
}


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 1, 5, 15, 7, 9)


def rendered(source):
    try:
        with mock.patch.object(chat_template_utils, "datetime", Clock):
            return {"text": chat_template_utils._cached_compile_jinja_template(source).render(**VARIABLES)}
    except Exception as error:
        name = "TypeError" if "non-namespace" in str(error) else type(error).__name__
        return {"code": CODES[name], "message": str(error)}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    cases = []
    with open(os.path.join(here, "cases.txt"), encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line and not line.startswith("# "):
                source = line.replace("␍", "\r").replace("⏎", "\n")
                cases.append({"source": source, **rendered(source)})
    with open(os.path.join(here, "rendered.json"), "w", encoding="utf-8") as file:
        json.dump({"variables": VARIABLES, "cases": cases}, file, ensure_ascii=False, indent=1)
    print(len(cases), "cases,", sum("code" in case for case in cases), "of them errors")


if __name__ == "__main__":
    main()
