"""The models of tools/write_tiny_model.py computed in double precision, straight from the papers: what the program's
logits are compared with."""
import numpy as np


def decode(values, matrix_format):
    """A matrix after a round trip through a weight format."""
    shape = values.shape
    if matrix_format == "f16":
        return values.astype(np.float16).astype(np.float64)
    if matrix_format == "bf16":
        bits = values.view(np.uint32).astype(np.uint64)
        rounded = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) & np.uint64(0xFFFF0000)
        return rounded.astype(np.uint32).view(np.float32).astype(np.float64)
    if matrix_format == "f32":
        return values.astype(np.float64)
    blocks = values.reshape(-1, 32)
    if matrix_format == "q8_0":
        scale, low, high = np.abs(blocks).max(axis=1) / np.float32(127), -127, 127
    else:  # q4_0
        scale, low, high = blocks[np.arange(len(blocks)), np.abs(blocks).argmax(axis=1)] / np.float32(-8), -8, 7
    # To the nearest integer; a tie between two goes upwards in q4_0, and random weights have none in q8_0.
    integers = np.clip(np.floor(blocks / scale[:, None] + np.float32(0.5)), low, high)
    return (integers.astype(np.float64) * scale.astype(np.float16).astype(np.float64)[:, None]).reshape(shape)


class ReferenceModel:
    def __init__(self, model, matrix_format="f32"):
        self.model = model
        self.tensors = {name: decode(values, matrix_format if values.ndim > 1 else "f32")
                        for name, values in model.tensors.items()}

    def linear(self, name, x):
        y = x @ self.tensors[f"{name}.weight"].T
        return y + self.tensors[f"{name}.bias"] if f"{name}.bias" in self.tensors else y

    def norm(self, name, x):
        weight = self.tensors[f"{name}.weight"]
        if not self.model.is_gpt or name.endswith(("q_norm", "k_norm")):
            return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + self.tensors[f"{name}.bias"]

    def rope(self, x):  # [tokens, heads, head_dim]
        head_dim = x.shape[-1]
        angles = np.arange(len(x))[:, None] * 10000.0 ** (-np.arange(0, head_dim, 2) / head_dim)
        cos, sin = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
        out = np.empty_like(x)
        # GGUF's llama files rotate neighbours, the others element i with element i + head_dim / 2.
        adjacent = self.model.architecture == "llama"
        first = slice(0, None, 2) if adjacent else slice(0, head_dim // 2)
        second = slice(1, None, 2) if adjacent else slice(head_dim // 2, None)
        out[..., first] = x[..., first] * cos - x[..., second] * sin
        out[..., second] = x[..., first] * sin + x[..., second] * cos
        return out

    def attention(self, layer, x):
        model, tokens = self.model, len(x)
        widths = [model.heads * model.head_dim] + [model.kv_heads * model.head_dim] * 2
        if model.is_gpt:
            q, k, v = np.split(self.linear(f"{layer}.attn_qkv", x), np.cumsum(widths)[:2], axis=1)
        else:
            q, k, v = (self.linear(f"{layer}.attn_{part}", x) for part in "qkv")
        q, k, v = (part.reshape(tokens, -1, model.head_dim) for part in (q, k, v))
        if model.architecture == "qwen3":
            q, k = self.norm(f"{layer}.attn_q_norm", q), self.norm(f"{layer}.attn_k_norm", k)
        if not model.is_gpt:
            q, k = self.rope(q), self.rope(k)
        k, v = (np.repeat(part, model.heads // model.kv_heads, axis=1) for part in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(model.head_dim)
        scores[:, np.triu(np.ones((tokens, tokens), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return self.linear(f"{layer}.attn_output", np.einsum("hqk,khd->qhd", weights, v).reshape(tokens, -1))

    def feed_forward(self, layer, x):
        up = self.linear(f"{layer}.ffn_up", x)
        if self.model.is_gpt:
            up = 0.5 * up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
        else:
            gate = self.linear(f"{layer}.ffn_gate", x)
            up *= gate / (1 + np.exp(-gate))
        return self.linear(f"{layer}.ffn_down", up)

    def logits(self, tokens):
        """[tokens, vocabulary]"""
        x = self.tensors["token_embd.weight"][tokens]
        if self.model.is_gpt:
            x = x + self.tensors["position_embd.weight"][: len(tokens)]
        for index in range(self.model.layers):
            layer = f"blk.{index}"
            x = x + self.attention(layer, self.norm(f"{layer}.attn_norm", x))
            x = x + self.feed_forward(layer, self.norm(f"{layer}.ffn_norm", x))
        return self.linear("output", self.norm("output_norm", x))
