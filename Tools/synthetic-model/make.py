#!/usr/bin/env python3
"""Writes a model of random weights in the shape of a real one, to measure with: its speed is the real one's.

    make.py SHAPE FOLDER [--type f16|bf16] [--seed N] [--gguf FILE]

SHAPE is 135m (SmolLM2), 0.5b (Qwen2.5) or 1b (Llama 3.2). FOLDER gets config.json, tokenizer.json and
model.safetensors; --gguf also writes the same weights as a GGUF, for llama.cpp. The same seed gives the same
bytes. One tensor is in memory at a time. Needs numpy.
"""
import argparse
import json
import os
import struct
import zlib

import numpy

LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}


def shape(family, hidden, feed_forward, blocks, heads, key_value_heads, vocabulary, context, theta, **other):
    return family | {
        "hidden_size": hidden, "intermediate_size": feed_forward, "num_hidden_layers": blocks,
        "num_attention_heads": heads, "num_key_value_heads": key_value_heads, "vocab_size": vocabulary,
        "max_position_embeddings": context, "rope_theta": theta, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2,
    } | other  # fmt: skip


# Every one ties its embedding to its head and has heads of 64. RoPE is left unscaled, which costs the same.
SHAPES = {
    "135m": shape(LLAMA, 576, 1536, 30, 9, 3, 49152, 8192, 100000.0),
    "0.5b": shape(QWEN2, 896, 4864, 24, 14, 2, 151936, 32768, 1000000.0, rms_norm_eps=1e-6),
    "1b": shape(LLAMA, 2048, 8192, 16, 32, 8, 128256, 131072, 500000.0),
}


def tensors(config):
    """(Hugging Face's name, GGUF's name, shape), in file order."""
    hidden, feed_forward = config["hidden_size"], config["intermediate_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", "token_embd.weight", (config["vocab_size"], hidden)
    for block in range(config["num_hidden_layers"]):
        parts = [
            ("input_layernorm.weight", "attn_norm.weight", (hidden,)),
            ("self_attn.q_proj.weight", "attn_q.weight", (hidden, hidden)),
            ("self_attn.k_proj.weight", "attn_k.weight", (keys, hidden)),
            ("self_attn.v_proj.weight", "attn_v.weight", (keys, hidden)),
            ("self_attn.o_proj.weight", "attn_output.weight", (hidden, hidden)),
            ("post_attention_layernorm.weight", "ffn_norm.weight", (hidden,)),
            ("mlp.gate_proj.weight", "ffn_gate.weight", (feed_forward, hidden)),
            ("mlp.up_proj.weight", "ffn_up.weight", (feed_forward, hidden)),
            ("mlp.down_proj.weight", "ffn_down.weight", (hidden, feed_forward)),
        ]
        if config["model_type"] == "qwen2":
            for name, width in ("q", hidden), ("k", keys), ("v", keys):
                parts.append((f"self_attn.{name}_proj.bias", f"attn_{name}.bias", (width,)))
        for name, short, size in parts:
            yield f"model.layers.{block}.{name}", f"blk.{block}.{short}", size
    yield "model.norm.weight", "output_norm.weight", (hidden,)


def values(name, size, seed):
    """Normal numbers of a scale that keeps the stream's size through the blocks."""
    generator = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(name.encode())]))
    x = generator.standard_normal(size, dtype=numpy.float32)
    if len(size) == 1:
        return x * numpy.float32(0.1) + numpy.float32("norm" in name)
    return x * numpy.float32(0.12 if "embed" in name else 1 / numpy.sqrt(size[1]))


def encoded(x, type):
    if type == "f16":
        return x.astype("<f2").tobytes()
    bits = x.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


def token(index):
    """The first 256 are the bytes in GPT-2's alphabet, which every vocabulary of this kind begins with."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if index >= 256:
        return f"<{index}>"
    if index < len(printable):
        return chr(printable[index])
    return chr(256 + index - len(printable))


def write_safetensors(path, config, type, seed):
    header, offset = {}, 0
    for name, _, size in tensors(config):
        end = offset + 2 * int(numpy.prod(size))
        header[name] = {"dtype": type.upper(), "shape": size, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 64 + 56)  # the data begins at a multiple of 64
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, _, size in tensors(config):
            file.write(encoded(values(name, size, seed), type))


UINT32, FLOAT32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5
GGUF_TYPES = {"f32": 0, "f16": 1, "bf16": 30}
ALIGNMENT = 32


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf_metadata(config, type):
    arch = config["model_type"]
    vocabulary = config["vocab_size"]
    head = config["hidden_size"] // config["num_attention_heads"]
    strings = b"".join(text(token(index)) for index in range(vocabulary))
    kinds = struct.pack(f"<{vocabulary}i", *[1] * vocabulary)
    u32 = lambda value: (UINT32, struct.pack("<I", value))
    f32 = lambda value: (FLOAT32, struct.pack("<f", value))
    array = lambda kind, count, content: (ARRAY, struct.pack("<IQ", kind, count) + content)
    return {
        "general.architecture": (STRING, text(arch)),
        "general.name": (STRING, text("synthetic")),
        "general.file_type": u32(1 if type == "f16" else 32),
        f"{arch}.block_count": u32(config["num_hidden_layers"]),
        f"{arch}.context_length": u32(config["max_position_embeddings"]),
        f"{arch}.embedding_length": u32(config["hidden_size"]),
        f"{arch}.feed_forward_length": u32(config["intermediate_size"]),
        f"{arch}.attention.head_count": u32(config["num_attention_heads"]),
        f"{arch}.attention.head_count_kv": u32(config["num_key_value_heads"]),
        f"{arch}.attention.layer_norm_rms_epsilon": f32(config["rms_norm_eps"]),
        f"{arch}.rope.freq_base": f32(config["rope_theta"]),
        f"{arch}.rope.dimension_count": u32(head),
        f"{arch}.vocab_size": u32(vocabulary),
        "tokenizer.ggml.model": (STRING, text("gpt2")),
        "tokenizer.ggml.pre": (STRING, text("default")),
        "tokenizer.ggml.tokens": array(STRING, vocabulary, strings),
        "tokenizer.ggml.token_type": array(INT32, vocabulary, kinds),
        "tokenizer.ggml.merges": array(STRING, 1, text("a b")),
        "tokenizer.ggml.bos_token_id": u32(config["bos_token_id"]),
        "tokenizer.ggml.eos_token_id": u32(config["eos_token_id"]),
    }


def interleaved(x, heads):
    """llama.cpp pairs neighbouring numbers of a head where Hugging Face pairs its halves (family llama only)."""
    return x.reshape(heads, 2, -1, x.shape[1]).swapaxes(1, 2).reshape(x.shape)


def write_gguf(path, config, type, seed):
    """GGUF version 3: matrices of `type`, vectors in f32."""
    metadata = gguf_metadata(config, type)
    listed = list(tensors(config))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(listed), len(metadata))
    for key, (kind, content) in metadata.items():
        head += text(key) + struct.pack("<I", kind) + content
    offset = 0
    for _, name, size in listed:
        stored = type if len(size) == 2 else "f32"
        head += text(name) + struct.pack(f"<I{len(size)}Q", len(size), *reversed(size))
        head += struct.pack("<IQ", GGUF_TYPES[stored], offset)
        length = int(numpy.prod(size)) * (2 if len(size) == 2 else 4)
        offset += length + -length % ALIGNMENT
    head += bytes(-len(head) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(head)
        for name, short, size in listed:
            x = values(name, size, seed)
            if config["model_type"] == "llama" and short.endswith(("attn_q.weight", "attn_k.weight")):
                x = interleaved(x, size[0] * config["num_attention_heads"] // config["hidden_size"])
            data = encoded(x, type) if len(size) == 2 else x.astype("<f4").tobytes()
            file.write(data + bytes(-len(data) % ALIGNMENT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder")
    parser.add_argument("--type", choices=["f16", "bf16"], default="f16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gguf")
    options = parser.parse_args()
    config = SHAPES[options.shape]
    os.makedirs(options.folder, exist_ok=True)
    with open(f"{options.folder}/config.json", "w") as file:
        json.dump(config | {"torch_dtype": {"f16": "float16", "bf16": "bfloat16"}[options.type]}, file, indent=1)
    with open(f"{options.folder}/tokenizer.json", "w") as file:
        vocabulary = {token(index): index for index in range(config["vocab_size"])}
        json.dump({"version": "1.0", "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}, file)
    write_safetensors(f"{options.folder}/model.safetensors", config, options.type, options.seed)
    if options.gguf:
        write_gguf(options.gguf, config, options.type, options.seed)


if __name__ == "__main__":
    main()
