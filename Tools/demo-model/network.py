"""The demo model's network: a Llama decoder, written out small enough to train quickly on a CPU.

The parameter names are those of Hugging Face's `LlamaForCausalLM`, so a state dict is a checkpoint that any
Llama implementation loads.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 1024
    blocks: int = 24
    width: int = 128
    heads: int = 4
    key_value_heads: int = 2
    head_width: int = 32
    feed_forward: int = 384
    context: int = 512
    rope_theta: float = 10000.0
    epsilon: float = 1e-5

    def hugging_face_config(self, bos: int, eos: int) -> dict:
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocabulary,
            "hidden_size": self.width,
            "intermediate_size": self.feed_forward,
            "num_hidden_layers": self.blocks,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "head_dim": self.head_width,
            "hidden_act": "silu",
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.epsilon,
            "rope_theta": self.rope_theta,
            "rope_scaling": None,
            "attention_bias": False,
            "mlp_bias": False,
            "attention_dropout": 0.0,
            "tie_word_embeddings": True,
            "initializer_range": 0.02,
            "bos_token_id": bos,
            "eos_token_id": eos,
            "use_cache": True,
            "torch_dtype": "float16",
        }

    def as_dict(self) -> dict:
        return asdict(self)


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        queries = shape.heads * shape.head_width
        keys = shape.key_value_heads * shape.head_width
        self.q_proj = nn.Linear(shape.width, queries, bias=False)
        self.k_proj = nn.Linear(shape.width, keys, bias=False)
        self.v_proj = nn.Linear(shape.width, keys, bias=False)
        self.o_proj = nn.Linear(queries, shape.width, bias=False)

    def forward(self, x, cosine, sine):
        batch, tokens, _ = x.shape
        # One product for the three projections: on a CPU the call costs as much as the arithmetic.
        weight = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        joined = F.linear(x, weight).view(batch, tokens, -1, self.shape.head_width).transpose(1, 2)
        heads, groups = self.shape.heads, self.shape.key_value_heads
        rotated = rotate(joined[:, : heads + groups], cosine, sine)
        query, key = rotated[:, :heads], rotated[:, heads:]
        value = joined[:, heads + groups :]
        key = key.repeat_interleave(heads // groups, dim=1)
        value = value.repeat_interleave(heads // groups, dim=1)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x):
        gate, up = F.linear(x, torch.cat([self.gate_proj.weight, self.up_proj.weight])).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)


class Norm(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self.epsilon = shape.epsilon

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.input_layernorm = Norm(shape)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape)
        self.mlp = FeedForward(shape)

    def forward(self, x, cosine, sine):
        h = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        return h + self.mlp(self.post_attention_layernorm(h))


class Decoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.norm = Norm(shape)


class Network(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.model = Decoder(shape)
        cosine, sine = rotations(shape)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.initialise()

    def initialise(self):
        """Normal(0, 0.02); what writes into the residual stream is divided by √(2 · blocks)."""
        residual = (2 * self.shape.blocks) ** -0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            scale = residual if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
            nn.init.normal_(parameter, std=0.02 * scale)

    def forward(self, ids):
        x = self.model.embed_tokens(ids)
        tokens = ids.shape[1]
        cosine, sine = self.cosine[:tokens].to(x.dtype), self.sine[:tokens].to(x.dtype)
        for block in self.model.layers:
            x = block(x, cosine, sine)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)


def rotations(shape: Shape):
    half = torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), shape.rope_theta**-half)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().float(), angles.sin().float()


def rotate(x, cosine, sine):
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine
