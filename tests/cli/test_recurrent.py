"""Models with recurrences against their formulas in double precision (recurrent_reference.py), with sizes, multipliers
and biases that published checkpoints do not have; whole, in chunks and token by token the same bytes."""
import numpy as np

from cli_case import CliCase, TinyModel, main

import recurrent_reference as reference

TOKENS = [3, 17, 44, 8, 8, 25, 0, 31, 12, 46, 5, 29, 30, 7, 19, 2, 41]


class Recurrent(CliCase):
    def check(self, build, seed=1, **changes):
        model, expected = build(TOKENS, seed, **changes)
        folder = model.folder(self.folder / build.__name__)
        values, data = self.logits(folder, TOKENS, "--compute", "f32")
        self.assert_close(values, expected, 1e-5)
        for chunk in (1, 6):
            self.assertEqual(self.logits(folder, TOKENS, "--compute", "f32", "--chunk", chunk)[1], data, chunk)

    def test_falcon_h1(self):
        self.check(reference.falcon_h1)
        self.check(reference.falcon_h1, seed=2, mamba_rms_norm=True, mamba_norm_before_gate=True, attention_bias=True)
        self.check(reference.falcon_h1, seed=3, mamba_rms_norm=False, mamba_proj_bias=True, mamba_conv_bias=False)

    def test_granite_hybrid(self):
        self.check(reference.granite_hybrid)
        self.check(reference.granite_hybrid, seed=2, position_embedding_type="nope", mamba_n_groups=3)

    def test_gated_delta_net(self):
        self.check(reference.qwen_next)
        self.check(reference.qwen_next, seed=2, linear_num_value_heads=3, linear_key_head_dim=16,
                   linear_conv_kernel_dim=1)

    def test_nemotron_h(self):
        self.check(reference.nemotron_h)

    def test_kimi_linear(self):
        self.check(reference.kimi_linear)
        self.check(reference.kimi_linear, seed=2, moe_renormalize=False, first_k_dense_replace=0,
                   linear_attn_config={"full_attn_layers": [1, 3], "kda_layers": [2], "num_heads": 2, "head_dim": 24,
                                       "short_conv_kernel_size": 2})

    def test_mamba(self):
        self.check(reference.mamba)
        self.check(reference.mamba, seed=2, model_type="falcon_mamba", mixer_rms_eps=1e-4, state_size=16)

    def test_gated_delta_net_in_gguf(self):
        """As llama.cpp's converter writes it: the value heads of a key head are no neighbours any more."""
        model, expected = reference.qwen_next(TOKENS, 4)
        file = TinyModel()
        file.metadata, file.tensors = gguf_metadata(model.config), gguf_tensors(model)
        file.write(self.path("qwen35.gguf"))
        values, data = self.logits(self.path("qwen35.gguf"), TOKENS, "--compute", "f32")
        self.assert_close(values, expected, 1e-4)
        self.assertEqual(self.logits(self.path("qwen35.gguf"), TOKENS, "--compute", "f32", "--chunk", 5)[1], data)


def gguf_metadata(config):
    sizes = {"context_length": 64, "embedding_length": config["hidden_size"], "block_count": 2,
             "feed_forward_length": config["intermediate_size"],
             "attention.head_count": config["num_attention_heads"],
             "attention.head_count_kv": config["num_key_value_heads"], "attention.key_length": config["head_dim"],
             "attention.value_length": config["head_dim"], "attention.layer_norm_rms_epsilon": 1e-6,
             "rope.dimension_count": config["head_dim"] // 2, "rope.dimension_sections": [2, 1, 1, 0],
             "rope.freq_base": 10000.0, "full_attention_interval": 2,
             "ssm.conv_kernel": config["linear_conv_kernel_dim"], "ssm.state_size": config["linear_key_head_dim"],
             "ssm.group_count": config["linear_num_key_heads"],
             "ssm.time_step_rank": config["linear_num_value_heads"],
             "ssm.inner_size": config["linear_num_value_heads"] * config["linear_value_head_dim"]}
    return {"general.architecture": "qwen35", **{f"qwen35.{key}": value for key, value in sizes.items()}}


GGUF_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
              "input_layernorm": "attn_norm", "post_attention_layernorm": "post_attention_norm",
              "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
              "linear_attn.in_proj_qkv": "attn_qkv", "linear_attn.in_proj_z": "attn_gate",
              "linear_attn.in_proj_b": "ssm_beta", "linear_attn.in_proj_a": "ssm_alpha",
              "linear_attn.conv1d": "ssm_conv1d", "linear_attn.norm": "ssm_norm", "linear_attn.out_proj": "ssm_out",
              "linear_attn.A_log": "ssm_a", "linear_attn.dt_bias": "ssm_dt.bias"}


def gguf_tensors(model):
    c, tensors = model.config, {}
    key_heads, heads, v_dim = (c["linear_" + key] for key in ("num_key_heads", "num_value_heads", "value_head_dim"))
    keys = 2 * key_heads * c["linear_key_head_dim"]

    def tiled(values, size):
        """Rows of `size` for each value head: the first of every key head, then the second, …"""
        by_head = values.reshape(key_heads, heads // key_heads, size, *values.shape[1:])
        return by_head.swapaxes(0, 1).reshape(values.shape)

    for name, values in model.tensors.items():
        stem, _, suffix = name.rpartition(".")
        if stem not in GGUF_NAMES and not stem.startswith("model.layers."):
            raise ValueError(name)
        prefix = ""
        if stem.startswith("model.layers."):
            layer, _, stem = stem.removeprefix("model.layers.").partition(".")
            prefix = f"blk.{layer}."
        if suffix in ("A_log", "dt_bias"):
            stem, suffix = f"{stem}.{suffix}", ""
        if stem.endswith("norm") and not stem.startswith("linear_attn"):
            values = values + 1
        if stem in ("linear_attn.in_proj_qkv", "linear_attn.conv1d"):
            values = np.concatenate([values[:keys], tiled(values[keys:], v_dim)])
        if stem == "linear_attn.in_proj_z":
            values = tiled(values, v_dim)
        if stem in ("linear_attn.in_proj_b", "linear_attn.in_proj_a", "linear_attn.A_log", "linear_attn.dt_bias"):
            values = tiled(values, 1)
        if stem == "linear_attn.out_proj":
            values = tiled(values.T, v_dim).T
        if stem == "linear_attn.A_log":
            values = -np.exp(values)
        if stem == "linear_attn.conv1d":
            values = values[:, 0]
        tensors[prefix + GGUF_NAMES[stem] + ("." + suffix if suffix else "")] = np.ascontiguousarray(values)
    return tensors


if __name__ == "__main__":
    main()
