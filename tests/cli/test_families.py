"""Families that no independent fixture covers, and forms of others that theirs have not: tiny checkpoints of random
weights in each family's own layout, against one plain forward pass in double precision, written from the published
descriptions."""
import json
import math
import struct

import numpy as np

from cli_case import main
from server_case import ServerCase

WIDTH, FF, LAYERS, VOCABULARY, CONTEXT = 32, 48, 2, 40, 64
TOKENS = np.random.default_rng(3).integers(0, VOCABULARY, 21).tolist()
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


class Model:
    """A decoder, or with `sees_all` an encoder. What differs between families is a keyword."""

    def __init__(self, **options):
        self.heads, self.kv_heads, self.rms, self.eps, self.offset = 4, 4, False, 1e-5, 0.0
        self.parallel = self.shared_norm = self.gated = self.adjacent = self.sees_all = self.norm_of_sum = False
        self.norms_bias = self.bias = self.types = self.embedding_norm = self.by_head = self.norm_rotated = False
        self.query_key_norm = None  # "rms", "layer"
        self.query_key_bias = False
        self.act, self.rope_base, self.rotary, self.positions = "silu", 10000.0, 8, None
        self.logit_scale, self.output_bias = 1.0, False
        self.__dict__.update(options)
        self.weights = Weights(len(repr(sorted(options.items()))))
        self.head_dim = WIDTH // self.heads
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
        q, k, v = (self.linear(x, p + name, heads * self.head_dim).reshape(len(x), heads, self.head_dim)
                   for name, heads in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads)))
        if self.norm_rotated:
            q, k = self.normed_heads(self.rotated(q), p + "qn"), self.normed_heads(self.rotated(k), p + "kn")
        else:
            q, k = self.rotated(self.normed_heads(q, p + "qn")), self.rotated(self.normed_heads(k, p + "kn"))
        k, v = (np.repeat(part, self.heads // self.kv_heads, axis=1) for part in (k, v))
        scores = np.einsum("thd,jhd->htj", q, k) / math.sqrt(self.head_dim)
        if not self.sees_all:
            scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("htj,jhd->thd", scores / scores.sum(-1, keepdims=True), v)
        return self.linear(mixed.reshape(len(x), -1), p + "o", WIDTH)

    def feed_forward(self, x, p):
        hidden = self.linear(x, p + "up", FF)
        act = ACTIVATIONS[self.act]
        hidden = act(self.linear(x, p + "gate", FF)) * hidden if self.gated else act(hidden)
        return self.linear(hidden, p + "down", WIDTH)

    def states(self, tokens):
        x = self.weights("embed.weight", VOCABULARY, WIDTH)[tokens]
        if self.positions is not None:
            x = x + self.weights("positions.weight", CONTEXT + self.positions, WIDTH)[self.positions:][:len(x)]
        if self.types:
            x = x + self.weights("types.weight", 2, WIDTH)[0]
        if self.embedding_norm:
            x = self.norm(x, "embed_norm")
        for i in range(LAYERS):
            p = f"{i}."
            if self.norm_of_sum:
                x = self.norm(x + self.attention(x, p), p + "n1")
                x = self.norm(x + self.feed_forward(x, p), p + "n2")
                continue
            normed = self.norm(x, p + "n1")
            if self.parallel:
                second = normed if self.shared_norm else self.norm(x, p + "n2")
                x = x + self.attention(normed, p) + self.feed_forward(second, p)
            else:
                x = x + self.attention(normed, p)
                x = x + self.feed_forward(self.norm(x, p + "n2"), p)
        return x if self.norm_of_sum else self.norm(x, "last")

    def logits(self, tokens):
        states = self.states(tokens)
        return self.linear(states, "head", VOCABULARY, self.output_bias) * self.logit_scale

    # How families fuse q, k and v: for each key/value head its queries, k and v, or each shard's queries, v and k.
    def fused(self, p, ending):
        shards = getattr(self, "shards", 0)
        parts = [self.weights.drawn[p + name + ending] for name in ("qvk" if shards else "qkv")]
        if shards:
            rows = [part.reshape(shards, -1, *part.shape[1:]) for part in parts]
            return np.concatenate(rows, axis=1).reshape(-1, *parts[0].shape[1:])
        rows = [part.reshape(self.kv_heads, -1, self.head_dim, *part.shape[1:]) for part in parts]
        return np.concatenate(rows, axis=1).reshape(-1, *parts[0].shape[1:])


SIZES = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": FF,
         "max_position_embeddings": CONTEXT, "tie_word_embeddings": False}
BERT = {"n1": "attention.output.LayerNorm", "n2": "output.LayerNorm", "q": "attention.self.query",
        "k": "attention.self.key", "v": "attention.self.value", "o": "attention.output.dense",
        "up": "intermediate.dense", "down": "output.dense"}
LLAMA = {"n1": "input_layernorm", "n2": "post_attention_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
         "v": "self_attn.v_proj", "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
         "down": "mlp.down_proj", "qn": "self_attn.q_norm", "kn": "self_attn.k_norm"}
LLAMA_ENDS = {"embed": "model.embed_tokens", "last": "model.norm", "head": "lm_head", "layer": "model.layers"}
FALCON = {"n1": "input_layernorm", "n2": "post_attention_layernorm", "qkv": "self_attention.query_key_value",
          "o": "self_attention.dense", "up": "mlp.dense_h_to_4h", "down": "mlp.dense_4h_to_h"}
FALCON_ENDS = {"embed": "transformer.word_embeddings", "last": "transformer.ln_f", "head": "lm_head",
               "layer": "transformer.h"}

# name: (config.json beside the sizes, names within a layer, other names, the formulas' keywords)
DECODERS = {
    "falcon of one key/value head": (
        {"model_type": "falcon", "ffn_hidden_size": FF, "bias": True}, FALCON, FALCON_ENDS,
        {"kv_heads": 1, "parallel": True, "shared_norm": True, "norms_bias": True, "bias": True, "act": "gelu"}),
    "falcon, one half after the other": (
        {"model_type": "falcon", "ffn_hidden_size": FF, "multi_query": False, "parallel_attn": False}, FALCON,
        FALCON_ENDS,
        {"norms_bias": True, "act": "gelu"}),
    "command-r plus": (
        {"model_type": "cohere", "use_qk_norm": True, "num_key_value_heads": 2, "logit_scale": 0.5}, LLAMA, LLAMA_ENDS,
        {"kv_heads": 2, "parallel": True, "shared_norm": True, "gated": True, "adjacent": True, "by_head": True,
         "query_key_norm": "layer", "logit_scale": 0.5}),
    "phi with norms of queries and keys": (
        {"model_type": "phi", "qk_layernorm": True, "partial_rotary_factor": 0.5, "hidden_act": "gelu_new"},
        LLAMA | {"qn": "self_attn.q_layernorm", "kn": "self_attn.k_layernorm", "o": "self_attn.dense", "up": "mlp.fc1",
                 "down": "mlp.fc2"}, LLAMA_ENDS | {"last": "model.final_layernorm"},
        {"parallel": True, "shared_norm": True, "norms_bias": True, "bias": True, "act": "gelu_new", "rotary": 4,
         "query_key_norm": "layer", "query_key_bias": True, "output_bias": True}),
    "internlm2": (
        {"model_type": "internlm2", "num_key_value_heads": 2, "rms_norm_eps": 1e-5},
        {"n1": "attention_norm", "n2": "ffn_norm", "qkv": "attention.wqkv", "o": "attention.wo",
         "gate": "feed_forward.w1", "up": "feed_forward.w3", "down": "feed_forward.w2"},
        {"embed": "model.tok_embeddings", "last": "model.norm", "head": "output", "layer": "model.layers"},
        {"kv_heads": 2, "rms": True, "gated": True}),
    "helium": ({"model_type": "helium", "rms_norm_eps": 1e-5}, LLAMA, LLAMA_ENDS,
               {"rms": True, "gated": True, "adjacent": True}),
    "hunyuan, stretched": (
        {"model_type": "hunyuan_v1_dense", "rms_norm_eps": 1e-5, "head_dim": 8,
         "rope_scaling": {"type": "dynamic", "alpha": 50.0, "factor": 1.0}},
        LLAMA | {"qn": "self_attn.query_layernorm", "kn": "self_attn.key_layernorm"}, LLAMA_ENDS,
        {"rms": True, "gated": True, "query_key_norm": "rms", "norm_rotated": True,
         "rope_base": 10000.0 * 50 ** (8 / 6)}),
    "nemotron": (
        {"model_type": "nemotron", "num_key_value_heads": 2, "norm_eps": 1e-5, "partial_rotary_factor": 0.5,
         "hidden_act": "relu2"}, LLAMA, LLAMA_ENDS,
        {"kv_heads": 2, "norms_bias": True, "offset": 1.0, "act": "relu2", "rotary": 4}),
    "persimmon": (
        {"model_type": "persimmon", "partial_rotary_factor": 0.5, "hidden_act": "relu2"},
        {"n1": "input_layernorm", "n2": "post_attention_layernorm", "qkv": "self_attn.query_key_value",
         "o": "self_attn.dense", "up": "mlp.dense_h_to_4h", "down": "mlp.dense_4h_to_h",
         "qn": "self_attn.q_layernorm", "kn": "self_attn.k_layernorm"}, LLAMA_ENDS | {"last": "model.final_layernorm"},
        {"norms_bias": True, "bias": True, "act": "relu2", "rotary": 4, "query_key_norm": "layer",
         "query_key_bias": True}),
    "gpt-j": (
        {"model_type": "gptj", "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_inner": FF, "rotary_dim": 4},
        {"n1": "ln_1", "q": "attn.q_proj", "k": "attn.k_proj", "v": "attn.v_proj", "o": "attn.out_proj",
         "up": "mlp.fc_in", "down": "mlp.fc_out"},
        {"embed": "transformer.wte", "last": "transformer.ln_f", "head": "lm_head", "layer": "transformer.h"},
        {"parallel": True, "shared_norm": True, "norms_bias": True, "act": "gelu_new", "adjacent": True, "rotary": 4,
         "output_bias": True}),
    "codegen": (
        {"model_type": "codegen", "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_inner": FF, "rotary_dim": 4},
        {"n1": "ln_1", "qkv": "attn.qkv_proj", "o": "attn.out_proj", "up": "mlp.fc_in", "down": "mlp.fc_out"},
        {"embed": "transformer.wte", "last": "transformer.ln_f", "head": "lm_head", "layer": "transformer.h"},
        {"parallel": True, "shared_norm": True, "norms_bias": True, "act": "gelu_new", "adjacent": True, "rotary": 4,
         "output_bias": True, "shards": 4}),
    "opt": (
        {"model_type": "opt", "ffn_dim": FF, "activation_function": "relu"},
        {"n1": "self_attn_layer_norm", "n2": "final_layer_norm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
         "v": "self_attn.v_proj", "o": "self_attn.out_proj", "up": "fc1", "down": "fc2"},
        {"embed": "model.decoder.embed_tokens", "positions": "model.decoder.embed_positions", "head": "lm_head",
         "last": "model.decoder.final_layer_norm", "layer": "model.decoder.layers"},
        {"norms_bias": True, "bias": True, "act": "relu", "rotary": 0, "positions": 2}),
    "the text part of one that sees": (
        {"model_type": "llava", "text_config": {"model_type": "llama", "rms_norm_eps": 1e-5}}, LLAMA,
        {"embed": "language_model.model.embed_tokens", "last": "language_model.model.norm",
         "head": "language_model.lm_head", "layer": "language_model.model.layers"}, {"rms": True, "gated": True}),
}

ENCODER = {"sees_all": True, "norm_of_sum": True, "embedding_norm": True, "norms_bias": True, "eps": 1e-12}
ENCODERS = {
    "roberta within a larger model": (
        {"model_type": "roberta", "pad_token_id": 1, "max_position_embeddings": CONTEXT + 2}, BERT,
        {"embed": "roberta.embeddings.word_embeddings", "positions": "roberta.embeddings.position_embeddings",
         "types": "roberta.embeddings.token_type_embeddings", "embed_norm": "roberta.embeddings.LayerNorm",
         "layer": "roberta.encoder.layer"},
        ENCODER | {"bias": True, "act": "gelu", "rotary": 0, "positions": 2, "types": True}),
    "distilbert": (
        {"model_type": "distilbert", "dim": WIDTH, "hidden_dim": FF, "n_heads": 4, "n_layers": LAYERS},
        {"n1": "sa_layer_norm", "n2": "output_layer_norm", "q": "attention.q_lin", "k": "attention.k_lin",
         "v": "attention.v_lin", "o": "attention.out_lin", "up": "ffn.lin1", "down": "ffn.lin2"},
        {"embed": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
         "embed_norm": "embeddings.LayerNorm", "layer": "transformer.layer"},
        ENCODER | {"bias": True, "act": "gelu", "rotary": 0, "positions": 0}),
    "nomic-bert": (
        {"model_type": "nomic_bert", "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_inner": FF,
         "n_positions": CONTEXT, "activation_function": "swiglu", "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
         "layer_norm_epsilon": 1e-12, "causal": False, "scale_attn_weights": True},
        {"n1": "norm1", "n2": "norm2", "qkv": "attn.Wqkv", "o": "attn.out_proj", "gate": "mlp.fc12", "up": "mlp.fc11",
         "down": "mlp.fc2"},
        {"embed": "embeddings.word_embeddings", "types": "embeddings.token_type_embeddings", "embed_norm": "emb_ln",
         "layer": "encoder.layers"},
        ENCODER | {"gated": True, "act": "silu", "rope_base": 1000.0, "types": True, "qkv_in_order": True}),
}


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


class Families(ServerCase):
    def write(self, config, names, ends, model):
        """A folder with what the model has drawn."""
        tensors = {}
        for own, values in model.weights.drawn.items():
            part, ending = own.rsplit(".", 1)
            if part[0].isdigit():
                layer, part = part.split(".")
                if part in ("q", "k", "v") and "qkv" in names:
                    part = "qkv"
                    parts = [model.weights.drawn[f"{layer}.{name}.{ending}"] for name in "qkv"]
                    in_order = getattr(model, "qkv_in_order", False)
                    values = np.concatenate(parts) if in_order else model.fused(f"{layer}.", "." + ending)
                name = f"{ends['layer']}.{layer}.{names[part]}.{ending}"
            else:
                name = f"{ends[part]}.{ending}"
            tensors[name] = values.astype("<f4")
        header, data = {}, b""
        for name, values in tensors.items():
            header[name] = {"dtype": "F32", "shape": list(values.shape),
                            "data_offsets": [len(data), len(data) + values.nbytes]}
            data += values.tobytes()
        head = json.dumps(header).encode()
        folder = self.path(f"family-{len(list(self.folder.iterdir()))}")
        folder.mkdir()
        sizes = {key: value for key, value in SIZES.items() if key not in config}
        if "text_config" in config:
            config = config | {"text_config": sizes | config["text_config"]}
        elif not any(key in config for key in ("n_embd", "dim")):
            config = sizes | config
        else:
            config = {"max_position_embeddings": CONTEXT, "tie_word_embeddings": False} | config
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
        return folder

    def test_decoders(self):
        for name, (config, names, ends, options) in DECODERS.items():
            with self.subTest(name):
                model = Model(**options)
                expected = model.logits(TOKENS)
                folder = self.write(config, names, ends, model)
                out = self.path("logits.npy")
                for chunk in (512, 4):
                    done = self.hearth("logits", folder, "--tokens", ",".join(map(str, TOKENS)), "--compute", "f32",
                                       "--chunk", chunk, "--out", out)
                    self.assert_close(np.load(out), expected, 1e-5)
                self.assertEqual(b"text part" in done.stderr, "text_config" in config)

    def test_encoders(self):
        for name, (config, names, ends, options) in ENCODERS.items():
            with self.subTest(name):
                model = Model(**options)
                expected = model.states(TOKENS)
                folder = self.write(config, names, ends, model)
                tokens, out = ("--tokens", ",".join(map(str, TOKENS)), "--compute", "f32"), self.path("states.npy")
                self.hearth("embed", folder, *tokens, "--pooling", "none", "--out", out)
                self.assert_close(np.load(out), expected, 1e-5)
                vector = expected.mean(axis=0)[:5]
                self.hearth("embed", folder, *tokens, "--dimensions", 5, "--out", out)
                self.assert_close(np.load(out), (vector / np.linalg.norm(vector))[None], 1e-5)
                printed = json.loads(self.hearth("embed", folder, *tokens, "--pooling", "cls").stdout)
                self.assert_close(np.array(printed), expected[0] / np.linalg.norm(expected[0]), 1e-5)
                self.refused("logits", folder, "--tokens", 1, "--out", out, words=["hearth embed"])
                self.hearth("plan", folder)

    def test_a_served_encoder(self):
        config, names, ends, options = ENCODERS["distilbert"]
        model = Model(**options)
        model.states(TOKENS)
        folder = self.write(config, names, ends, model)
        (folder / "1_Pooling").mkdir()
        for name, content in (
                ("tokenizer.json", word_pieces()), ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
                ("modules.json", [{"path": "", "type": "sentence_transformers.models.Transformer"},
                                  {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]),
                ("config_sentence_transformers.json", {"prompts": {"query": "W9: ", "document": ""}})):
            (folder / name).write_text(json.dumps(content))

        def expected(*tokens):
            vector = model.states([2, *tokens, 3])[0]
            return vector / np.linalg.norm(vector)

        printed = json.loads(self.hearth("embed", folder, "-p", "w4 w7", "--compute", "f32").stdout)
        self.assert_close(np.array(printed), model.states([2, 4, 7, 3])[0], 1e-5)  # as the files say: of any length
        prompted = self.hearth("embed", folder, "--prompt", "query", "-p", "w4", "-p", "w5").stdout.splitlines()
        self.assertEqual(len(prompted), 2)
        self.assert_close(np.array(json.loads(prompted[1])), model.states([2, 9, 1, 5, 3])[0], 1e-5)
        self.refused("embed", folder, "--prompt", "none", "-p", "x", words=["query, document"])
        self.refused("embed", folder, "-p", "w4 " * CONTEXT, words=[CONTEXT + 2])
        with self.serving(folder) as server:
            def vectors(inputs, **fields):
                data = server.post("/v1/embeddings", {"input": inputs} | fields)["data"]
                return [entry["embedding"] for entry in data]
            self.assert_close(np.array(vectors("w4 w7")[0]), expected(4, 7), 1e-5)
            self.assert_close(np.array(vectors("w4", input_type="query")[0]), expected(9, 1, 4), 1e-5)
            self.assert_close(np.array(vectors("w4", input_type="passage")[0]), expected(4), 1e-5)
            texts = [" ".join(f"w{4 + (i * k) % 36}" for k in range(i % 50)) for i in range(200)]
            together = vectors(texts)
            for i in (0, 1, 49, 60, 199):
                self.assertEqual(vectors(texts[i])[0], together[i], i)
            self.assertEqual(len(vectors("w4", dimensions=3)[0]), 3)
            for path, body, word in (("/v1/embeddings", {"input": "w4", "prompt_name": "x"}, "prompt"),
                                     ("/v1/embeddings", {"input": "w4", "input_type": "x"}, "input_type"),
                                     ("/v1/embeddings", {"input": "w4 " * CONTEXT}, str(CONTEXT)),
                                     ("/v1/completions", {"prompt": "w4"}, "vectors")):
                status, text = server.request("POST", path, body)
                self.assertEqual(status, 400, text)
                self.assertIn(word, text)

    def test_a_projector_is_named_as_one(self):
        self.refused("logits", self.path("mmproj.gguf", struct.pack(
            "<4sIQQQ20sIQ4s", b"GGUF", 3, 0, 1, 20, b"general.architecture", 8, 4, b"clip")),
            "--tokens", "1", "--out", self.path("no.npy"), words=["projector", "text model"])


if __name__ == "__main__":
    main()
