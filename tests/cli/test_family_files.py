"""Families with experts, Mamba or scaled queries, as checkpoints and as GGUF files: tiny models of random weights laid
out as each kind of file has them, against one plain forward pass in double precision (family_formulas.py)."""
import json

import numpy as np

from cli_case import CliCase, TinyModel, main
from family_formulas import (CHANNELS, CHECKPOINT, CONTEXT, EXPERT_FF, FF, GGUF, HEAD_DIM, KERNEL, RANK, STATE, WIDTH,
                             VOCABULARY, FamilyModel, laid_out)
from safetensors_file import write_safetensors

TOKENS = np.random.default_rng(4).integers(0, VOCABULARY, 27).tolist()
SIZES = {"hidden_size": WIDTH, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": FF,
         "max_position_embeddings": CONTEXT, "head_dim": HEAD_DIM, "rms_norm_eps": 1e-5, "tie_word_embeddings": False}
GGUF_SIZES = {"context_length": CONTEXT, "embedding_length": WIDTH, "feed_forward_length": FF,
              "attention.head_count": 4, "attention.head_count_kv": 2, "attention.key_length": HEAD_DIM, "attention.value_length": HEAD_DIM,
              "rope.dimension_count": HEAD_DIM, "rope.freq_base": 10000.0, "attention.layer_norm_rms_epsilon": 1e-5}
EXPERTS = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": EXPERT_FF}
GGUF_EXPERTS = {"expert_count": 6, "expert_used_count": 2, "expert_feed_forward_length": EXPERT_FF}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 8,
        "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.3}
GGUF_YARN = {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 8,
             "rope.scaling.yarn_log_multiplier": 1.0, "attention.temperature_scale": 0.3}
SIGMOID = {"score": "sigmoid", "router_bias": True, "routed_scale": 2.5}
BAILING = {"q": "", "k": "", "v": "", "qkv": "attention.query_key_value", "o": "attention.dense",
           "qn": "attention.query_layernorm", "kn": "attention.key_layernorm", "rbias": "mlp.gate.expert_bias",
           "embed": "model.word_embeddings"}
SLIDING = ["sliding_attention", "sliding_attention", "full_attention"]
NEMOTRON = {"n1": "norm", "q": "mixer.q_proj", "k": "mixer.k_proj", "v": "mixer.v_proj", "o": "mixer.o_proj",
            "router": "mixer.gate", "rbias": "mixer.gate.e_score_correction_bias", "e": "mixer.experts.{}.{}_proj",
            "s.up": "mixer.shared_experts.up_proj", "s.down": "mixer.shared_experts.down_proj",
            "lat.in": "mixer.fc1_latent_proj", "lat.out": "mixer.fc2_latent_proj", "embed": "backbone.embeddings",
            "last": "backbone.norm_f", "layer": "backbone.layers.{}."}

INTERLEAVED = {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [2, 1, 1]}
SEES = {"embed": "model.language_model.embed_tokens", "last": "model.language_model.norm",
        "layer": "model.language_model.layers.{}."}
LATER_SLIDING = ["full_attention", "sliding_attention", "sliding_attention"]
LAGUNA = {"model_type": "laguna", "shared_expert_intermediate_size": 16, "moe_routed_scaling_factor": 2.5,
          "moe_router_logit_softcapping": 0.0, "moe_apply_router_weight_on_input": False,
          "rope_parameters": {
              "full_attention": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
              "sliding_attention": {"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 1.0}}}
LAGUNA_NAMES = {"ag": "self_attn.g_proj", "rbias": "mlp.experts.e_score_correction_bias",
                "s.gate": "mlp.shared_expert.gate_proj", "s.up": "mlp.shared_expert.up_proj",
                "s.down": "mlp.shared_expert.down_proj"}
GGUF_LAGUNA = {"expert_shared_feed_forward_length": 16, "leading_dense_block_count": 1, "expert_weights_norm": True,
               "expert_weights_scale": 2.5, "expert_gating_func": 2, "rope.dimension_count": 4}
MIMO = SIGMOID | {"layers": 3, "expert_layers": (1, 2), "windows": {1: 6, 2: 6}, "own_heads": {1: (4, 4), 2: (4, 4)},
                  "rotary": 4, "window_rope": (100.0, 4), "value_dim": 4, "value_scale": 0.707, "sinks": (1, 2)}
MIMO_SIZES = {"model_type": "mimo_v2_flash", "n_routed_experts": 6, "num_experts_per_tok": 2,
              "moe_intermediate_size": EXPERT_FF, "n_shared_experts": None, "v_head_dim": 4,
              "attention_value_scale": 0.707, "sliding_window": 6, "routed_scaling_factor": 2.5}
GGUF_MIMO = GGUF_EXPERTS | {
    "attention.head_count_kv": [2, 4, 4], "attention.value_length": 4, "attention.value_scale": 0.707,
    "attention.sliding_window": 6, "attention.sliding_window_pattern": [False, True, True], "rope.dimension_count": 4,
    "rope.freq_base_swa": 100.0, "expert_weights_scale": 2.5}
MINIMAX = {"layers": 3, "expert_layers": (0, 1, 2), "lightning_layers": (0, 1), "adds_to_norm": True, "kv_heads": 2,
           "rotary": 4, "sums": ((1.5, 1.0), (1.5, 1.0))}
MUSE = {"layers": 3, "windows": {0: 6, 1: 6}, "rope_layers": (0, 1), "query_key_norm": "heads", "norm_after": True,
        "attention_gate": True, "embedding_norm": True, "centered": True, "logit_scale": 0.5, "softcap": 2.0}
COHERE = {"layers": 3, "expert_layers": (1, 2), "windows": {1: 6}, "rope_layers": (0, 1), "parallel": True,
          "shared": 2 * EXPERT_FF, "shared_scale": 0.5, "routed_scale": 0.5, "logit_scale": 0.5}
MIMO_NAMES = {"sinks": "self_attn.attention_sink_bias"}

# name: (the formulas' keywords, config.json beside the sizes or None, names in checkpoints, GGUF's architecture or
# None, its keys beside the sizes, whether its pairs are adjacent)
FAMILIES = {
    "ministral 3": (
        {"yarn": (4, 8, 1), "query_scale": (0.3, 8)}, {"model_type": "ministral3", "rope_parameters": YARN}, {},
        "mistral3", GGUF_YARN, True),
    "ministral 3 within one that sees": (
        {"yarn": (4, 8, 1), "query_scale": (0.3, 8), "windows": {0: 5, 1: 5}},
        {"model_type": "mistral3", "text_config": {"model_type": "ministral3", "rope_parameters": YARN,
                                                   "sliding_window": 5}},
        {"embed": "language_model.model.embed_tokens", "last": "language_model.model.norm",
         "head": "language_model.lm_head", "layer": "language_model.model.layers.{}."}, None, {}, False),
    "mistral 3 of experts": (
        {"expert_layers": (0, 1), "yarn": (4, 8, 0)}, None, {}, "mistral3",
        {key: value for key, value in GGUF_YARN.items() if "yarn" not in key and "attention" not in key} | GGUF_EXPERTS,
        True),
    "ministral": (
        {"layers": 3, "windows": {0: 6, 1: 6}},
        {"model_type": "ministral", "sliding_window": 6, "layer_types": SLIDING}, {}, None, {}, False),
    "hunyuan of experts": (
        {"expert_layers": (0, 1), "query_key_norm": "heads", "norm_rotated": True, "shared": EXPERT_FF},
        {"model_type": "hunyuan_v1_moe", "num_experts": 6, "moe_topk": [2, 2],
         "moe_intermediate_size": [EXPERT_FF] * 2, "num_shared_expert": [1, 1], "use_rotary_pos_emb": True,
         "attention_head_dim": HEAD_DIM, "use_cla": False, "use_qk_norm": True},
        {"router": "mlp.gate.wg", "qn": "self_attn.query_layernorm", "kn": "self_attn.key_layernorm",
         "s.gate": "mlp.shared_mlp.gate_proj", "s.up": "mlp.shared_mlp.up_proj", "s.down": "mlp.shared_mlp.down_proj"},
        "hunyuan-moe", GGUF_EXPERTS | {"expert_shared_feed_forward_length": EXPERT_FF, "expert_shared_count": 1},
        False),
    "jamba": (
        {"layers": 4, "rotary": 0, "mamba_layers": (0, 2, 3), "expert_layers": (1, 3), "normalize": False,
         "expert_ff": FF},
        {"model_type": "jamba", "attn_layer_period": 3, "attn_layer_offset": 1, "expert_layer_period": 2,
         "expert_layer_offset": 1, "num_experts": 6, "num_experts_per_tok": 2, "mamba_d_state": STATE,
         "mamba_d_conv": KERNEL, "mamba_expand": CHANNELS // WIDTH, "mamba_dt_rank": RANK},
        {"n2": "pre_ff_layernorm", "gate": "feed_forward.gate_proj", "up": "feed_forward.up_proj",
         "down": "feed_forward.down_proj", "router": "feed_forward.router", "e": "feed_forward.experts.{}.{}_proj",
         "last": "model.final_layernorm"},
        "jamba", {"attention.head_count_kv": [0, 2, 0, 0], "expert_count": 6, "expert_used_count": 2,
                  "ssm.inner_size": CHANNELS, "ssm.state_size": STATE, "ssm.conv_kernel": KERNEL,
                  "ssm.time_step_rank": RANK}, False),
    "granite of experts and a shared one": (
        {"expert_layers": (0, 1), "shared": 16, "embedding_scale": 2.0, "logit_scale": 0.25, "residual_scale": 0.5,
         "attention_scale": 0.4},
        {"model_type": "granitemoeshared", "num_local_experts": 6, "num_experts_per_tok": 2,
         "intermediate_size": EXPERT_FF, "shared_intermediate_size": 16, "embedding_multiplier": 2.0,
         "logits_scaling": 4.0, "residual_multiplier": 0.5, "attention_multiplier": 0.4},
        {"router": "block_sparse_moe.router.layer", "e.gate_up": "block_sparse_moe.input_linear",
         "e.down": "block_sparse_moe.output_linear", "s.gate_up": "shared_mlp.input_linear",
         "s.down": "shared_mlp.output_linear"},
        "granitemoe", {"feed_forward_length": EXPERT_FF, "expert_count": 6, "expert_used_count": 2,
                       "expert_shared_feed_forward_length": 16, "embedding_scale": 2.0, "logit_scale": 4.0,
                       "residual_scale": 0.5, "attention.scale": 0.4}, True),
    "ling": (
        {"layers": 3, "expert_layers": (1, 2), "shared": 2 * EXPERT_FF},
        EXPERTS | {"model_type": "bailing_moe", "num_shared_experts": 2, "first_k_dense_replace": 1,
                   "norm_topk_prob": True, "norm_head": False}, BAILING,
        "bailingmoe", GGUF_EXPERTS | {"expert_shared_count": 2, "leading_dense_block_count": 1,
                                      "expert_weights_norm": True, "expert_weights_scale": 1.0}, True),
    "ling 2": (
        SIGMOID | {"layers": 3, "expert_layers": (1, 2), "shared": EXPERT_FF, "query_key_norm": "heads", "rotary": 4,
                   "groups": (3, 2)},
        EXPERTS | {"model_type": "bailing_moe", "num_shared_experts": 1, "first_k_dense_replace": 1,
                   "use_qk_norm": True, "partial_rotary_factor": 0.5, "rotary_dim": 4, "n_group": 3, "topk_group": 2,
                   "routed_scaling_factor": 2.5, "score_function": "sigmoid", "norm_topk_prob": True}, BAILING,
        "bailingmoe2", GGUF_EXPERTS | {
            "expert_shared_count": 1, "leading_dense_block_count": 1, "expert_weights_norm": True,
            "expert_weights_scale": 2.5, "expert_gating_func": 2, "expert_group_count": 3, "expert_group_used_count": 2,
            "rope.dimension_count": 4, "expert_shared_feed_forward_length": EXPERT_FF, "fuses": True}, False),
    "olmo": (
        {"norm_kind": "plain layer"}, {"model_type": "olmo", "clip_qkv": None}, {}, "olmo",
        {"attention.layer_norm_epsilon": 1e-5}, True),
    "olmoe": (
        {"expert_layers": (0, 1), "normalize": False, "query_key_norm": "all"},
        {"model_type": "olmoe", "num_experts": 6, "num_experts_per_tok": 2, "intermediate_size": EXPERT_FF,
         "norm_topk_prob": False}, {}, "olmoe",
        {"feed_forward_length": EXPERT_FF, "expert_count": 6, "expert_used_count": 2}, False),
    "olmoe within limits": (
        {"expert_layers": (0, 1), "normalize": False, "query_key_norm": "all", "limit": 0.3},
        {"model_type": "olmoe", "num_experts": 6, "num_experts_per_tok": 2, "intermediate_size": EXPERT_FF,
         "norm_topk_prob": False, "clip_qkv": 0.3}, {}, "olmoe",
        {"feed_forward_length": EXPERT_FF, "expert_count": 6, "expert_used_count": 2, "attention.clamp_kqv": 0.3},
        False),
    "nemotron 3 of narrow experts": (
        SIGMOID | {"layers": 4, "parts": ["attention", "experts"] * 2, "rotary": 0, "act": "relu2", "gated": False,
                   "latent": 16, "shared": FF},
        {"model_type": "nemotron_h", "layers_block_type": ["full_attention", "moe"] * 2, "n_routed_experts": 6,
         "num_experts_per_tok": 2, "moe_intermediate_size": EXPERT_FF, "moe_latent_size": 16, "n_shared_experts": 1,
         "moe_shared_expert_intermediate_size": FF, "routed_scaling_factor": 2.5, "norm_topk_prob": True,
         "layer_norm_epsilon": 1e-5}, NEMOTRON,
        "nemotron_h_moe", GGUF_EXPERTS | {
            "attention.head_count": [4, 0, 4, 0], "attention.head_count_kv": [2, 0, 2, 0],
            "feed_forward_length": [0, EXPERT_FF] * 2, "expert_shared_feed_forward_length": FF,
            "expert_shared_count": 1, "expert_weights_norm": True, "expert_weights_scale": 2.5,
            "expert_gating_func": 2, "moe_latent_size": 16}, False),
    "k-exaone": (
        SIGMOID | {"layers": 3, "expert_layers": (1, 2), "shared": EXPERT_FF, "query_key_norm": "heads",
                   "windows": {0: 6, 1: 6}, "rope_layers": (0, 1)},
        EXPERTS | {"model_type": "exaone_moe", "num_shared_experts": 1, "sliding_window": 6, "layer_types": SLIDING,
                   "sliding_window_pattern": "LLG", "mlp_layer_types": ["dense", "sparse", "sparse"],
                   "routed_scaling_factor": 2.5}, {"rbias": "mlp.e_score_correction_bias"},
        "exaone-moe", GGUF_EXPERTS | {
            "expert_shared_count": 1, "leading_dense_block_count": 1, "expert_weights_norm": True,
            "expert_weights_scale": 2.5, "expert_gating_func": 2, "attention.sliding_window": 6,
            "attention.sliding_window_pattern": [True, True, False]}, False),
    "solar open": (
        SIGMOID | {"expert_layers": (0, 1), "shared": EXPERT_FF},
        EXPERTS | {"model_type": "solar_open", "n_shared_experts": 1, "routed_scaling_factor": 2.5}, {}, None, {},
        False),
    "trinity": (
        SIGMOID | {"layers": 4, "expert_layers": (1, 2, 3), "shared": EXPERT_FF, "query_key_norm": "heads",
                   "windows": {0: 6, 1: 6, 2: 6}, "rope_layers": (0, 1, 2), "norm_after": True, "attention_gate": True,
                   "embedding_scale": WIDTH ** 0.5},
        EXPERTS | {"model_type": "afmoe", "num_shared_experts": 1, "num_dense_layers": 1, "sliding_window": 6,
                   "global_attn_every_n_layers": 4, "route_scale": 2.5, "mup_enabled": True},
        {"n1p": "post_attention_layernorm", "n2": "pre_mlp_layernorm", "n2p": "post_mlp_layernorm",
         "router": "mlp.router.gate", "rbias": "mlp.expert_bias"},
        "afmoe", GGUF_EXPERTS | {
            "expert_shared_count": 1, "leading_dense_block_count": 1, "expert_weights_norm": True,
            "expert_weights_scale": 2.5, "expert_gating_func": 2, "attention.sliding_window": 6}, False),
    "laguna": (
        SIGMOID | {"layers": 3, "expert_layers": (1, 2), "shared": 16, "query_key_norm": "heads",
                   "windows": {1: 6, 2: 6}, "own_heads": {1: (6, 2), 2: (6, 2)}, "rotary": 4,
                   "window_rope": (100.0, HEAD_DIM), "attention_gate": "softplus of heads"},
        EXPERTS | LAGUNA | {"num_attention_heads_per_layer": [4, 6, 6], "gating": "per-head", "sliding_window": 6,
                            "layer_types": LATER_SLIDING, "mlp_layer_types": ["dense", "sparse", "sparse"]},
        LAGUNA_NAMES,
        "laguna", GGUF_EXPERTS | GGUF_LAGUNA | {
            "attention.head_count": [4, 6, 6], "attention.sliding_window": 6,
            "attention.sliding_window_pattern": [False, True, True], "rope.freq_base_swa": 100.0,
            "rope.dimension_count_swa": HEAD_DIM}, False),
    "laguna that sees everything": (
        SIGMOID | {"expert_layers": (1,), "shared": 16, "query_key_norm": "heads", "rotary": 4,
                   "attention_gate": "softplus"},
        EXPERTS | LAGUNA | {"gating": "per-element"},
        LAGUNA_NAMES | {"rbias": "mlp.gate.e_score_correction_bias", "s.gate": "mlp.shared_experts.gate_proj",
                        "s.up": "mlp.shared_experts.up_proj", "s.down": "mlp.shared_experts.down_proj"},
        "laguna", GGUF_EXPERTS | GGUF_LAGUNA | {"fuses": True}, False),
    "mimo v2 flash": (
        MIMO, MIMO_SIZES | {
            "hybrid_layer_pattern": [0, 1, 1], "moe_layer_freq": [0, 1, 1], "swa_num_key_value_heads": 4,
            "add_swa_attention_sink_bias": True, "add_full_attention_sink_bias": False, "attention_chunk_size": 6,
            "layernorm_epsilon": 1e-5, "rms_norm_eps": None, "rope_theta": 10000.0, "swa_rope_theta": 100.0,
            "partial_rotary_factor": 0.5, "swa_head_dim": HEAD_DIM, "swa_v_head_dim": 4,
            "swa_num_attention_heads": 4}, MIMO_NAMES,
        "mimo2", GGUF_MIMO, False),
    "mimo v2 flash as transformers writes it": (
        MIMO, MIMO_SIZES | {
            "layer_types": LATER_SLIDING, "mlp_layer_types": ["dense", "sparse", "sparse"],
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 0.5}}},
        {"sinks": "self_attn.sinks"}, "mimo2", GGUF_MIMO | {"fuses": True}, False),
    "bitnet": (
        {"part_norms": True, "act": "relu2"}, {"model_type": "bitnet", "hidden_act": "relu2"}, {}, "bitnet",
        {"hidden_activation": "relu2"}, False),
    "minimax text": (
        {"layers": 3, "expert_layers": (0, 1, 2), "lightning_layers": (0, 2), "adds_to_norm": True, "kv_heads": 2,
         "sums": ((1.5, 0.75), (2.0, 0.5))},
        {"model_type": "minimax", "num_local_experts": 6, "num_experts_per_tok": 2, "intermediate_size": EXPERT_FF,
         "layer_types": ["linear_attention", "full_attention", "linear_attention"], "block_size": 4,
         "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
         "full_attn_alpha_factor": 1.5, "full_attn_beta_factor": 0.75, "linear_attn_alpha_factor": 1.5,
         "linear_attn_beta_factor": 0.75, "mlp_alpha_factor": 2.0, "mlp_beta_factor": 0.5},
        {"ag": "self_attn.output_gate", "router": "block_sparse_moe.gate",
         "e.gate": "w1", "e.down": "w2", "e.up": "w3", "e": "block_sparse_moe.experts.{}.{}"}, None, {}, False),
    "minimax text as it was published": (
        MINIMAX | {"lightning_epsilon": 1e-6},
        {"model_type": "minimax_text_01", "num_local_experts": 6, "num_experts_per_tok": 2,
         "intermediate_size": EXPERT_FF, "attn_type_list": [0, 0, 1], "rotary_dim": 4, "postnorm": True,
         "shared_intermediate_size": 0, "layernorm_full_attention_alpha": 1.5, "layernorm_full_attention_beta": 1.0,
         "layernorm_linear_attention_alpha": 1.5, "layernorm_linear_attention_beta": 1.0, "layernorm_mlp_alpha": 1.5,
         "layernorm_mlp_beta": 1.0},
        {"ag": "self_attn.output_gate", "router": "block_sparse_moe.gate", "e.gate": "w1", "e.down": "w2",
         "e.up": "w3", "e": "block_sparse_moe.experts.{}.{}"}, None, {}, False),
    "minimax text as GGUF has it": (
        MINIMAX | {"lightning_epsilon": 1e-5}, None, {}, "minimax-01",
        {"feed_forward_length": EXPERT_FF, "expert_count": 6, "expert_used_count": 2, "residual_scale": 1.5,
         "rope.dimension_count": 4, "full_attention_interval": 3}, False),
    "hy 3": (
        SIGMOID | {"layers": 3, "expert_layers": (1, 2), "shared": EXPERT_FF, "query_key_norm": "heads"},
        EXPERTS | {"model_type": "hy_v3", "num_shared_experts": 1, "router_scaling_factor": 2.5, "qk_norm": True,
                   "mlp_layer_types": ["dense", "sparse", "sparse"], "enable_moe_fp32_combine": True},
        {"router": "mlp.router.gate", "rbias": "mlp.expert_bias", "s.gate": "mlp.shared_mlp.gate_proj",
         "s.up": "mlp.shared_mlp.up_proj", "s.down": "mlp.shared_mlp.down_proj"},
        "hy_v3", GGUF_EXPERTS | {
            "expert_shared_feed_forward_length": EXPERT_FF, "expert_weights_norm": True, "expert_weights_scale": 2.5,
            "expert_gating_func": 2}, False),
    "hy 3 as transformers has it": (
        SIGMOID | {"layers": 3, "expert_layers": (1, 2), "shared": 2 * EXPERT_FF, "query_key_norm": "heads"},
        EXPERTS | {"model_type": "hy_v3", "num_shared_experts": 2, "router_scaling_factor": 2.5,
                   "first_k_dense_replace": 1}, {"rbias": "mlp.e_score_correction_bias"}, None, {}, False),
    "cohere 2 of experts": (
        COHERE | {"score": "sigmoid"},
        EXPERTS | {"model_type": "cohere2_moe", "intermediate_size": EXPERT_FF, "prefix_dense_intermediate_size": FF,
                   "num_shared_experts": 2, "expert_selection_fn": "sigmoid", "logit_scale": 0.5, "sliding_window": 6,
                   "layer_types": ["full_attention", "sliding_attention", "full_attention"],
                   "mlp_layer_types": ["dense", "sparse", "sparse"], "prefix_dense_sliding_window_pattern": 1},
        {"adjacent": True},
        "cohere2moe", GGUF_EXPERTS | {
            "expert_shared_count": 2, "leading_dense_block_count": 1, "expert_weights_norm": True,
            "expert_gating_func": 2, "logit_scale": 0.5, "attention.sliding_window": 6,
            "attention.sliding_window_pattern": [False, True, False]}, True),
    "cohere 2 of experts by a softmax": (
        COHERE,
        EXPERTS | {"model_type": "cohere2_moe", "intermediate_size": EXPERT_FF, "prefix_dense_intermediate_size": FF,
                   "num_shared_experts": 2, "logit_scale": 0.5, "sliding_window": 6,
                   "layer_types": ["full_attention", "sliding_attention", "full_attention"],
                   "first_k_dense_replace": 1},
        {"adjacent": True}, None, {}, True),
    "granite with windows": (
        {"layers": 3, "windows": {1: 6, 2: 6}, "sinks": (0, 1, 2), "rope_layers": (1, 2), "embedding_scale": 2.0,
         "logit_scale": 0.25, "residual_scale": 0.5, "attention_scale": 0.4},
        {"model_type": "granite_swa", "embedding_multiplier": 2.0, "logits_scaling": 4.0, "residual_multiplier": 0.5,
         "attention_multiplier": 0.4, "sliding_window": 6, "layer_types": LATER_SLIDING,
         "layer_rope_theta": [0, 10000.0, 10000.0],
         "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}}, {},
        "granite_swa", {
            "embedding_scale": 2.0, "logit_scale": 4.0, "residual_scale": 0.5, "attention.scale": 0.4,
            "attention.sliding_window": 6, "attention.sliding_window_pattern": [False, True, True],
            "attention.rope_pattern": [False, True, True]}, True),
    "mellum": (
        {"layers": 3, "expert_layers": (0, 1, 2), "query_key_norm": "heads", "windows": {1: 6, 2: 6},
         "window_rope": (100.0, HEAD_DIM)},
        EXPERTS | {"model_type": "mellum", "norm_topk_prob": True, "sliding_window": 6, "layer_types": LATER_SLIDING,
                   "mlp_layer_types": ["sparse"] * 3, "rope_parameters": {
                       "full_attention": {"rope_type": "default", "rope_theta": 10000.0},
                       "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}}}, {},
        "mellum", GGUF_EXPERTS | {
            "attention.sliding_window": 6, "attention.sliding_window_pattern": [False, True, True],
            "rope.freq_base_swa": 100.0}, False),
    "flex olmo": (
        {"expert_layers": (0, 1), "normalize": False, "query_key_norm": "all", "norm_before": False,
         "norm_after": True},
        {"model_type": "flex_olmo", "num_experts": 6, "num_experts_per_tok": 2, "intermediate_size": EXPERT_FF,
         "norm_topk_prob": False},
        {"n1p": "post_attention_layernorm", "n2p": "post_feedforward_layernorm"}, None, {}, False),
    "muse glimmer": (
        MUSE | {"plain_heads": 3.87},
        {"model_type": "muse_glimmer", "text_config": {
            "model_type": "muse_glimmer_text", "qk_scale_factor": 3.87, "output_multiplier": 0.5, "sliding_window": 6,
            "final_logit_softcapping": 2.0, "layer_types": SLIDING, "post_norm_eps": 1e-8,
            "layer_rope_theta": [10000.0, 10000.0, 0]}},
        SEES | {"n1p": "post_attention_layernorm", "n2": "pre_feedforward_layernorm",
                "n2p": "post_feedforward_layernorm"}, None, {}, False),
    "muse glimmer as GGUF has it": (
        MUSE, None, {}, "muse-glimmer",
        {"logit_scale": 0.5, "final_logit_softcapping": 2.0, "attention.sliding_window": 6,
         "attention.sliding_window_pattern": [True, True, False]}, True),
    "qwen 2.5 that sees": (
        {}, {"model_type": "qwen2_5_vl", "rope_scaling": {"type": "mrope", "mrope_section": [2, 1, 1]},
             "vision_config": {"depth": 1}}, {},
        "qwen2vl", {"rope.dimension_sections": [2, 1, 1, 0]}, False),
    "qwen 3 that sees": (
        {"query_key_norm": "heads"},
        {"model_type": "qwen3_vl", "text_config": {"model_type": "qwen3_vl_text", "rope_scaling": INTERLEAVED}}, SEES,
        "qwen3vl", {"rope.dimension_sections": [2, 1, 1, 0], "n_deepstack_layers": 3}, False),
    "qwen 3 of experts that sees": (
        {"query_key_norm": "heads", "expert_layers": (0, 1)},
        {"model_type": "qwen3_vl_moe", "text_config": EXPERTS | {
            "model_type": "qwen3_vl_moe_text", "rope_scaling": INTERLEAVED, "norm_topk_prob": True}},
        SEES | {"e.gate_up": "mlp.experts.gate_up_proj", "e.down": "mlp.experts.down_proj", "e.transposed": ""},
        "qwen3vlmoe", GGUF_EXPERTS | {"rope.dimension_sections": [2, 1, 1, 0]}, False),
    "qwen 3 of experts that sees, of transformers 5": (
        {"query_key_norm": "heads", "expert_layers": (0, 1)},
        {"model_type": "qwen3_vl_moe", "text_config": EXPERTS | {
            "model_type": "qwen3_vl_moe_text", "rope_parameters": INTERLEAVED, "norm_topk_prob": True}},
        SEES | {"e.gate_up": "mlp.experts.gate_up_proj", "e.down": "mlp.experts.down_proj"}, None, {}, False),
    "minicpm": (
        {"embedding_scale": 12.0, "residual_scale": 1.4 / 2 ** 0.5, "logit_scale": 0.5},
        {"model_type": "minicpm", "scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 16}, {}, "minicpm",
        {"embedding_scale": 12.0, "residual_scale": 1.4 / 2 ** 0.5, "logit_scale": 2.0}, True),
    "deepseek of experts": (
        {"layers": 3, "expert_layers": (1, 2), "shared": 2 * EXPERT_FF, "normalize": False},
        EXPERTS | {"model_type": "deepseek", "n_routed_experts": 6, "n_shared_experts": 2, "first_k_dense_replace": 1,
                   "moe_layer_freq": 1, "norm_topk_prob": False, "scoring_func": "softmax"}, {}, "deepseek",
        GGUF_EXPERTS | {"expert_shared_count": 2, "leading_dense_block_count": 1, "expert_weights_scale": 1.0}, True),
    "exaone 3": (
        {}, {"model_type": "exaone", "layer_norm_epsilon": 1e-5, "rms_norm_eps": None, "num_layers": 2,
             "num_hidden_layers": None, "activation_function": "silu"},
        {"n1": "ln_1", "n2": "ln_2", "q": "attn.attention.q_proj", "k": "attn.attention.k_proj",
         "v": "attn.attention.v_proj", "o": "attn.attention.out_proj", "gate": "mlp.c_fc_0", "up": "mlp.c_fc_1",
         "down": "mlp.c_proj", "embed": "transformer.wte", "last": "transformer.ln_f", "layer": "transformer.h.{}."},
        "exaone", {}, False),
    "opt with norms of sums": (
        {"norm_kind": "layer", "norm_of_sum": True, "act": "relu", "gated": False, "rotary": 0, "kv_heads": 4,
         "positions": 2, "embedding_width": 16},
        {"model_type": "opt", "ffn_dim": FF, "activation_function": "relu", "do_layer_norm_before": False,
         "word_embed_proj_dim": 16, "num_key_value_heads": 4},
        {"n1": "self_attn_layer_norm", "n2": "final_layer_norm", "o": "self_attn.out_proj", "up": "fc1", "down": "fc2",
         "embed": "model.decoder.embed_tokens", "positions": "model.decoder.embed_positions",
         "project_in": "model.decoder.project_in", "project_out": "model.decoder.project_out",
         "layer": "model.decoder.layers.{}."}, None, {}, False),
    "jais 2": (
        {"norm_kind": "layer", "act": "relu2", "gated": False},
        {"model_type": "jais2", "hidden_act": "relu2", "layer_norm_eps": 1e-5}, {}, "jais2",
        {"attention.layer_norm_epsilon": 1e-5}, False),
}


class FamilyFiles(CliCase):
    def checkpoint(self, name, config, tensors):
        folder = self.path(name)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        write_safetensors(folder / "model.safetensors", tensors)
        return folder

    def gguf(self, name, architecture, layers, keys, tensors):
        model = TinyModel()
        model.metadata = {"general.architecture": architecture, f"{architecture}.block_count": layers} | {
            f"{architecture}.{key}": value for key, value in (GGUF_SIZES | keys).items()}
        model.tensors = tensors
        return self.path(f"{name}.gguf", model.file("f32"))

    def check(self, model, path):
        expected = model.logits(TOKENS)
        out = self.path("logits.npy")
        for chunk in (512, 4):
            self.hearth("logits", path, "--tokens", ",".join(map(str, TOKENS)), "--compute", "f32", "--chunk", chunk,
                        "--out", out)
            self.assert_close(np.load(out), expected, 1e-5)

    def test_checkpoints(self):
        for name, (options, config, names, *_) in FAMILIES.items():
            if config is None:
                continue
            with self.subTest(name):
                model = FamilyModel(**options)
                model.logits(TOKENS)
                sizes = SIZES | {"num_hidden_layers": model.layers}
                config = config | {"text_config": sizes | config["text_config"]} if "text_config" in config else (
                    sizes | config)
                self.check(model, self.checkpoint(name, config, laid_out(model, CHECKPOINT | names, False)))

    def test_gguf_files(self):
        for name, (options, _, _, architecture, keys, adjacent) in FAMILIES.items():
            if architecture is None:
                continue
            with self.subTest(name):
                model = FamilyModel(**options)
                model.logits(TOKENS)
                keys = dict(keys)
                names = GGUF | {"fuses": keys.pop("fuses", False)}
                tensors = laid_out(model, names, True, adjacent)
                self.check(model, self.gguf(name, architecture, model.layers, keys, tensors))

    def test_refusals(self):
        for name, changes, word in (
                ("laguna", {"moe_apply_router_weight_on_input": True}, "weighing what experts read"),
                ("laguna", {"moe_router_logit_softcapping": 30.0}, "moe_router_logit_softcapping"),
                ("laguna", {"gating": "none"}, "gating"), ("laguna", {"rope_parameters": None}, "rope_parameters"),
                ("laguna", {"num_attention_heads_per_layer": [4, 5, 6]}, "5 query heads"),
                ("mimo v2 flash", {"swa_v_head_dim": 8}, "swa_v_head_dim"),
                ("mimo v2 flash", {"v_head_dim": 16}, "values of size 16"),
                ("minimax text", {"mlp_alpha_factor": 0.0}, "mlp_alpha_factor"),
                ("minimax text", {"head_dim": 264}, "heads of 264")):
            options, config, names, *_ = FAMILIES[name]
            model = FamilyModel(**options)
            model.logits(TOKENS)
            config = SIZES | config | {"num_hidden_layers": model.layers} | changes
            folder = self.checkpoint(f"{name}, {word}", config, laid_out(model, CHECKPOINT | names, False))
            with self.subTest(word):
                self.refused("logits", folder, "--tokens", 1, "--out", self.path("none.npy"), words=[word])


if __name__ == "__main__":
    main()
