#!/usr/bin/env python3
"""Writes a checkpoint as a Hugging Face directory of f16 weights, and the golden answers of that directory.

The golden file comes from transformers' own Llama in f32 over the exported f16 weights, not from `network.py`: what the
end-to-end test compares with is somebody else's implementation.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from network import Shape
from train_tokenizer import BOS, EOS

PROMPTS = [
    "Once upon a time", "Once upon a time, there lived a little fox named Rosa.", "One day, Tom found a golden key",
    "Lily was afraid of the dark.", "\"Please help me,\" said the bird.",
]


def export(options) -> None:
    # On a busy machine a second thread waits for the first more than it helps.
    torch.set_num_threads(1)
    state = torch.load(options.checkpoint, weights_only=True)
    shape = Shape(**json.loads(state["shape"]))
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    bos, eos = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    weights = {name: value.to(torch.float16).contiguous() for name, value in sorted(state["network"].items())}
    options.output.mkdir(parents=True, exist_ok=True)
    save_file(weights, options.output / "model.safetensors", metadata={"format": "pt"})
    write(options.output / "config.json", shape.hugging_face_config(bos, eos))
    generation = {"bos_token_id": bos, "eos_token_id": eos, "do_sample": True, "temperature": 0.7, "max_new_tokens": 200}
    write(options.output / "generation_config.json", generation)
    shutil.copyfile(options.tokenizer, options.output / "tokenizer.json")
    if options.golden:
        options.golden.parent.mkdir(parents=True, exist_ok=True)
        write(options.golden, golden(options.output, tokenizer, state["step"]))


def golden(directory: Path, tokenizer: Tokenizer, step: int) -> dict:
    """Greedy continuations, and for each prompt's last position the logits' mean, deviation and five largest."""
    model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    cases = []
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt).ids
        answer, margin, first, cache = [], float("inf"), None, None
        fed = ids
        while len(answer) < 160 and (not answer or answer[-1] != model.config.eos_token_id):
            with torch.no_grad():
                output = model(torch.tensor([fed]), past_key_values=cache, use_cache=True)
            logits, cache = output.logits[0, -1], output.past_key_values
            first = logits if first is None else first
            best = logits.topk(2)
            margin = min(margin, (best.values[0] - best.values[1]).item())
            answer.append(best.indices[0].item())
            fed = answer[-1:]
        top = first.topk(5)
        cases.append({
            "prompt": prompt,
            "prompt_ids": ids,
            "greedy_ids": answer,
            "greedy_text": tokenizer.decode(answer),
            "smallest_margin": round(margin, 6),
            "first_logits": {
                "mean": first.mean().item(), "deviation": first.std(correction=0).item(),
                "largest_ids": top.indices.tolist(), "largest": top.values.tolist(),
            },
        })
    return {"step": step, "numerics": "f32 over f16 weights", "cases": cases}


def write(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--checkpoint", type=Path, required=True)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True)
    arguments.add_argument("--golden", type=Path)
    export(arguments.parse_args())


if __name__ == "__main__":
    main()
