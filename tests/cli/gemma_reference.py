"""Gemma 3n and 4 in double precision, straight from their descriptions, and as checkpoints and GGUF files with random
weights: what the program's logits are compared with. As a program it writes tests/data/hf/gemma3n and gemma4_moe."""
import json
import pathlib
import statistics

import numpy as np

from recurrent_reference import Model, rms_norm

# What layers are called in GGUF files.
GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "model.embed_tokens_per_layer": "per_layer_token_embd", "model.per_layer_model_projection": "per_layer_model_proj",
    "model.per_layer_projection_norm": "per_layer_proj_norm", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "per_layer_input_gate": "inp_gate", "per_layer_projection": "proj", "post_per_layer_input_norm": "post_norm",
    "layer_scalar": "layer_output_scale.weight", "router.scale": "ffn_gate_inp.scale", "router.proj": "ffn_gate_inp",
    "router.per_expert_scale": "ffn_down_exps.scale", "experts.gate_up_proj": "ffn_gate_up_exps.weight",
    "experts.down_proj": "ffn_down_exps.weight", "pre_feedforward_layernorm_2": "pre_ffw_norm_2",
    "post_feedforward_layernorm_1": "post_ffw_norm_1", "post_feedforward_layernorm_2": "post_ffw_norm_2",
    "altup.modality_router": "altup_router", "altup.router_norm": "altup_router_norm",
    "altup.prediction_coefs": "altup_predict_coef", "altup.correction_coefs": "altup_correct_coef",
    "altup.correct_output_scale": "altup_correct_scale.weight", "laurel.linear_left": "laurel_l",
    "laurel.linear_right": "laurel_r", "laurel.post_laurel_norm": "laurel_post_norm"}


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def plain_norm(x, epsilon=1e-6):
    return rms_norm(x, 1.0, epsilon)


def turned(x, base, share=1.0):
    """Heads [tokens, heads, size] in pairs of halves, of which only the first `share` turn."""
    half = x.shape[-1] // 2
    speed = base ** (-np.arange(half) / half) * (np.arange(half) < int(share * half))
    angle = np.arange(len(x))[:, None, None] * speed
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=-1)


def attended(q, k, v, window):
    share = q.shape[1] // k.shape[1]
    scores = np.einsum("thd,shd->hts", q, np.repeat(k, share, axis=1))
    distance = np.arange(len(q))[:, None] - np.arange(len(q))
    scores = np.where((distance >= 0) & (distance < (window or len(q))), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("hts,shd->thd", weights, np.repeat(v, share, axis=1)).reshape(len(q), -1)


def embeddings(model):
    c = model.config
    return model.tensor("model.embed_tokens.weight", c["vocab_size"], c["hidden_size"], deviation=0.1)


def layer_inputs(model, tokens, x):
    """[layers, tokens, size]"""
    c = model.config
    layers, size = c["num_hidden_layers"], c["hidden_size_per_layer_input"]
    rows = c["vocab_size_per_layer_input"]
    table = model.tensor("model.embed_tokens_per_layer.weight", rows, layers * size)
    own = table[np.where(np.array(tokens) < rows, tokens, 0)] * size ** 0.5
    projected = model.product("model.per_layer_model_projection", x, layers * size) * x.shape[1] ** -0.5
    projected = model.norm("model.per_layer_projection_norm", projected.reshape(len(x), layers, size))
    return ((projected + own.reshape(projected.shape)) * 2 ** -0.5).swapaxes(0, 1)


def chosen_input(model, name, x, own):
    gate = gelu(model.product(name + "per_layer_input_gate", x, own.shape[1]))
    return model.norm(name + "post_per_layer_input_norm",
                      model.product(name + "per_layer_projection", gate * own, x.shape[1]))


def attention(model, layer, x, heads, size, kv_heads, base, share, window, keys, v_of_k):
    """`keys`: of each kind of layer those that are shared, and where this layer leaves its own."""
    name, tokens = f"model.layers.{layer}.self_attn.", len(x)
    q = model.norm(name + "q_norm", model.product(name + "q_proj", x, heads * size).reshape(tokens, heads, size))
    kind = window is not None
    c = model.config
    if layer < c["num_hidden_layers"] - c["num_kv_shared_layers"]:
        k = model.product(name + "k_proj", x, kv_heads * size).reshape(tokens, kv_heads, size)
        v = k if v_of_k else model.product(name + "v_proj", x, kv_heads * size).reshape(tokens, kv_heads, size)
        keys[kind] = turned(model.norm(name + "k_norm", k), base, share), plain_norm(v)
    return model.product(name + "o_proj", attended(turned(q, base, share), *keys[kind], window), x.shape[1])


def mlp(model, name, x, width, cutoff=lambda gate: gate):
    gate = gelu(cutoff(model.product(name + "mlp.gate_proj", x, width)))
    return model.product(name + "mlp.down_proj", gate * model.product(name + "mlp.up_proj", x, width), x.shape[1])


def experts(model, name, x):
    """Of x itself: the router has a norm of its own, and so have the experts."""
    c, width = model.config, x.shape[1]
    count, used, size = c["num_experts"], c["top_k_experts"], c["moe_intermediate_size"]
    scale = model.tensor(name + "router.scale", width, mean=1)
    model.tensor(name + "router.proj.weight", count, width, deviation=2)
    scores = model.product(name + "router.proj", plain_norm(x) * scale * width ** -0.5, count)
    gate_up = model.tensor(name + "experts.gate_up_proj", count, 2 * size, width, deviation=width ** -0.5)
    down = model.tensor(name + "experts.down_proj", count, width, size, deviation=size ** -0.5)
    of_expert = model.tensor(name + "router.per_expert_scale", count, mean=1)
    x = model.norm(name + "pre_feedforward_layernorm_2", x)
    out = np.zeros_like(x)
    for t in range(len(x)):
        best = np.argsort(-scores[t])[:used]
        weights = np.exp(scores[t, best] - scores[t, best].max())
        for e, weight in zip(best, weights / weights.sum() * of_expert[best]):
            gate, up = np.split(gate_up[e] @ x[t], 2)
            out[t] += weight * (down[e] @ (gelu(gate) * up))
    return out


def logits(model, x):
    c = model.config
    y = model.norm("model.norm", x) @ embeddings(model).T
    cap = c["final_logit_softcapping"]
    return y if cap is None else cap * np.tanh(y / cap)


GEMMA4 = {"model_type": "gemma4_text", "hidden_size": 40, "vocab_size": 48, "max_position_embeddings": 64,
          "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True, "rms_norm_eps": 1e-6,
          "num_hidden_layers": 5, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8,
          "global_head_dim": 24, "num_global_key_value_heads": None, "attention_k_eq_v": False, "sliding_window": 6,
          "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
                          "full_attention"],
          "intermediate_size": 56, "use_double_wide_mlp": False, "num_kv_shared_layers": 0,
          "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 48, "enable_moe_block": False,
          "num_experts": None, "top_k_experts": None, "moe_intermediate_size": None, "final_logit_softcapping": 1.0,
          "use_bidirectional_attention": None,
          "rope_parameters": {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25,
                                                 "rope_theta": 1000000.0},
                              "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}}


def gemma4(tokens, seed, **changes):
    model = Model(seed, GEMMA4 | changes)
    c = model.config
    x = embeddings(model)[tokens] * c["hidden_size"] ** 0.5
    own = layer_inputs(model, tokens, x) if c["hidden_size_per_layer_input"] else None
    first_shared, keys = c["num_hidden_layers"] - c["num_kv_shared_layers"], {}
    for i, kind in enumerate(c["layer_types"]):
        name, slides = f"model.layers.{i}.", kind == "sliding_attention"
        by_keys, rope = c["attention_k_eq_v"] and not slides, c["rope_parameters"][kind]
        kv_heads = c["num_key_value_heads"]
        if by_keys and c["num_global_key_value_heads"]:
            kv_heads = c["num_global_key_value_heads"]
        said = attention(model, i, model.norm(name + "input_layernorm", x), c["num_attention_heads"],
                         c["head_dim"] if slides else c["global_head_dim"], kv_heads, rope["rope_theta"],
                         rope.get("partial_rotary_factor", 1.0), c["sliding_window"] if slides else None, keys, by_keys)
        x = x + model.norm(name + "post_attention_layernorm", said)
        wide = c["use_double_wide_mlp"] and i >= first_shared
        said = mlp(model, name, model.norm(name + "pre_feedforward_layernorm", x), c["intermediate_size"] * (1 + wide))
        if c["enable_moe_block"]:
            said = model.norm(name + "post_feedforward_layernorm_1", said)
            said = said + model.norm(name + "post_feedforward_layernorm_2", experts(model, name, x))
        x = x + model.norm(name + "post_feedforward_layernorm", said)
        if own is not None:
            x = x + chosen_input(model, name, x, own[i])
        x = x * model.tensor(name + "layer_scalar", 1, mean=1)
    return model, logits(model, x)


GEMMA3N = {"model_type": "gemma3n_text", "hidden_size": 40, "vocab_size": 48, "max_position_embeddings": 64,
           "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True, "rms_norm_eps": 1e-6,
           "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
           "sliding_window": 6, "num_kv_shared_layers": 2, "intermediate_size": [56, 56, 72, 56, 40],
           "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
                           "full_attention"],
           "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 44, "final_logit_softcapping": 1.0,
           "altup_num_inputs": 4, "altup_active_idx": 0, "altup_coef_clip": 120.0, "altup_correct_scale": True,
           "laurel_rank": 12, "activation_sparsity_pattern": [0.95, 0.8, 0.0, 0.3, 0.0],
           "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 800000.0},
                               "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}}


def as_long_as(x, other, least):
    own = np.maximum((x ** 2).mean(axis=-1, keepdims=True), least)
    return x * np.sqrt((other ** 2).mean(axis=-1, keepdims=True) / own)


def gemma3n(tokens, seed, in_gguf=False, **changes):
    """`in_gguf`: as llama.cpp computes, whose gates are cut off by the deviation of a sample."""
    model = Model(seed, GEMMA3N | changes)
    c = model.config
    count, active, width, least = c["altup_num_inputs"], c["altup_active_idx"], c["hidden_size"], 0 if in_gguf else 1e-5
    x = embeddings(model)[tokens] * width ** 0.5
    own, keys = layer_inputs(model, tokens, x), {}
    streams = np.array([x] + [as_long_as(model.product(f"model.altup_projections.{i}", x, width), x, least)
                              for i in range(count - 1)])

    def modes(name, x):
        return np.tanh(model.product(name + "modality_router", model.norm(name + "router_norm", x) / width, count))

    for i, kind in enumerate(c["layer_types"]):
        name, slides, rope = f"model.layers.{i}.", kind == "sliding_attention", c["rope_parameters"][kind]
        coefficients = modes(name + "altup.", streams[active]) @ model.tensor(name + "altup.prediction_coefs.weight",
                                                                             count * count, count).T
        streams = streams + np.einsum("toi,itw->otw", coefficients.reshape(-1, count, count), streams)
        x = streams[active]
        normed = model.norm(name + "input_layernorm", x)
        around = model.product(name + "laurel.linear_right",
                               model.product(name + "laurel.linear_left", normed, c["laurel_rank"]), width)
        around = normed + model.norm(name + "laurel.post_laurel_norm", around)
        said = attention(model, i, normed, c["num_attention_heads"], c["head_dim"], c["num_key_value_heads"],
                         rope["rope_theta"], 1.0, c["sliding_window"] if slides else None, keys, False)
        x = (x + model.norm(name + "post_attention_layernorm", said) + around) / 2 ** 0.5
        share = c["activation_sparsity_pattern"][i]

        def cutoff(gate):
            if share <= 0:
                return gate
            deviation = gate.std(axis=-1, keepdims=True, ddof=1 if in_gguf else 0)
            least = gate.mean(axis=-1, keepdims=True) + deviation * statistics.NormalDist().inv_cdf(share)
            return np.maximum(gate - least, 0)

        said = mlp(model, name, model.norm(name + "pre_feedforward_layernorm", x), c["intermediate_size"][i], cutoff)
        x = x + model.norm(name + "post_feedforward_layernorm", said)
        correction = model.tensor(name + "altup.correction_coefs.weight", count, count)
        if c["altup_coef_clip"] is not None:
            correction = np.clip(correction, -c["altup_coef_clip"], c["altup_coef_clip"])
        factors = 1 + modes(name + "altup.", x) @ correction.T
        streams = streams + factors.T[:, :, None] * (x - streams[active])
        chooser = streams[active]
        if c["altup_correct_scale"]:
            chooser = chooser * model.tensor(name + "altup.correct_output_scale", width)
        streams[1:] += chosen_input(model, name, chooser, own[i])
    merged = [model.product(f"model.altup_unembed_projections.{i}", streams[i + 1], width) for i in range(count - 1)]
    merged = [as_long_as(stream, streams[0], least) for stream in merged]
    return model, logits(model, np.mean([streams[0], *merged], axis=0))


def gguf_tensors(model):
    tensors = {}
    for name, values in model.tensors.items():
        stem, _, suffix = name.rpartition(".")
        prefix = ""
        if stem.startswith("model.altup_"):
            continue
        if name.startswith("model.layers."):
            layer, _, name = name.removeprefix("model.layers.").partition(".")
            stem, prefix = stem.removeprefix(f"model.layers.{layer}."), f"blk.{layer}."
        whole = GGUF_NAMES.get(name)
        tensors[prefix + (whole or f"{GGUF_NAMES[stem]}.{suffix}")] = values
    for ours, theirs in (("altup_projections", "altup_proj"), ("altup_unembed_projections", "altup_unembd_proj")):
        if f"model.{ours}.0.weight" in model.tensors:
            count = model.config["altup_num_inputs"] - 1
            tensors[theirs + ".weight"] = np.stack([model.tensors[f"model.{ours}.{i}.weight"] for i in range(count)])
    if model.config["model_type"] == "gemma4_text":
        half = model.config["global_head_dim"] // 2
        share = int(model.config["rope_parameters"]["full_attention"]["partial_rotary_factor"] * half)
        tensors["rope_freqs.weight"] = np.array([1.0] * share + [1e30] * (half - share), np.float32)
    return tensors


def gguf_metadata(model, **changes):
    c = model.config
    architecture = c["model_type"].removesuffix("_text")
    slides = [kind == "sliding_attention" for kind in c["layer_types"]]
    full = c.get("global_head_dim", c["head_dim"])
    widths = c["intermediate_size"]
    sizes = {"context_length": 64, "embedding_length": c["hidden_size"], "block_count": c["num_hidden_layers"],
             "feed_forward_length": widths, "attention.head_count": c["num_attention_heads"],
             "attention.head_count_kv": c["num_key_value_heads"], "attention.key_length": full,
             "attention.value_length": full, "attention.key_length_swa": c["head_dim"],
             "attention.value_length_swa": c["head_dim"], "attention.layer_norm_rms_epsilon": 1e-6,
             "attention.sliding_window": c["sliding_window"], "attention.sliding_window_pattern": slides,
             "attention.shared_kv_layers": c["num_kv_shared_layers"],
             "embedding_length_per_layer_input": c["hidden_size_per_layer_input"] or 0,
             "rope.dimension_count": full, "rope.dimension_count_swa": c["head_dim"],
             "rope.freq_base": c["rope_parameters"]["full_attention"]["rope_theta"],
             "rope.freq_base_swa": c["rope_parameters"]["sliding_attention"]["rope_theta"],
             "final_logit_softcapping": c["final_logit_softcapping"]} | changes
    return {"general.architecture": architecture, **{f"{architecture}.{key}": value for key, value in sizes.items()}}


def write_fixture(folder, build, seed, **changes):
    """A checkpoint, the logits of a prompt, and the ids that greedy decoding adds."""
    prompt = np.random.default_rng(seed).integers(0, 48, 40).tolist()
    tokens = list(prompt)
    for _ in range(24):
        model, values = build(tokens, seed, **changes)
        tokens.append(int(values[-1].argmax()))
    model.folder(folder)
    np.save(folder / "logits.npy", values[:len(prompt)].astype(np.float32))
    (folder / "tokens.json").write_text(json.dumps({"prompt": prompt, "greedy": tokens[len(prompt):]}))


if __name__ == "__main__":
    DATA = pathlib.Path(__file__).resolve().parent.parent / "data/hf"
    THREE = {"num_hidden_layers": 3, "num_kv_shared_layers": 1, "max_position_embeddings": 128}
    SLIDING, FULL = "sliding_attention", "full_attention"
    write_fixture(DATA / "gemma3n", gemma3n, 35, **THREE, layer_types=[SLIDING, FULL, SLIDING],
                  intermediate_size=[56, 72, 40], activation_sparsity_pattern=[0.9, 0.0, 0.6])
    write_fixture(DATA / "gemma4_moe", gemma4, 46, **THREE, layer_types=[SLIDING, FULL, FULL],
                  use_double_wide_mlp=True, attention_k_eq_v=True, num_global_key_value_heads=2,
                  enable_moe_block=True, num_experts=5, top_k_experts=2, moe_intermediate_size=24)
