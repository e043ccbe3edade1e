"""Plain forward passes of tiny models in double precision, written from the published descriptions, and the files of
random weights that the program reads in their place. As a program it writes tests/data/hf/bloom, mpt and mpnet."""
import json
import math
import pathlib

import numpy as np

from cli_case import TinyModel
from safetensors_file import write_safetensors
from server_case import ServerCase

WIDTH, FF, LAYERS, VOCABULARY, CONTEXT = 32, 48, 2, 40, 64
ERF = np.vectorize(math.erf)

ACTIVATIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + ERF(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))),
    "relu": lambda x: np.maximum(x, 0),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
}


class Weights:
    """The model as the formulas see it: every name of theirs is drawn when it is first asked for."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.drawn = {}

    def __call__(self, name, *shape):
        if name not in self.drawn:
            values = self.random.standard_normal(shape) * (0.3 if len(shape) > 1 else 0.5)
            self.drawn[name] = values.astype(np.float32).astype(np.float64)
        assert self.drawn[name].shape == shape, name
        return self.drawn[name]


def alibi_slopes(heads, max_bias=8):
    """Press et al. 2022: a geometric sequence for a power of two; other numbers take every other one of the next."""
    if heads & (heads - 1) == 0:
        return [2 ** (-max_bias * (h + 1) / heads) for h in range(heads)]
    power = 1 << heads.bit_length() - 1
    return alibi_slopes(power, max_bias) + alibi_slopes(2 * power, max_bias)[::2][:heads - power]


def t5_buckets(tokens):
    """Raffel et al. 2020: which of 32 buckets a key belongs to, by its distance from the query, [queries, keys]."""
    offset = np.arange(tokens) - np.arange(tokens)[:, None]
    distance = np.abs(offset)
    far = 8 + np.floor(np.log(np.maximum(distance, 1) / 8) / math.log(128 / 8) * 8 + 1e-9).astype(int)
    return np.where(offset > 0, 16, 0) + np.where(distance < 8, distance, np.minimum(far, 15))


class Model:
    """A decoder, or with `sees_all` an encoder. What differs between families is a keyword."""

    def __init__(self, **options):
        self.width, self.layers = WIDTH, LAYERS
        self.heads, self.kv_heads, self.rms, self.eps, self.offset = 4, 4, False, 1e-5, 0.0
        self.parallel = self.shared_norm = self.gated = self.adjacent = self.sees_all = self.norm_of_sum = False
        self.norms_bias = self.bias = self.types = self.embedding_norm = self.by_head = self.norm_rotated = False
        self.query_key_norm = None  # "rms", "layer"
        self.query_key_bias = False
        self.act, self.rope_base, self.rotary, self.positions = "silu", 10000.0, 8, None
        self.logit_scale, self.output_bias = 1.0, False
        self.slopes, self.limit, self.whole_rows, self.scale = None, np.inf, False, None
        self.adds_to_norm = False         # parts are added to what their norm has made
        self.embedding_width = None       # of embeddings and what is added to them, before a matrix
        self.shared_layers = False        # all are the same one
        self.buckets = False              # biases by distance, in T5's buckets
        self.windows = {}                 # layer: positions that a token sees
        self.gate_bias = None             # of gate and up, where not as everywhere
        self.experts = 0                  # so many in every other layer, of which each token asks two
        self.__dict__.update(options)
        self.weights = Weights(len(repr(sorted(options.items()))))
        self.head_dim = self.width // self.heads
        self.rotary = min(self.rotary, self.head_dim)

    def linear(self, x, name, out, bias=None):
        y = x @ self.weights(name + ".weight", out, x.shape[-1]).T
        return y + self.weights(name + ".bias", out) if (self.bias if bias is None else bias) else y

    def norm(self, x, name, rms=None, bias=None, shape=None):
        weight = self.weights(name + ".weight", *(shape or x.shape[-1:])) + self.offset
        if self.rms if rms is None else rms:
            return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps) * weight
        x = x - x.mean(-1, keepdims=True)
        y = x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps) * weight
        return y + self.weights(name + ".bias", *x.shape[-1:]) if (self.norms_bias if bias is None else bias) else y

    def rotated(self, x):
        if self.rotary == 0:
            return x
        pairs = self.rotary // 2
        angles = np.arange(len(x))[:, None] * self.rope_base ** (-np.arange(pairs) / pairs)
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        first = np.arange(pairs) * 2 if self.adjacent else np.arange(pairs)
        second = first + 1 if self.adjacent else first + pairs
        y = x.copy()
        y[..., first] = x[..., first] * cos - x[..., second] * sin
        y[..., second] = x[..., second] * cos + x[..., first] * sin
        return y

    def normed_heads(self, x, name):
        if self.query_key_norm is None:
            return x
        shape = x.shape[1:] if self.by_head else x.shape[2:]
        return self.norm(x, name, rms=self.query_key_norm == "rms", bias=self.query_key_bias, shape=shape)

    def attention(self, x, p):
        q, k, v = (np.clip(self.linear(x, p + name, heads * self.head_dim), -self.limit, self.limit)
                   for name, heads in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads)))
        if self.whole_rows:
            q, k = self.norm(q, p + "qn"), self.norm(k, p + "kn")
        q, k, v = (part.reshape(len(x), -1, self.head_dim) for part in (q, k, v))
        if self.norm_rotated:
            q, k = self.normed_heads(self.rotated(q), p + "qn"), self.normed_heads(self.rotated(k), p + "kn")
        else:
            q, k = self.rotated(self.normed_heads(q, p + "qn")), self.rotated(self.normed_heads(k, p + "kn"))
        k, v = (np.repeat(part, self.heads // self.kv_heads, axis=1) for part in (k, v))
        scores = np.einsum("thd,jhd->htj", q, k) * (self.scale or 1 / math.sqrt(self.head_dim))
        if self.slopes is not None:
            distances = np.abs(np.arange(len(x))[:, None] - np.arange(len(x)))
            scores = scores - np.array(self.slopes)[:, None, None] * distances
        if self.buckets:
            scores = scores + self.weights("biases.weight", 32, self.heads)[t5_buckets(len(x))].transpose(2, 0, 1)
        if not self.sees_all:
            distance = np.arange(len(x))[:, None] - np.arange(len(x))
            window = self.windows.get(int(p[:-1]), CONTEXT)
            scores = np.where((distance >= 0) & (distance < window), scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("htj,jhd->thd", scores / scores.sum(-1, keepdims=True), v)
        return self.linear(mixed.reshape(len(x), -1), p + "o", self.width)

    def mixture(self, x, p):
        scores = np.exp(self.linear(x, p + "router", self.experts, False))
        scores /= scores.sum(-1, keepdims=True)
        up = self.weights(p + "e_up.weight", self.experts, FF, self.width)
        down = self.weights(p + "e_down.weight", self.experts, self.width, FF)
        out = np.zeros_like(x)
        for t, row in enumerate(x):
            for e in np.argsort(-scores[t], kind="stable")[:2]:
                out[t] += scores[t][e] * (down[e] @ ACTIVATIONS[self.act](up[e] @ row))
        return out

    def feed_forward(self, x, p):
        if self.experts and int(p[:-1]) % 2 == 1:
            return self.mixture(x, p)
        hidden = self.linear(x, p + "up", FF, self.gate_bias)
        act = ACTIVATIONS[self.act]
        hidden = act(self.linear(x, p + "gate", FF, self.gate_bias)) * hidden if self.gated else act(hidden)
        return self.linear(hidden, p + "down", self.width)

    def states(self, tokens, second_begin=None):
        """`second_begin`: where the second text of a pair begins, whose tokens are of the second type."""
        width = self.embedding_width or self.width
        x = self.weights("embed.weight", VOCABULARY, width)[tokens]
        if self.positions is not None:
            x = x + self.weights("positions.weight", CONTEXT + self.positions, width)[self.positions:][:len(x)]
        if self.types:
            is_second = np.arange(len(tokens)) >= (len(tokens) if second_begin is None else second_begin)
            x = x + self.weights("types.weight", 2, width)[is_second.astype(int)]
        if self.embedding_norm:
            x = self.norm(x, "embed_norm")
        if self.embedding_width:
            x = self.linear(x, "project", self.width)
        for i in range(self.layers):
            p = "0." if self.shared_layers else f"{i}."
            if self.norm_of_sum:
                x = self.norm(x + self.attention(x, p), p + "n1")
                x = self.norm(x + self.feed_forward(x, p), p + "n2")
                continue
            normed = self.norm(x, p + "n1")
            if self.adds_to_norm:
                x = self.norm(normed + self.attention(normed, p), p + "n2")
                x = x + self.feed_forward(x, p)
            elif self.parallel:
                second = normed if self.shared_norm else self.norm(x, p + "n2")
                x = x + self.attention(normed, p) + self.feed_forward(second, p)
            else:
                x = x + self.attention(normed, p)
                x = x + self.feed_forward(self.norm(x, p + "n2"), p)
        return x if self.norm_of_sum else self.norm(x, "last")

    def logits(self, tokens):
        states = self.states(tokens)
        return self.linear(states, "head", VOCABULARY, self.output_bias) * self.logit_scale

    # How families fuse q, k and v where not one below the other: for each key/value head its queries, k and v, or each
    # shard's queries, v and k.
    def fused(self, p, ending):
        shards = getattr(self, "shards", 0)
        parts = [self.weights.drawn[p + name + ending] for name in ("qvk" if shards else "qkv")]
        if getattr(self, "qkv_in_order", False):
            return np.concatenate(parts)
        if shards:
            rows = [part.reshape(shards, -1, *part.shape[1:]) for part in parts]
            return np.concatenate(rows, axis=1).reshape(-1, *parts[0].shape[1:])
        rows = [part.reshape(self.kv_heads, -1, self.head_dim, *part.shape[1:]) for part in parts]
        return np.concatenate(rows, axis=1).reshape(-1, *parts[0].shape[1:])


SIZES = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": FF,
         "max_position_embeddings": CONTEXT, "tie_word_embeddings": False}
BLOOM = {"n1": "input_layernorm", "n2": "post_attention_layernorm", "qkv": "self_attention.query_key_value",
         "o": "self_attention.dense", "up": "mlp.dense_h_to_4h", "down": "mlp.dense_4h_to_h"}
BLOOM_ENDS = {"embed": "transformer.word_embeddings", "embed_norm": "transformer.word_embeddings_layernorm",
              "last": "transformer.ln_f", "head": "lm_head", "layer": "transformer.h"}
MPT = {"n1": "norm_1", "n2": "norm_2", "qkv": "attn.Wqkv", "o": "attn.out_proj", "up": "ffn.up_proj",
       "down": "ffn.down_proj", "qn": "attn.q_ln", "kn": "attn.k_ln"}
MPT_ENDS = {"embed": "transformer.wte", "positions": "transformer.wpe", "last": "transformer.norm_f", "head": "lm_head",
            "layer": "transformer.blocks"}
MPNET = {"n1": "attention.LayerNorm", "n2": "output.LayerNorm", "q": "attention.attn.q", "k": "attention.attn.k",
         "v": "attention.attn.v", "o": "attention.attn.o", "up": "intermediate.dense", "down": "output.dense"}
MPNET_ENDS = {"embed": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
              "embed_norm": "embeddings.LayerNorm", "layer": "encoder.layer",
              "biases": "encoder.relative_attention_bias"}
GGUF = {"n1": "attn_norm", "n2": "ffn_norm", "qkv": "attn_qkv", "o": "attn_output", "up": "ffn_up", "down": "ffn_down",
        "qn": "attn_q_norm", "kn": "attn_k_norm", "router": "ffn_gate_inp", "e_up": "ffn_up_exps",
        "e_down": "ffn_down_exps"}
GGUF_ENDS = {"embed": "token_embd", "embed_norm": "token_embd_norm", "positions": "position_embd",
             "types": "token_types", "last": "output_norm", "head": "output", "layer": "blk"}


def word_pieces():
    """A tokenizer.json of 40 tokens, "w4" to "w39" among them; a text stands between [CLS] and [SEP]."""
    special = {name: {"id": name, "ids": [i], "tokens": [name]} for i, name in ((2, "[CLS]"), (3, "[SEP]"))}
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3} | {f"w{i}": i for i in range(4, VOCABULARY)}
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    return {"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": special},
            "decoder": {"type": "WordPiece"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocabulary}}


def tensors_of(names, ends, model):
    """{name in a file: values} of what the model has drawn."""
    tensors = {}
    for own, values in model.weights.drawn.items():
        part, ending = own.rsplit(".", 1)
        if part[0].isdigit():
            layer, part = part.split(".")
            if part in ("q", "k", "v") and "qkv" in names:
                part = "qkv"
                values = model.fused(f"{layer}.", "." + ending)
            if part in ("gate", "up") and "gate_up" in names:
                values = np.concatenate([model.weights.drawn[f"{layer}.{name}.{ending}"] for name in ("gate", "up")])
                part = "gate_up"
            name = f"{ends['layer']}.{layer}.{names[part]}.{ending}"
        else:
            name = f"{ends[part]}.{ending}"
        tensors[name] = values.astype("<f4")
    return tensors


def write_folder(folder, config, names, ends, model, more=None):
    """A checkpoint of what the model has drawn, and `more` tensors by their names."""
    tensors = tensors_of(names, ends, model) | {key: values.astype("<f4") for key, values in (more or {}).items()}
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {key: value for key, value in SIZES.items() if key not in config}
    if "text_config" in config:
        config = config | {"text_config": sizes | config["text_config"]}
    elif not any(key in config for key in ("n_embd", "dim", "n_embed", "d_model")):
        config = sizes | config
    else:
        config = {"max_position_embeddings": CONTEXT, "tie_word_embeddings": False} | config
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", tensors)


class FamilyCase(ServerCase):
    """Writes models in the layouts of families."""

    def write(self, config, names, ends, model, more=None):
        folder = self.path(f"family-{len(list(self.folder.iterdir()))}")
        write_folder(folder, config, names, ends, model, more)
        return folder

    def write_gguf(self, architecture, settings, model, more=None, names=GGUF, metadata=None):
        """The same as a GGUF file, in whose names and order; `metadata` beside the architecture's own."""
        tiny = TinyModel()
        sizes = {"context_length": CONTEXT, "embedding_length": model.width, "block_count": model.layers,
                 "feed_forward_length": FF, "attention.head_count": model.heads,
                 "attention.head_count_kv": model.kv_heads, "attention.layer_norm_epsilon": model.eps}
        tiny.metadata = {"general.architecture": architecture} | {
            f"{architecture}.{key}": value for key, value in (sizes | settings).items()} | (metadata or {})
        in_order, model.qkv_in_order = getattr(model, "qkv_in_order", False), True
        tiny.tensors = tensors_of(names, GGUF_ENDS, model) | (more or {})
        model.qkv_in_order = in_order
        path = self.path(f"{architecture}-{len(list(self.folder.iterdir()))}.gguf")
        tiny.write(path)
        return path


def write_fixture(name, config, names, ends, model):
    """tests/data/hf/NAME: the checkpoint, its logits for a prompt, and what greedy decoding adds."""
    folder = pathlib.Path(__file__).resolve().parent.parent / "data/hf" / name
    prompt = np.random.default_rng(7).integers(0, VOCABULARY, 40).tolist()
    logits, tokens = model.logits(prompt), list(prompt)
    while len(tokens) < CONTEXT:
        tokens.append(int(model.logits(tokens)[-1].argmax()))
    write_folder(folder, config, names, ends, model)
    np.save(folder / "logits.npy", logits.astype("<f4"))
    (folder / "tokens.json").write_text(json.dumps({"prompt": prompt, "greedy": tokens[len(prompt):]}))


if __name__ == "__main__":
    write_fixture("bloom", {"model_type": "bloom", "hidden_size": 48, "n_layer": 3, "n_head": 6, "n_embed": 48,
                            "n_inner": FF, "seq_length": CONTEXT}, BLOOM, BLOOM_ENDS,
                  Model(width=48, layers=3, heads=6, kv_heads=6, slopes=alibi_slopes(6), embedding_norm=True,
                        norms_bias=True, bias=True, act="gelu_new", rotary=0))
    write_fixture("mpt", {"model_type": "mpt", "d_model": 48, "n_layers": 3, "n_heads": 6, "expansion_ratio": 1,
                          "max_seq_len": CONTEXT,
                          "attn_config": {"alibi_bias_max": 12, "clip_qkv": 0.7, "kv_n_heads": 2}},
                  MPT, MPT_ENDS, Model(width=48, layers=3, heads=6, kv_heads=2, slopes=alibi_slopes(6, 12), limit=0.7,
                                       act="gelu", rotary=0, qkv_in_order=True))
    mpnet = Model(sees_all=True, norm_of_sum=True, embedding_norm=True, norms_bias=True, eps=1e-12, bias=True,
                  act="gelu", rotary=0, positions=2, buckets=True)
    mpnet.states([0])
    write_folder(pathlib.Path(__file__).resolve().parent.parent / "data/hf/mpnet",
                 {"model_type": "mpnet", "max_position_embeddings": CONTEXT + 2}, MPNET, MPNET_ENDS, mpnet)
