"""Models with recurrences in double precision, straight from the papers, and as checkpoints with random weights: what
the program's logits are compared with. Each `Model` is made with the settings of its config.json."""
import json

import numpy as np

from safetensors_file import write_safetensors


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.log1p(np.exp(x))


def rms_norm(x, weight, epsilon=1e-6):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon) * weight


def rotated(x, base, rotary):
    """Heads [tokens, heads, head_dim], of which the first `rotary` elements form pairs of halves."""
    half = rotary // 2
    angle = np.arange(len(x))[:, None, None] / base ** (np.arange(half) / half)
    a, b = x[..., :half], x[..., half:rotary]
    turned = [a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle), x[..., rotary:]]
    return np.concatenate(turned, axis=-1)


def attended(q, k, v, scale):
    """Causal attention of heads [tokens, heads, head_dim], some of which share keys and values."""
    share = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, share, axis=1), np.repeat(v, share, axis=1)
    scores = np.einsum("thd,shd->hts", q, k) * scale
    scores = np.where(np.tril(np.ones(scores.shape[1:])) > 0, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("hts,shd->thd", weights / weights.sum(axis=-1, keepdims=True), v).reshape(len(q), -1)


def convolved(x, weight, bias):
    """Causal, one kernel [channels, 1, taps] for each channel, then SiLU."""
    taps = weight.shape[-1]
    before = np.concatenate([np.zeros((taps - 1, x.shape[1])), x])
    return silu(sum(before[j:j + len(x)] * weight[:, 0, j] for j in range(taps)) + bias)


def scanned(x, b, c, delta, a, d):
    """x [tokens, heads, rows], b and c [tokens, heads, state], delta [tokens, heads], a [heads, state or 1], d [heads]."""
    state, out = np.zeros(x.shape[1:] + b.shape[2:]), []
    for x_t, b_t, c_t, delta_t in zip(x, b, c, delta):
        state = state * np.exp(delta_t[:, None] * a)[:, None, :] + (delta_t[:, None] * x_t)[..., None] * b_t[:, None, :]
        out.append((state * c_t[:, None, :]).sum(axis=-1) + d[:, None] * x_t)
    return np.array(out).reshape(len(x), -1)


def delta_rule(q, k, v, beta, decay):
    """q, k [tokens, heads, k_dim], v [tokens, heads, v_dim], beta [tokens, heads], decay [tokens, heads, k_dim or 1]."""
    state, out = np.zeros((v.shape[1], k.shape[2], v.shape[2])), []
    for q_t, k_t, v_t, beta_t, decay_t in zip(q, k, v, beta, decay):
        state = state * np.exp(decay_t)[..., None]
        wrong = v_t - (state * k_t[..., None]).sum(axis=1)
        state = state + k_t[..., None] * (beta_t[:, None] * wrong)[:, None, :]
        out.append((state * q_t[..., None]).sum(axis=1))
    return np.array(out)


class Model:
    """Tensors are made when the computation first asks for them, and then written out."""

    def __init__(self, seed, config):
        self.config, self.tensors = dict(config), {}
        self.random = np.random.default_rng(seed)

    def tensor(self, name, *shape, mean=0.0, deviation=0.3):
        if name not in self.tensors:
            self.tensors[name] = self.random.normal(mean, deviation, shape).astype(np.float32)
        return self.tensors[name].astype(np.float64)

    def product(self, name, x, rows, bias=False):
        y = x @ self.tensor(name + ".weight", rows, x.shape[-1], deviation=x.shape[-1] ** -0.5).T
        return y + self.tensor(name + ".bias", rows) if bias else y

    def norm(self, name, x, offset=0, epsilon=1e-6):
        return rms_norm(x, offset + self.tensor(name + ".weight", x.shape[-1], mean=1 - offset), epsilon)

    def mamba2(self, name, x, norm=True, norm_first=False, norm_groups=1):
        """`name`: "model.layers.0.mamba."; settings as Falcon-H1 and Granite 4 call them."""
        c, tokens = self.config, len(x)
        heads, rows, groups, state = (c["mamba_" + key] for key in ("n_heads", "d_head", "n_groups", "d_state"))
        inner, width = heads * rows, heads * rows + 2 * groups * state
        y = self.product(name + "in_proj", x * c.get("ssm_in_multiplier", 1), inner + width + heads,
                         c.get("mamba_proj_bias"))
        sections = [inner, inner, groups * state, groups * state, heads]
        y = y * np.repeat(c.get("ssm_multipliers", [1] * 5), sections)
        bias = self.tensor(name + "conv1d.bias", width) if c["mamba_conv_bias"] else 0
        mixed = convolved(y[:, inner:inner + width],
                          self.tensor(name + "conv1d.weight", width, 1, c["mamba_d_conv"], deviation=0.5), bias)
        delta = softplus(y[:, inner + width:] + self.tensor(name + "dt_bias", heads))
        b, c_ = (part.reshape(tokens, groups, state).repeat(heads // groups, axis=1)
                 for part in np.split(mixed[:, inner:], 2, axis=1))
        out = scanned(mixed[:, :inner].reshape(tokens, heads, rows), b, c_,
                      np.clip(delta, *c.get("time_step_limit", (0, np.inf))),
                      -np.exp(self.tensor(name + "A_log", heads))[:, None], self.tensor(name + "D", heads))
        return self.gated(name, out, silu(y[:, :inner]), norm, norm_first, norm_groups)

    def gated(self, name, y, gate, norm, norm_first, groups):
        if not norm:
            return y * gate
        y = y if norm_first else y * gate
        weight = self.tensor(name + "norm.weight", y.shape[1], mean=1).reshape(groups, -1)
        y = rms_norm(y.reshape(len(y), groups, -1), weight, self.epsilon()).reshape(len(y), -1)
        return y * gate if norm_first else y

    def epsilon(self):
        return self.config.get("rms_norm_eps", self.config.get("layer_norm_epsilon"))

    def folder(self, path):
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(json.dumps(self.config))
        write_safetensors(path / "model.safetensors", self.tensors)
        return path


COMMON = {"hidden_size": 40, "vocab_size": 48, "max_position_embeddings": 64, "hidden_act": "silu",
          "tie_word_embeddings": False, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16}


def embedded(model, tokens):
    return model.tensor("model.embed_tokens.weight", model.config["vocab_size"], model.config["hidden_size"],
                        deviation=1)[tokens]


def gated_mlp(model, name, x, width, factors=(1, 1), bias=False):
    gate = silu(model.product(name + "gate_proj", x, width, bias) * factors[0])
    return model.product(name + "down_proj", gate * model.product(name + "up_proj", x, width, bias), x.shape[1],
                         bias) * factors[1]


def attention(model, name, x, gated=False, normed=False, rotary=0, bias=False, scale=None, key_factor=1):
    c, tokens = model.config, len(x)
    heads, kv_heads, size = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
    q = model.product(name + "q_proj", x, heads * size * (2 if gated else 1), bias).reshape(tokens, heads, -1)
    k = (model.product(name + "k_proj", x, kv_heads * size, bias) * key_factor).reshape(tokens, kv_heads, size)
    v = model.product(name + "v_proj", x, kv_heads * size, bias).reshape(tokens, kv_heads, size)
    q, gate = q[..., :size], q[..., size:]
    if normed:
        q, k = (model.norm(name + part, rows, offset=1) for part, rows in (("q_norm", q), ("k_norm", k)))
    if rotary:
        q, k = (rotated(rows, 10000.0, rotary) for rows in (q, k))
    out = attended(q, k, v, size ** -0.5 if scale is None else scale)
    if gated:
        out = out * sigmoid(gate.reshape(tokens, -1))
    return model.product(name + "o_proj", out, x.shape[1], bias)


def falcon_h1(tokens, seed, **changes):
    """Attention and Mamba 2 side by side, every multiplier another."""
    model = Model(seed, COMMON | {
        "model_type": "falcon_h1", "num_hidden_layers": 2, "intermediate_size": 56, "rms_norm_eps": 1e-5,
        "mamba_n_heads": 6, "mamba_d_head": 8, "mamba_d_ssm": 48, "mamba_n_groups": 3, "mamba_d_state": 24,
        "mamba_d_conv": 3, "mamba_expand": 2, "mamba_conv_bias": True, "mamba_proj_bias": False,
        "mamba_rms_norm": True, "mamba_norm_before_gate": False, "attention_in_multiplier": 0.8,
        "attention_out_multiplier": 1.3, "key_multiplier": 0.7, "embedding_multiplier": 1.9, "lm_head_multiplier": 0.6,
        "mlp_multipliers": [1.2, 0.9], "ssm_in_multiplier": 1.1, "ssm_out_multiplier": 0.75,
        "ssm_multipliers": [0.9, 1.2, 0.8, 1.4, 0.7], "time_step_limit": [0.3, 1.5]} | changes)
    c = model.config
    x = embedded(model, tokens) * c["embedding_multiplier"]
    for layer in range(c["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        h = model.norm(name + "input_layernorm", x, epsilon=1e-5)
        mixed = model.mamba2(name + "mamba.", h, c["mamba_rms_norm"], c["mamba_norm_before_gate"], c["mamba_n_groups"])
        x = x + model.product(name + "mamba.out_proj", mixed, x.shape[1]) * c["ssm_out_multiplier"] + attention(
            model, name + "self_attn.", h * c["attention_in_multiplier"], rotary=c["head_dim"],
            bias=c.get("attention_bias"), key_factor=c["key_multiplier"]) * c["attention_out_multiplier"]
        h = model.norm(name + "pre_ff_layernorm", x, epsilon=1e-5)
        x = x + gated_mlp(model, name + "feed_forward.", h, c["intermediate_size"], c["mlp_multipliers"])
    h = model.norm("model.final_layernorm", x, epsilon=1e-5)
    return model, model.product("lm_head", h, c["vocab_size"]) * c["lm_head_multiplier"]


def granite_hybrid(tokens, seed, **changes):
    """Granite 4 without experts: its shared block is the feed-forward part."""
    model = Model(seed, COMMON | {
        "model_type": "granitemoehybrid", "num_hidden_layers": 3, "layer_types": ["mamba", "attention", "mamba"],
        "intermediate_size": 56, "shared_intermediate_size": 36, "num_local_experts": 0, "num_experts_per_tok": 0,
        "rms_norm_eps": 1e-6, "mamba_n_heads": 6, "mamba_d_head": 8, "mamba_n_groups": 2, "mamba_d_state": 12,
        "mamba_d_conv": 4, "mamba_expand": 1.2, "mamba_conv_bias": False, "mamba_proj_bias": True,
        "attention_multiplier": 0.2, "embedding_multiplier": 1.5, "residual_multiplier": 0.7, "logits_scaling": 2.0,
        "position_embedding_type": "rope"} | changes)
    c = model.config
    x = embedded(model, tokens) * c["embedding_multiplier"]
    for layer, kind in enumerate(c["layer_types"]):
        name = f"model.layers.{layer}."
        h = model.norm(name + "input_layernorm", x)
        if kind == "mamba":
            mixed = model.product(name + "mamba.out_proj", model.mamba2(name + "mamba.", h), x.shape[1],
                                  c["mamba_proj_bias"])
        else:
            mixed = attention(model, name + "self_attn.", h, scale=c["attention_multiplier"],
                              rotary=c["head_dim"] if c["position_embedding_type"] == "rope" else 0)
        x = x + mixed * c["residual_multiplier"]
        h = model.norm(name + "post_attention_layernorm", x)
        gate, up = np.split(model.product(name + "shared_mlp.input_linear", h, 2 * c["shared_intermediate_size"]), 2,
                            axis=1)
        x = x + model.product(name + "shared_mlp.output_linear", silu(gate) * up, x.shape[1]) * c["residual_multiplier"]
    return model, model.product("lm_head", model.norm("model.norm", x), c["vocab_size"]) / c["logits_scaling"]


def qwen_next(tokens, seed, **changes):
    """Qwen3-Next's layers with Qwen3.5's projections or its own, and a plain feed-forward block."""
    model = Model(seed, COMMON | {
        "model_type": "qwen3_5_text", "num_hidden_layers": 2, "layer_types": ["linear_attention", "full_attention"],
        "intermediate_size": 56, "rms_norm_eps": 1e-6, "attention_bias": True, "linear_conv_kernel_dim": 3,
        "linear_num_key_heads": 3, "linear_num_value_heads": 9, "linear_key_head_dim": 20, "linear_value_head_dim": 12,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}} | changes)
    c = model.config
    x = embedded(model, tokens)
    for layer, kind in enumerate(c["layer_types"]):
        name = f"model.layers.{layer}."
        h = model.norm(name + "input_layernorm", x, offset=1)
        if kind == "linear_attention":
            x = x + delta_net(model, name + "linear_attn.", h)
        else:
            x = x + attention(model, name + "self_attn.", h, gated=True, normed=True, rotary=8, bias=True)
        h = model.norm(name + "post_attention_layernorm", x, offset=1)
        x = x + gated_mlp(model, name + "mlp.", h, c["intermediate_size"])
    return model, model.product("lm_head", model.norm("model.norm", x, offset=1), c["vocab_size"])


def delta_net(model, name, x):
    c, tokens = model.config, len(x)
    key_heads, heads = c["linear_num_key_heads"], c["linear_num_value_heads"]
    k_dim, v_dim, share = c["linear_key_head_dim"], c["linear_value_head_dim"], heads // key_heads
    width = 2 * key_heads * k_dim + heads * v_dim
    mixed = model.product(name + "in_proj_qkv", x, width)
    z = model.product(name + "in_proj_z", x, heads * v_dim).reshape(tokens, heads, v_dim)
    beta = sigmoid(model.product(name + "in_proj_b", x, heads))
    decay = -np.exp(model.tensor(name + "A_log", heads)) * softplus(
        model.product(name + "in_proj_a", x, heads) + model.tensor(name + "dt_bias", heads))
    kernels = model.tensor(name + "conv1d.weight", width, 1, c["linear_conv_kernel_dim"], deviation=0.5)
    mixed = convolved(mixed, kernels, 0)
    q, k = (part.reshape(tokens, key_heads, k_dim).repeat(share, axis=1)
            for part in np.split(mixed[:, :2 * key_heads * k_dim], 2, axis=1))
    q, k = (part / np.sqrt((part * part).sum(axis=-1, keepdims=True) + 1e-6) for part in (q, k))
    v = mixed[:, 2 * key_heads * k_dim:].reshape(tokens, heads, v_dim)
    out = delta_rule(q / np.sqrt(k_dim), k, v, beta, decay[..., None])
    out = rms_norm(out, model.tensor(name + "norm.weight", v_dim, mean=1)) * silu(z)
    return model.product(name + "out_proj", out.reshape(tokens, -1), x.shape[1])


def kimi_linear(tokens, seed, **changes):
    """Kimi delta attention, whose decays are of channels, and latent attention without positions; experts."""
    model = Model(seed, {
        "model_type": "kimi_linear", "hidden_size": 40, "vocab_size": 48, "model_max_length": 64,
        "hidden_act": "silu", "tie_word_embeddings": False, "rms_norm_eps": 1e-5, "num_hidden_layers": 3,
        "num_attention_heads": 5, "num_key_value_heads": 5, "head_dim": 8, "rope_theta": 10000.0, "rope_scaling": None,
        "mla_use_nope": True, "q_lora_rank": None, "kv_lora_rank": 24, "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8, "v_head_dim": 12, "intermediate_size": 56, "first_k_dense_replace": 1,
        "moe_intermediate_size": 24, "moe_layer_freq": 1, "num_experts": 6, "num_experts_per_token": 2,
        "num_shared_experts": 2, "num_expert_group": 1, "topk_group": 1, "moe_renormalize": True,
        "moe_router_activation_func": "sigmoid", "routed_scaling_factor": 2.5,
        "linear_attn_config": {"full_attn_layers": [2], "kda_layers": [1, 3], "num_heads": 3, "head_dim": 16,
                               "short_conv_kernel_size": 4}} | changes)
    c = model.config
    x = embedded(model, tokens)
    for i in range(c["num_hidden_layers"]):
        name = f"model.layers.{i}."
        normed = model.norm(name + "input_layernorm", x, epsilon=c["rms_norm_eps"])
        is_delta = i + 1 in c["linear_attn_config"]["kda_layers"]
        x = x + (kimi_delta if is_delta else latent_attention)(model, name + "self_attn.", normed)
        normed = model.norm(name + "post_attention_layernorm", x, epsilon=c["rms_norm_eps"])
        if i < c["first_k_dense_replace"]:
            x = x + gated_mlp(model, name + "mlp.", normed, c["intermediate_size"])
        else:
            x = x + kimi_experts(model, name + "block_sparse_moe.", normed)
    return model, model.product("lm_head", model.norm("model.norm", x, epsilon=c["rms_norm_eps"]), c["vocab_size"])


def kimi_delta(model, name, x):
    c = model.config["linear_attn_config"]
    heads, size, taps, tokens = c["num_heads"], c["head_dim"], c["short_conv_kernel_size"], len(x)

    def mixed(part):
        y = model.product(f"{name}{part}_proj", x, heads * size)
        weight = model.tensor(f"{name}{part}_conv1d.weight", heads * size, 1, taps, deviation=0.5)
        return convolved(y, weight, 0).reshape(tokens, heads, size)

    def through(part):
        return model.product(f"{name}{part}_b_proj", model.product(f"{name}{part}_a_proj", x, size), heads * size)

    q, k, v = (mixed(part) for part in "qkv")
    q, k = (rows / np.sqrt((rows * rows).sum(axis=-1, keepdims=True) + 1e-6) for rows in (q, k))
    decay = through("f") + model.tensor(name + "dt_bias", heads * size)
    rate = -np.exp(model.tensor(name + "A_log", 1, 1, heads, 1)).reshape(heads, 1)
    beta = sigmoid(model.product(name + "b_proj", x, heads))
    out = delta_rule(q * size ** -0.5, k, v, beta, rate * softplus(decay).reshape(tokens, heads, size))
    out = model.norm(name + "o_norm", out, epsilon=model.config["rms_norm_eps"])
    out = out * sigmoid(through("g")).reshape(out.shape)
    return model.product(name + "o_proj", out.reshape(tokens, -1), x.shape[1])


def latent_attention(model, name, x):
    c, tokens = model.config, len(x)
    heads, rank, rope, key, value = (c[part] for part in ("num_attention_heads", "kv_lora_rank", "qk_rope_head_dim",
                                                          "qk_nope_head_dim", "v_head_dim"))
    q = model.product(name + "q_proj", x, heads * (key + rope)).reshape(tokens, heads, -1)
    latent = model.product(name + "kv_a_proj_with_mqa", x, rank + rope)
    rows = model.norm(name + "kv_a_layernorm", latent[:, :rank])
    rows = model.product(name + "kv_b_proj", rows, heads * (key + value)).reshape(tokens, heads, -1)
    shared = np.repeat(latent[:, None, rank:], heads, axis=1)
    k, v = np.concatenate([rows[..., :key], shared], axis=-1), rows[..., key:]
    return model.product(name + "o_proj", attended(q, k, v, (key + rope) ** -0.5), x.shape[1])


def kimi_experts(model, name, x):
    c = model.config
    scores = sigmoid(model.product(name + "gate", x, c["num_experts"]))
    bias = model.tensor(name + "gate.e_score_correction_bias", c["num_experts"])
    out = gated_mlp(model, name + "shared_experts.", x, c["moe_intermediate_size"] * c["num_shared_experts"])
    for e in range(c["num_experts"]):
        gate = silu(model.product(f"{name}experts.{e}.w1", x, c["moe_intermediate_size"]))
        said = model.product(f"{name}experts.{e}.w2",
                             gate * model.product(f"{name}experts.{e}.w3", x, c["moe_intermediate_size"]), x.shape[1])
        best = np.argsort(-(scores + bias), axis=1)[:, :c["num_experts_per_token"]]
        weights = np.take_along_axis(scores, best, axis=1)
        if c["moe_renormalize"]:
            weights = weights / (weights.sum(axis=1, keepdims=True) + 1e-20)
        out = out + (weights * (best == e)).sum(axis=1)[:, None] * c["routed_scaling_factor"] * said
    return out


def nemotron_h(tokens, seed, **changes):
    """Every layer one part alone, experts among them."""
    model = Model(seed, COMMON | {
        "model_type": "nemotron_h", "layers_block_type": ["mamba", "moe", "attention", "mlp"], "num_hidden_layers": 4,
        "intermediate_size": 56, "layer_norm_epsilon": 1e-5, "mlp_hidden_act": "relu2", "mamba_num_heads": 6,
        "mamba_head_dim": 8, "n_groups": 2, "ssm_state_size": 12, "conv_kernel": 4, "use_conv_bias": True,
        "time_step_min": 0.5, "n_routed_experts": 6, "num_experts_per_tok": 2, "n_shared_experts": 1,
        "moe_intermediate_size": 24, "moe_shared_expert_intermediate_size": 40, "norm_topk_prob": True,
        "routed_scaling_factor": 1.7, "n_group": 1, "topk_group": 1} | changes)
    c = model.config
    names = {"mamba_n_heads": c["mamba_num_heads"], "mamba_d_head": c["mamba_head_dim"],
             "mamba_n_groups": c["n_groups"], "mamba_d_state": c["ssm_state_size"], "mamba_d_conv": c["conv_kernel"], "mamba_conv_bias": True,
             "time_step_limit": (c["time_step_min"], np.inf)}
    x = model.tensor("backbone.embeddings.weight", c["vocab_size"], c["hidden_size"], deviation=1)[tokens]
    for layer, kind in enumerate(c["layers_block_type"]):
        name = f"backbone.layers.{layer}."
        h, name = model.norm(name + "norm", x, epsilon=1e-5), name + "mixer."
        if kind == "mamba":
            model.config = c | names
            mixed = model.mamba2(name, h, norm_groups=c["n_groups"])
            model.config = c
            x = x + model.product(name + "out_proj", mixed, x.shape[1])
        elif kind == "attention":
            x = x + attention(model, name, h)
        elif kind == "mlp":
            x = x + plain_mlp(model, name, h, c["intermediate_size"])
        else:
            x = x + plain_experts(model, name, h)
    return model, model.product("lm_head", model.norm("backbone.norm_f", x, epsilon=1e-5), c["vocab_size"])


def plain_mlp(model, name, x, width):
    return model.product(name + "down_proj", np.maximum(model.product(name + "up_proj", x, width), 0) ** 2, x.shape[-1])


def plain_experts(model, name, x):
    c = model.config
    scores = sigmoid(model.product(name + "gate", x, c["n_routed_experts"]))
    bias = model.tensor(name + "gate.e_score_correction_bias", c["n_routed_experts"])
    said = [plain_mlp(model, f"{name}experts.{expert}.", x, c["moe_intermediate_size"])
            for expert in range(c["n_routed_experts"])]
    out = plain_mlp(model, name + "shared_experts.", x, c["moe_shared_expert_intermediate_size"])
    for row, score in enumerate(scores):
        chosen = np.argsort(-(score + bias))[:c["num_experts_per_tok"]]
        for expert in chosen:
            out[row] += said[expert][row] * score[expert] / score[chosen].sum() * c["routed_scaling_factor"]
    return out


def mamba(tokens, seed, **changes):
    """Mamba, or Falcon Mamba with its norms of steps."""
    model = Model(seed, {
        "model_type": "mamba", "hidden_size": 40, "vocab_size": 48, "num_hidden_layers": 2, "state_size": 10,
        "conv_kernel": 4, "expand": 2, "intermediate_size": 72, "time_step_rank": 6, "use_bias": True,
        "use_conv_bias": True, "hidden_act": "silu", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True} | changes)
    c = model.config
    inner, state, rank = c["intermediate_size"], c["state_size"], c["time_step_rank"]
    embeddings = model.tensor("backbone.embeddings.weight", c["vocab_size"], c["hidden_size"], deviation=1)
    x = embeddings[tokens]
    for layer in range(c["num_hidden_layers"]):
        name = f"backbone.layers.{layer}."
        h, name = model.norm(name + "norm", x, epsilon=1e-5), name + "mixer."
        mixed, gate = np.split(model.product(name + "in_proj", h, 2 * inner, c["use_bias"]), 2, axis=1)
        mixed = convolved(mixed, model.tensor(name + "conv1d.weight", inner, 1, c["conv_kernel"], deviation=0.5),
                          model.tensor(name + "conv1d.bias", inner))
        step, b, c_ = np.split(model.product(name + "x_proj", mixed, rank + 2 * state), [rank, rank + state], axis=1)
        if c["model_type"] == "falcon_mamba":
            step, b, c_ = (rms_norm(part, 1, c["mixer_rms_eps"]) for part in (step, b, c_))
        delta = softplus(model.product(name + "dt_proj", step, inner, bias=True))
        heads = [np.broadcast_to(part[:, None, :], (len(x), inner, state)) for part in (b, c_)]
        out = scanned(mixed[..., None], *heads, delta, -np.exp(model.tensor(name + "A_log", inner, state)),
                      model.tensor(name + "D", inner))
        x = x + model.product(name + "out_proj", out * silu(gate), x.shape[1], c["use_bias"])
    return model, model.norm("backbone.norm_f", x, epsilon=1e-5) @ embeddings.T
