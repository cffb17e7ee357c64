#!/usr/bin/env python3
"""Writes tiny models of random weights, and what transformers computes with them, to Tests/ModelTests/Fixtures/parity.

Each covers what sets a family apart and no other test data has. From seeds: the same script gives the same weights.
A seed is taken where the greedy choice, and the router's, are clear enough not to hang on a rounding.

    pip install -r requirements.txt && python make_fixtures.py [NAME…]
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import torch
import transformers

FOLDER = pathlib.Path(__file__).parents[2] / "Tests/ModelTests/Fixtures/parity"
PROMPT, DECODE, VOCABULARY = 17, 8, 48
SHAPE = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    torch_dtype="float16",
)  # fmt: skip
SILU = dict(SHAPE, hidden_act="silu", rms_norm_eps=1e-6, rope_theta=10000.0, tie_word_embeddings=False)
GEMMA = dict(
    SHAPE, hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, head_dim=8,
    sliding_window=5,
)  # fmt: skip
LONGROPE = dict(
    type="longrope", short_factor=[1.0, 1.1, 1.2], long_factor=[1.5, 3.0, 6.0],
)  # fmt: skip
PHI = dict(SILU, partial_rotary_factor=0.75, sliding_window=None)


def family(architecture, model_type, base, **keys):
    return dict(base, architectures=[architecture], model_type=model_type, **keys)


# As these families' files on the hub are written, before transformers rewrote them in its fifth version.
MODELS = {
    "smollm3": family(
        "SmolLM3ForCausalLM", "smollm3", dict(SILU, num_hidden_layers=4, tie_word_embeddings=True, rope_theta=5e6),
        no_rope_layers=[1, 1, 1, 0], no_rope_layer_interval=4, attention_bias=False, mlp_bias=False, pretraining_tp=2,
        use_sliding_window=False, sliding_window=None, max_window_layers=28, layer_types=["full_attention"] * 4,
    ),
    "smollm3_window": family(
        "SmolLM3ForCausalLM", "smollm3", dict(SILU, rope_theta=5e6), no_rope_layer_interval=2, attention_bias=True,
        mlp_bias=True, use_sliding_window=True, sliding_window=6,
    ),
    "gemma2_caps": family(
        "Gemma2ForCausalLM", "gemma2", dict(GEMMA, rope_theta=10000.0), query_pre_attn_scalar=20,
        attn_logit_softcapping=1.5, final_logit_softcapping=4.0, cache_implementation="hybrid", attention_bias=False,
    ),
    "gemma3_linear": family(
        "Gemma3ForCausalLM", "gemma3_text", dict(GEMMA, num_hidden_layers=4, rope_theta=1e6), query_pre_attn_scalar=12,
        rope_local_base_freq=500.0, sliding_window_pattern=3, rope_scaling=dict(factor=8.0, rope_type="linear"),
        cache_implementation="hybrid", attn_logit_softcapping=None, final_logit_softcapping=None,
    ),
    "phi3_long": family(
        "Phi3ForCausalLM", "phi3", dict(PHI, max_position_embeddings=32), rope_scaling=LONGROPE,
        original_max_position_embeddings=8, embd_pdrop=0.0,
    ),
    "phi3_short": family(
        "Phi3ForCausalLM", "phi3", PHI, rope_scaling=LONGROPE, original_max_position_embeddings=64, full_attn_mod=1,
    ),
    "qwen2_window": family(
        "Qwen2ForCausalLM", "qwen2", SILU, use_sliding_window=True, sliding_window=5, max_window_layers=1,
    ),
    "qwen3_bias": family(
        "Qwen3ForCausalLM", "qwen3", SILU, head_dim=16, attention_bias=True, use_sliding_window=True, sliding_window=7,
        max_window_layers=2,
    ),
    "mixtral_window": family(
        "MixtralForCausalLM", "mixtral", dict(SILU, intermediate_size=24, num_hidden_layers=2), num_local_experts=5,
        num_experts_per_tok=2, sliding_window=6, output_router_logits=False, router_aux_loss_coef=0.02,
    ),
    "qwen2_moe_mixed": family(
        "Qwen2MoeForCausalLM", "qwen2_moe", SILU, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=12,
        shared_expert_intermediate_size=20, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[1],
        use_sliding_window=False, sliding_window=256, max_window_layers=21,
    ),
    "qwen3_moe_mixed": family(
        "Qwen3MoeForCausalLM", "qwen3_moe", dict(SILU, num_hidden_layers=4), num_experts=6, num_experts_per_tok=2,
        moe_intermediate_size=12, norm_topk_prob=False, decoder_sparse_step=2, mlp_only_layers=[], head_dim=8,
        use_sliding_window=False, sliding_window=None, max_window_layers=4, attention_bias=False,
    ),
}  # fmt: skip
TOKENIZER = {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}


def fill(model, seed):
    """Weights that make every part of a block matter, each of them an f16."""
    random = torch.Generator().manual_seed(seed)
    offset = 0.0 if "gemma" in model.config.model_type else 1.0
    for name, weight in model.named_parameters():
        values = torch.randn(weight.shape, generator=random)
        if "norm" in name:
            values = offset + values / 5
        elif name.endswith("bias"):
            values = values / 4
        elif "embed" in name:
            values = values / (weight.shape[1] ** 0.5 if offset == 0 else 1)
        else:
            values = values * 1.2 / weight.shape[-1] ** 0.5
        weight.data = values.half().float()


def run(model, seed):
    """The prompt, the tokens after it and everything that was computed on the way."""
    stream, router = [], []
    layers = [model.model.embed_tokens, *model.model.layers]
    hooks = [layer.register_forward_hook(lambda _, __, y: stream.append(y[0].numpy().copy())) for layer in layers]
    for name, module in model.named_modules():
        if "Router" in type(module).__name__:
            hooks.append(module.register_forward_hook(lambda _, __, y: router.append(y[0])))
    prompt = np.random.Generator(np.random.PCG64(seed)).integers(3, VOCABULARY, PROMPT).tolist()
    with torch.no_grad():
        output = model(input_ids=torch.tensor([prompt]), use_cache=True)
        prefill, decode = output.logits[0].numpy(), []
        greedy = [int(prefill[-1].argmax())]
        for _ in range(DECODE):
            output = model(input_ids=torch.tensor([greedy[-1:]]), past_key_values=output.past_key_values)
            decode.append(output.logits[0, -1].numpy().copy())
            greedy.append(int(decode[-1].argmax()))
    for hook in hooks:
        hook.remove()
    count = len(layers)
    blocks = np.stack([stream[i] for i in range(1, count)])
    later = np.stack([[stream[step * count + i][0] for i in range(1, count)] for step in range(1, DECODE + 1)])
    return prompt, greedy, prefill, np.stack(decode), stream[0], blocks, later, router


def margin(rows):
    """How far the greedy choice is ahead, in parts of the logits' deviation."""
    best = np.sort(rows, axis=-1)
    return float((best[:, -1] - best[:, -2]).min() / rows.std())


def gap(logits, chosen):
    """How far the last expert that a token takes is ahead of the next."""
    best = torch.sort(logits, dim=-1, descending=True).values
    return float((best[:, chosen - 1] - best[:, chosen]).min())


def make(name, keys):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(keys, indent=1) + "\n")
    config = transformers.AutoConfig.from_pretrained(folder)
    config._attn_implementation = "eager"
    model = getattr(transformers, keys["architectures"][0])(config).float().eval()
    for seed in range(10_000):
        fill(model, seed)
        prompt, greedy, prefill, decode, embed, blocks, later, router = run(model, seed)
        clear = margin(np.concatenate([prefill[-1:], decode])) > 0.08
        if clear and all(gap(logits, keys["num_experts_per_tok"]) > 0.02 for logits in router):
            break
    model.half().save_pretrained(folder / "saved")
    (folder / "saved/model.safetensors").rename(folder / "model.safetensors")
    (folder / "saved/config.json").rename(folder / "config.v5.json")
    shutil.rmtree(folder / "saved")
    arrays = dict(prefill_logits=prefill, decode_logits=decode, embed=embed, blocks=blocks, blocks_decode=later)
    for file, array in arrays.items():
        np.save(folder / f"{file}.npy", array.astype("<f4"))
    golden = dict(seed=seed, prompt_ids=prompt, greedy_ids=greedy)
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER) + "\n")
    print(name, "seed", seed, sum(file.stat().st_size for file in folder.iterdir()) // 1024, "KiB")


for name, keys in MODELS.items():
    if not sys.argv[1:] or name in sys.argv[1:]:
        make(name, keys)
