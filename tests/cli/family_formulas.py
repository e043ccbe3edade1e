"""One plain forward pass in double precision of decoders with experts, Mamba or scaled queries, written from the
published descriptions, and the tensors of one as checkpoints and GGUF files lay them out. For test_family_files.py."""
import math

import numpy as np

WIDTH, FF, EXPERT_FF, VOCABULARY, CONTEXT, HEAD_DIM = 32, 48, 24, 40, 64, 8
CHANNELS, STATE, KERNEL, RANK = 64, 4, 3, 4  # of Mamba

ACTIVATIONS = {"silu": lambda x: x / (1 + np.exp(-x)), "relu2": lambda x: np.maximum(x, 0) ** 2,
               "relu": lambda x: np.maximum(x, 0)}


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class FamilyModel:
    """What differs between families is a keyword. Weights are drawn when they are first asked for."""

    def __init__(self, **options):
        self.layers, self.heads, self.kv_heads, self.act, self.gated, self.eps = 2, 4, 2, "silu", True, 1e-5
        self.norm_kind = "rms"          # "rms", "layer", and for norms without weights "plain layer"
        self.query_key_norm = None      # "heads", "all": as one row
        self.norm_before, self.norm_rotated, self.norm_after, self.attention_gate = True, False, False, False
        self.parts = None               # parts: each layer is "attention" or "experts" alone
        self.rotary, self.base, self.yarn, self.rope_layers, self.query_scale = HEAD_DIM, 10000.0, None, None, None
        self.windows = {}               # layer: positions that a token sees
        self.own_heads = {}             # layer: heads, and those of keys, where they differ
        self.window_rope = None         # base and rotated elements of layers with a window
        self.value_dim, self.value_scale, self.sinks = HEAD_DIM, 1.0, ()  # sinks: layers that have them
        self.limit = None               # of values, and of queries and keys behind their norm
        self.part_norms = False         # of what heads see, and of what the last matrix reads
        self.adds_to_norm = False       # parts are added to what their norm has made
        self.sums = ((1, 1), (1, 1))    # then: what the mixer's norm and it are times, and the second part's
        self.lightning_layers, self.lightning_epsilon = (), 1e-6
        self.mamba_layers, self.expert_layers = (), ()
        self.experts, self.used, self.score, self.normalize, self.routed_scale = 6, 2, "softmax", True, 1.0
        self.groups = None              # (groups, groups that are used)
        self.router_bias, self.shared, self.latent, self.expert_ff = False, 0, 0, EXPERT_FF
        self.embedding_norm = self.centered = False  # weights of layers' norms are less one
        self.parallel, self.shared_scale = False, 1.0  # of what the shared expert says
        self.plain_heads, self.softcap = 0, 0  # what queries are times behind a norm of heads without weights
        self.positions = 0              # not 0: learned ones, behind so many rows of their table
        self.norm_of_sum = False        # of what a part adds and what it adds to; and none in the end
        self.embedding_width = WIDTH
        self.embedding_scale = self.logit_scale = self.residual_scale = 1.0
        self.attention_scale = HEAD_DIM ** -0.5
        self.__dict__.update(options)
        self.random, self.drawn = np.random.default_rng(len(repr(sorted(options.items())))), {}

    def weight(self, name, *shape):
        if name not in self.drawn:
            values = self.random.standard_normal(shape) * (0.3 if len(shape) > 1 else 0.5)
            self.drawn[name] = values.astype(np.float32).astype(np.float64)
        assert self.drawn[name].shape == shape, name
        return self.drawn[name]

    def linear(self, x, name, out):
        return x @ self.weight(name, out, x.shape[-1]).T

    def norm(self, x, name):
        part = name.split(".")[-1]
        if name == "embed_norm" or self.plain_heads and part in ("qn", "kn"):
            y = x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps)
            return y * self.plain_heads if part == "qn" else y
        if self.centered and part in CENTERED:
            eps = self.eps if part in ("n1", "n2") else 1e-8
            return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * (1 + self.weight(name, x.shape[-1]))
        if self.norm_kind == "plain layer":
            x = x - x.mean(-1, keepdims=True)
            return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps)
        if self.norm_kind == "layer":
            x = x - x.mean(-1, keepdims=True)
            y = x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps)
            return y * self.weight(name, x.shape[-1]) + self.weight(name + ".bias", x.shape[-1])
        return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps) * self.weight(name, x.shape[-1])

    def frequencies(self, layer):
        base, rotary = self.rope_of(layer)
        pairs = rotary // 2
        plain = base ** (-np.arange(pairs) / pairs)
        if self.yarn is None:
            return plain, 1.0
        factor, original, log_multiplier = self.yarn
        low, high = (self.rotary * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(self.base))
                     for turns in (32, 1))
        low, high = max(math.floor(low), 0), min(math.ceil(high), self.rotary - 1)
        ramp = np.clip((np.arange(pairs) - low) / max(high - low, 0.001), 0, 1)
        scale = (1 + 0.1 * math.log(factor)) / (1 + 0.1 * log_multiplier * math.log(factor))
        return plain / factor * ramp + plain * (1 - ramp), scale

    def rope_of(self, layer):
        has_own = self.window_rope is not None and layer in self.windows
        return self.window_rope if has_own else (self.base, self.rotary)

    def rotated(self, x, layer=0):
        pairs = self.rope_of(layer)[1] // 2
        frequencies, scale = self.frequencies(layer)
        angles = np.arange(len(x))[:, None] * frequencies
        cos, sin = scale * np.cos(angles)[:, None], scale * np.sin(angles)[:, None]
        first, second = x[..., :pairs], x[..., pairs:2 * pairs]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin, x[..., 2 * pairs:]], -1)

    def normed(self, x, name):
        if self.query_key_norm == "heads":
            return self.norm(x, name)
        return self.norm(x.reshape(len(x), -1), name).reshape(x.shape) if self.query_key_norm else x

    def attention(self, x, layer):
        p = f"{layer}."
        heads, kv_heads = self.own_heads.get(layer, (self.heads, self.kv_heads))
        q, k, v = (self.linear(x, p + name, count * size).reshape(len(x), count, size)
                   for name, count, size in (("q", heads, HEAD_DIM), ("k", kv_heads, HEAD_DIM),
                                             ("v", kv_heads, self.value_dim)))
        v = v * self.value_scale
        has_rope = self.rotary and (self.rope_layers is None or layer in self.rope_layers)
        turn = (lambda x: self.rotated(x, layer)) if has_rope else lambda x: x
        if self.norm_rotated:
            q, k = self.normed(turn(q), p + "qn"), self.normed(turn(k), p + "kn")
        else:
            q, k = self.normed(q, p + "qn"), self.normed(k, p + "kn")
            if self.limit is not None:
                q, k, v = (np.clip(part, -self.limit, self.limit) for part in (q, k, v))
            q, k = turn(q), turn(k)
        positions = np.arange(len(x))
        if self.query_scale is not None:
            beta, length = self.query_scale
            q = q * (1 + beta * np.log(1 + positions // length))[:, None, None]
        k, v = (np.repeat(part, heads // kv_heads, axis=1) for part in (k, v))
        scores = np.einsum("thd,jhd->htj", q, k) * self.attention_scale
        distance = positions[:, None] - positions
        seen = (distance >= 0) & (distance < self.windows.get(layer, CONTEXT))
        scores = np.where(seen, scores, -np.inf)
        if layer in self.sinks:
            sinks = np.broadcast_to(self.weight(p + "sinks", heads)[:, None, None], (heads, len(x), 1))
            weights = softmax(np.concatenate([scores, sinks], -1))[..., :-1]
        else:
            weights = softmax(scores)
        mixed = np.einsum("htj,jhd->thd", weights, v)
        if self.attention_gate == "softplus of heads":
            mixed = mixed * np.log1p(np.exp(self.linear(x, p + "ag", heads)))[..., None]
        mixed = mixed.reshape(len(x), -1)
        if self.attention_gate == "softplus":
            mixed = mixed * np.log1p(np.exp(self.linear(x, p + "ag", mixed.shape[-1])))
        elif self.attention_gate is True:
            mixed = mixed / (1 + np.exp(-self.linear(x, p + "ag", mixed.shape[-1])))
        if self.part_norms:
            mixed = self.norm(mixed, p + "an")
        return self.linear(mixed, p + "o", WIDTH)

    def lightning(self, x, layer):
        """Linear attention that forgets: the state of a head is the sum of keys times values, each times a decay."""
        p, inner = f"{layer}.", self.heads * HEAD_DIM
        fused = ACTIVATIONS["silu"](self.linear(x, p + "lqkv", 3 * inner)).reshape(len(x), self.heads, 3, HEAD_DIM)
        fading = 1 - layer / (self.layers - 1 + 1e-5) + 1e-5
        rates = np.array([2 ** (-8 * (h + 1) / self.heads) * fading for h in range(self.heads)])
        state, out = np.zeros((self.heads, HEAD_DIM, HEAD_DIM)), []
        for q, k, v in fused.transpose(0, 2, 1, 3):
            state = np.exp(-rates)[:, None, None] * state + k[:, :, None] * v[:, None, :]
            out.append(np.einsum("hd,hde->he", q, state).reshape(-1))
        out = np.array(out)
        out = out / np.sqrt((out ** 2).mean(-1, keepdims=True) + self.lightning_epsilon) * self.weight(p + "ln", inner)
        return self.linear(out / (1 + np.exp(-self.linear(x, p + "ag", inner))), p + "lo", WIDTH)

    def mamba(self, x, layer):
        p = f"{layer}.m."
        inner, gate = np.split(self.linear(x, p + "in", 2 * CHANNELS), 2, axis=-1)
        padded = np.concatenate([np.zeros((KERNEL - 1, CHANNELS)), inner])
        taps = self.weight(p + "conv", CHANNELS, KERNEL)
        u = sum(padded[j:j + len(x)] * taps[:, j] for j in range(KERNEL)) + self.weight(p + "conv.bias", CHANNELS)
        u = ACTIVATIONS["silu"](u)
        made = self.linear(u, p + "x", RANK + 2 * STATE)
        step, b, c = (self.norm(part, p + name) for part, name in
                      zip(np.split(made, [RANK, RANK + STATE], axis=-1), ("dtn", "bn", "cn")))
        step = np.log1p(np.exp(self.linear(step, p + "dt", CHANNELS) + self.weight(p + "dt.bias", CHANNELS)))
        rate = -np.exp(self.weight(p + "A", CHANNELS, STATE))
        state, out = np.zeros((CHANNELS, STATE)), []
        for t in range(len(x)):
            state = np.exp(step[t][:, None] * rate) * state + (step[t] * u[t])[:, None] * b[t]
            out.append(state @ c[t] + self.weight(p + "D", CHANNELS) * u[t])
        return self.linear(np.array(out) * ACTIVATIONS["silu"](gate), p + "out", WIDTH)

    def mlp(self, x, up, down, gate, width):
        act, hidden = ACTIVATIONS[self.act], self.linear(x, up, width)
        hidden = act(self.linear(x, gate, width)) * hidden if self.gated else act(hidden)
        if self.part_norms:
            hidden = self.norm(hidden, down.replace("down", "fn"))
        return self.linear(hidden, down, x.shape[-1])

    def chosen(self, scores):
        """Of one token: the experts, by their scores with the bias, in the groups whose two best are best."""
        if self.groups is not None:
            count, used = self.groups
            by_group = scores.reshape(count, -1)
            best = np.argsort(-np.sort(by_group, axis=1)[:, -2:].sum(1), kind="stable")[:used]
            kept = np.full_like(by_group, -np.inf)
            kept[best] = by_group[best]
            scores = kept.reshape(-1)
        return np.argsort(-scores, kind="stable")[:self.used]

    def mixture(self, x, layer):
        p = f"{layer}."
        logits = self.linear(x, p + "router", self.experts)
        scores = softmax(logits) if self.score == "softmax" else 1 / (1 + np.exp(-logits))
        ranked = scores + self.weight(p + "rbias", self.experts) if self.router_bias else scores
        rows = self.linear(x, p + "lat.in", self.latent) if self.latent else x
        width, ff = rows.shape[-1], self.expert_ff
        shapes = {"gate": (ff, width)} if self.gated else {}
        shapes |= {"up": (ff, width), "down": (width, ff)}
        matrices = {name: self.weight(p + "e." + name, self.experts, *shape) for name, shape in shapes.items()}
        gates, ups, downs = (matrices.get(name) for name in ("gate", "up", "down"))
        act, said = ACTIVATIONS[self.act], np.zeros_like(rows)
        for t, row in enumerate(rows):
            experts = self.chosen(ranked[t])
            weights = scores[t][experts]
            if self.normalize:
                weights = weights / weights.sum()
            for e, w in zip(experts, weights * self.routed_scale):
                hidden = act(gates[e] @ row) * (ups[e] @ row) if self.gated else act(ups[e] @ row)
                said[t] += w * (downs[e] @ hidden)
        if self.latent:
            said = self.linear(said, p + "lat.out", WIDTH)
        if self.shared:
            said = said + self.shared_scale * self.mlp(x, p + "s.up", p + "s.down", p + "s.gate", self.shared)
        return said

    def feed_forward(self, x, layer):
        p = f"{layer}."
        if layer in self.expert_layers:
            return self.mixture(x, layer)
        return self.mlp(x, p + "up", p + "down", p + "gate", FF)

    def logits(self, tokens):
        x = self.weight("embed", VOCABULARY, self.embedding_width)[tokens] * self.embedding_scale
        if self.embedding_width != WIDTH:
            x = self.linear(x, "project_in", WIDTH)
        if self.positions:
            x = x + self.weight("positions", CONTEXT + self.positions, WIDTH)[self.positions:][:len(x)]
        if self.embedding_norm:
            x = self.norm(x, "embed_norm")
        for i in range(self.layers):
            p = f"{i}."
            if self.parts is not None:
                part = self.mixture if self.parts[i] == "experts" else self.attention
                x = x + part(self.norm(x, p + "n1"), i)
                continue
            mixer = self.mamba if i in self.mamba_layers else self.attention
            mixer = self.lightning if i in self.lightning_layers else mixer
            if self.parallel:
                y = self.norm(x, p + "n1")
                x = x + mixer(y, i) + self.feed_forward(y, i)
                continue
            if self.adds_to_norm:
                for run, before, (kept, added) in zip((mixer, self.feed_forward), ("n1", "n2"), self.sums):
                    x = self.norm(x, p + before)
                    x = kept * x + added * run(x, i)
                continue
            if self.norm_of_sum:
                x = self.norm(x + mixer(x, i), p + "n1")
                x = self.norm(x + self.feed_forward(x, i), p + "n2")
                continue
            for run, before, after in ((mixer, "n1", "n1p"), (self.feed_forward, "n2", "n2p")):
                y = run(self.norm(x, p + before) if self.norm_before else x, i)
                x = x + self.residual_scale * (self.norm(y, p + after) if self.norm_after else y)
        x = x if self.norm_of_sum else self.norm(x, "last")
        if self.embedding_width != WIDTH:
            x = self.linear(x, "project_out", self.embedding_width)
        logits = self.linear(x, "head", VOCABULARY) * self.logit_scale
        return self.softcap * np.tanh(logits / self.softcap) if self.softcap else logits


CENTERED = ("n1", "n1p", "n2", "n2p")  # norms, with FamilyModel.centered
# Names within a layer, where they are not whole up to ".weight" or ".bias".
WHOLE = {"rbias", "m.A", "m.D", "m.dt.bias", "sinks"}
CHECKPOINT = {
    "n1": "input_layernorm", "n2": "post_attention_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
    "v": "self_attn.v_proj", "o": "self_attn.o_proj", "qn": "self_attn.q_norm", "kn": "self_attn.k_norm",
    "ag": "self_attn.gate_proj", "sinks": "self_attn.sinks", "an": "self_attn.attn_sub_norm",
    "fn": "mlp.ffn_sub_norm", "lqkv": "self_attn.qkv_proj", "ln": "self_attn.norm", "lo": "self_attn.out_proj",
    "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
    "router": "mlp.gate", "rbias": "mlp.gate.e_score_correction_bias", "e": "mlp.experts.{}.{}_proj",
    "s.gate": "mlp.shared_experts.gate_proj", "s.up": "mlp.shared_experts.up_proj",
    "s.down": "mlp.shared_experts.down_proj", "m.in": "mamba.in_proj", "m.conv": "mamba.conv1d", "m.x": "mamba.x_proj",
    "m.dt": "mamba.dt_proj", "m.out": "mamba.out_proj", "m.A": "mamba.A_log", "m.D": "mamba.D",
    "m.dtn": "mamba.dt_layernorm", "m.bn": "mamba.b_layernorm", "m.cn": "mamba.c_layernorm",
    "embed": "model.embed_tokens", "last": "model.norm", "head": "lm_head", "layer": "model.layers.{}."}
GGUF = {
    "n1": "attn_norm", "n1p": "post_attention_norm", "n2": "ffn_norm", "n2p": "post_ffw_norm", "q": "attn_q",
    "k": "attn_k", "v": "attn_v", "o": "attn_output", "qn": "attn_q_norm", "kn": "attn_k_norm", "ag": "attn_gate",
    "sinks": "attn_sinks.weight", "an": "attn_sub_norm", "fn": "ffn_sub_norm", "lqkv": "attn_qkv", "ln": "attn_norm_2",
    "lo": "attn_output",
    "qkv": "attn_qkv", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down", "router": "ffn_gate_inp",
    "rbias": "exp_probs_b.bias", "e": "ffn_{}_exps", "s.gate": "ffn_gate_shexp", "s.up": "ffn_up_shexp",
    "s.down": "ffn_down_shexp", "lat.in": "ffn_latent_down", "lat.out": "ffn_latent_up", "m.in": "ssm_in",
    "m.conv": "ssm_conv1d", "m.x": "ssm_x", "m.dt": "ssm_dt", "m.out": "ssm_out", "m.A": "ssm_a", "m.D": "ssm_d",
    "m.dtn": "ssm_dt_norm", "m.bn": "ssm_b_norm", "m.cn": "ssm_c_norm", "embed": "token_embd", "last": "output_norm",
    "head": "output", "layer": "blk.{}."}


def adjacent_pairs(rows):
    """The rows of queries or keys whose heads' halves are rotated with each other, as such whose neighbours are."""
    heads = rows.reshape(-1, 2, HEAD_DIM // 2, *rows.shape[1:])
    return heads.swapaxes(1, 2).reshape(rows.shape)


def laid_out(model, names, is_gguf, adjacent=False):
    """{tensor: values} of what the formulas drew."""
    tensors, fused = {}, {}
    adjacent = adjacent or "adjacent" in names
    for full, values in model.drawn.items():
        layer, _, name = full.partition(".")
        if not layer.isdigit():
            name, prefix = full, ""
        else:
            prefix = names["layer"].format(layer)
        bias = name.endswith(".bias")
        name = name.removesuffix(".bias")
        if adjacent and name in ("q", "k", "qn", "kn"):
            values = adjacent_pairs(values)
        if name in ("q", "k", "v") and "qkv" in names and (not is_gguf or names.get("fuses")):
            fused.setdefault(prefix, {})[name] = values
            continue
        if name.startswith("e."):
            part = name[2:]
            if is_gguf:
                tensors[f"{prefix}{names['e'].format(part)}.weight"] = values
            elif "e.gate_up" in names:
                key = {"gate": "e.gate_up", "up": "e.gate_up", "down": "e.down"}[part]
                values = values.swapaxes(1, 2) if "e.transposed" in names else values
                tensors.setdefault(f"{prefix}{names[key]}.weight", []).append(values)
            else:
                for e, matrix in enumerate(values):
                    tensors[f"{prefix}{names['e'].format(e, names.get('e.' + part, part))}.weight"] = matrix
            continue
        if is_gguf and model.centered and name in CENTERED:
            values = 1 + values
        if is_gguf and name == "m.A":
            values = -np.exp(values)
        if name == "m.conv" and not bias and not is_gguf:
            values = values[:, None]
        if name in ("s.gate", "s.up") and "s.gate_up" in names and not is_gguf:
            pair = tensors.setdefault(f"{prefix}{names['s.gate_up']}.weight", [])
            pair.insert(0 if name == "s.gate" else len(pair), values)
        else:
            ending = "" if name in WHOLE else ".bias" if bias else ".weight"
            tensors[prefix + names[name] + ending] = values
    for prefix, parts in fused.items():
        tensors[f"{prefix}{names['qkv']}.weight"] = np.concatenate([parts[name] for name in "qkv"])
    def whole(values):
        axis = -1 if "e.transposed" in names else values[0].ndim - 2
        return np.concatenate(values, axis=axis)
    return {name: (whole(values) if isinstance(values, list) else values).astype("<f4")
            for name, values in tensors.items()}
