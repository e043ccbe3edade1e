"""The model in plain PyTorch: Llama's architecture with tied embeddings, tensors named as in Hugging Face's files.

Works under PyTorch 1.13 (for dry runs on a CPU) and 2.x. Rotary positions rotate the two halves of a head, as Hugging
Face's Llama does; gguf_file.py reorders the rows for GGUF, where neighbours are rotated.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn


HAS_FUSED_ATTENTION = hasattr(F, "scaled_dot_product_attention")  # PyTorch 2


@dataclasses.dataclass
class Sizes:
    vocabulary: int = 4096
    width: int = 256
    layers: int = 10
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    feed_forward: int = 768
    context: int = 1024
    rope_theta: float = 10000.0
    norm_epsilon: float = 1e-5


class RmsNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        wide = x if x.dtype == torch.float64 else x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return wide.to(x.dtype) * self.weight


def rotary_tables(sizes, device):
    """cos and sin of every position and frequency, in float64.  # [context, head_dim]"""
    half = sizes.head_dim // 2
    frequencies = sizes.rope_theta ** (-torch.arange(half, dtype=torch.float64, device=device) / half)
    angles = torch.arange(sizes.context, dtype=torch.float64, device=device)[:, None] * frequencies
    return torch.cat([angles.cos()] * 2, 1), torch.cat([angles.sin()] * 2, 1)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def causal_attention(q, k, v):
    """softmax(q k^T) v below the diagonal.  # all [batch, heads, length, head_dim]"""
    if HAS_FUSED_ATTENTION:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    length = q.shape[2]
    scores = (q @ k.transpose(2, 3)) / math.sqrt(q.shape[-1])
    mask = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    return torch.softmax(scores.masked_fill(mask, float("-inf")), -1) @ v


class Attention(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.q_proj = nn.Linear(sizes.width, sizes.heads * sizes.head_dim, bias=False)
        self.k_proj = nn.Linear(sizes.width, sizes.kv_heads * sizes.head_dim, bias=False)
        self.v_proj = nn.Linear(sizes.width, sizes.kv_heads * sizes.head_dim, bias=False)
        self.o_proj = nn.Linear(sizes.heads * sizes.head_dim, sizes.width, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        s = self.sizes
        q = self.q_proj(x).view(batch, length, s.heads, s.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, s.kv_heads, s.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, s.kv_heads, s.head_dim).transpose(1, 2)
        # Under autocast the projections are bf16 and the tables float32: rotated in float32, then back.
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        group = s.heads // s.kv_heads
        out = causal_attention(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1))
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, s.heads * s.head_dim))


class FeedForward(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.gate_proj = nn.Linear(sizes.width, sizes.feed_forward, bias=False)
        self.up_proj = nn.Linear(sizes.width, sizes.feed_forward, bias=False)
        self.down_proj = nn.Linear(sizes.feed_forward, sizes.width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.input_layernorm = RmsNorm(sizes.width, sizes.norm_epsilon)
        self.self_attn = Attention(sizes)
        self.post_attention_layernorm = RmsNorm(sizes.width, sizes.norm_epsilon)
        self.mlp = FeedForward(sizes)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Holds what Hugging Face's files name `model.*`."""

    def __init__(self, sizes):
        super().__init__()
        self.embed_tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))
        self.norm = RmsNorm(sizes.width, sizes.norm_epsilon)


class StoryModel(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.model = Decoder(sizes)
        cos, sin = rotary_tables(sizes, "cpu")
        self.register_buffer("cos", cos.float(), persistent=False)
        self.register_buffer("sin", sin.float(), persistent=False)
        self.reset()

    def reset(self):
        deep = 1 / math.sqrt(2 * self.sizes.layers)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                scale = deep if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
                nn.init.normal_(parameter, std=0.02 if "embed" in name else 0.5 * scale / math.sqrt(parameter.shape[1]))

    def forward(self, ids):
        """Logits of every position.  # [batch, length] -> [batch, length, vocabulary]"""
        x = self.model.embed_tokens(ids)
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)

    def to_float64(self):
        """Everything in float64, the rotary tables too: the reference for other engines' float32."""
        self.double()
        self.cos, self.sin = rotary_tables(self.sizes, self.cos.device)
        return self


def parameter_count(model):
    return sum(parameter.numel() for parameter in model.parameters())
