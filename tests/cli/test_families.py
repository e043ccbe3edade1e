"""Families that no independent fixture covers, and forms of others that theirs have not: tiny checkpoints of random
weights in each family's own layout, against one plain forward pass in double precision."""
import json
import math
import struct

import numpy as np

from cli_case import main
from family_model import (BLOOM, BLOOM_ENDS, CONTEXT, FF, GGUF, LAYERS, MPNET, MPNET_ENDS, MPT, MPT_ENDS, VOCABULARY,
                          WIDTH, FamilyCase, Model, alibi_slopes, word_pieces)

TOKENS = np.random.default_rng(3).integers(0, VOCABULARY, 21).tolist()

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
    "bloom, added to its norms": (
        {"model_type": "bloom", "hidden_size": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_embed": WIDTH, "n_inner": FF,
         "apply_residual_connection_post_layernorm": True}, BLOOM, BLOOM_ENDS,
        {"slopes": alibi_slopes(4), "embedding_norm": True, "norms_bias": True, "bias": True, "act": "gelu_new",
         "rotary": 0, "adds_to_norm": True}),
    "gpt-neo": (
        {"model_type": "gpt_neo", "num_layers": LAYERS, "num_heads": 4, "activation_function": "gelu_new",
         "attention_types": [[["global", "local"], LAYERS // 2]], "window_size": 6, "num_attention_heads": None,
         "num_hidden_layers": None},
        {"n1": "ln_1", "n2": "ln_2", "q": "attn.attention.q_proj", "k": "attn.attention.k_proj",
         "v": "attn.attention.v_proj", "o": "attn.attention.out_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"},
        {"embed": "transformer.wte", "positions": "transformer.wpe", "last": "transformer.ln_f", "head": "lm_head",
         "layer": "transformer.h"},
        {"norms_bias": True, "bias": True, "act": "gelu_new", "rotary": 0, "positions": 0, "scale": 1.0,
         "windows": {1: 6}}),
    "mpt with scaled logits": (
        {"model_type": "mpt", "d_model": WIDTH, "n_layers": LAYERS, "n_heads": 4, "expansion_ratio": 1.5,
         "max_seq_len": CONTEXT, "logit_scale": 0.5, "attn_config": {"alibi": True, "softmax_scale": 0.25}}, MPT,
        MPT_ENDS,
        {"slopes": alibi_slopes(4), "scale": 0.25, "act": "gelu", "rotary": 0, "qkv_in_order": True,
         "logit_scale": 0.5}),
    "the text part of one that sees": (
        {"model_type": "llava", "text_config": {"model_type": "llama", "rms_norm_eps": 1e-5}}, LLAMA,
        {"embed": "language_model.model.embed_tokens", "last": "language_model.model.norm",
         "head": "language_model.lm_head", "layer": "language_model.model.layers"}, {"rms": True, "gated": True}),
}

# As DECODERS, and GGUF's architecture and settings beside the sizes.
ALIBI = {
    "bloom": (
        {"model_type": "bloom", "n_embed": 24, "n_layer": LAYERS, "num_attention_heads": 3, "n_inner": FF,
         "seq_length": CONTEXT, "offset_alibi": 100, "attention_softmax_in_fp32": True}, BLOOM, BLOOM_ENDS,
        {"width": 24, "heads": 3, "kv_heads": 3, "slopes": alibi_slopes(3), "embedding_norm": True, "norms_bias": True,
         "bias": True, "act": "gelu_new", "rotary": 0}, "bloom", {}),
    "bloom of two heads": (
        {"model_type": "bloom", "hidden_size": WIDTH, "n_layer": LAYERS, "n_head": 2, "n_embed": WIDTH, "n_inner": FF},
        BLOOM, BLOOM_ENDS,
        {"heads": 2, "kv_heads": 2, "slopes": alibi_slopes(2), "embedding_norm": True, "norms_bias": True, "bias": True,
         "act": "gelu_new", "rotary": 0}, "bloom", {}),
    "mpt": (
        {"model_type": "mpt", "d_model": 48, "n_layers": LAYERS, "n_heads": 6, "expansion_ratio": 1,
         "max_seq_len": CONTEXT, "no_bias": True, "norm_type": "low_precision_layernorm",
         "attn_config": {"alibi": True, "alibi_bias_max": 12, "clip_qkv": 0.7, "attn_impl": "triton",
                         "prefix_lm": False, "softmax_scale": None, "qk_ln": False,
                         "attn_type": "multihead_attention"}}, MPT, MPT_ENDS,
        {"width": 48, "heads": 6, "kv_heads": 6, "slopes": alibi_slopes(6, 12), "limit": 0.7, "act": "gelu",
         "rotary": 0, "qkv_in_order": True}, "mpt", {"attention.max_alibi_bias": 12.0, "attention.clamp_kqv": 0.7}),
    "mpt with shared keys and norms of whole rows": (
        {"model_type": "mpt", "d_model": WIDTH, "n_layers": LAYERS, "n_heads": 4, "expansion_ratio": 1.5,
         "max_seq_len": CONTEXT, "attn_config": {"alibi": True, "kv_n_heads": 2, "qk_ln": True, "clip_qkv": None}}, MPT,
        MPT_ENDS,
        {"kv_heads": 2, "slopes": alibi_slopes(4), "whole_rows": True, "bias": True, "norms_bias": True, "act": "gelu",
         "rotary": 0, "qkv_in_order": True}, "mpt", {"attention.max_alibi_bias": 8.0}),
    "mpt with learned positions": (
        {"model_type": "mpt", "d_model": WIDTH, "n_layers": LAYERS, "n_heads": 4, "expansion_ratio": 1.5,
         "max_seq_len": CONTEXT, "attn_config": {"alibi": False}}, MPT, MPT_ENDS,
        {"positions": 0, "act": "gelu", "rotary": 0, "qkv_in_order": True}, "mpt",
        {"attention.max_alibi_bias": 0.0}),
    "falcon-rw": (
        {"model_type": "falcon", "hidden_size": 24, "num_attention_heads": 3, "ffn_hidden_size": FF, "alibi": True,
         "bias": True, "multi_query": False, "parallel_attn": False}, FALCON, FALCON_ENDS,
        {"width": 24, "heads": 3, "kv_heads": 3, "slopes": [s / math.sqrt(8) for s in alibi_slopes(3)], "rotary": 0,
         "norms_bias": True, "bias": True, "act": "gelu"}, "falcon",
        {"attention.max_alibi_bias": 8.0, "use_parallel_residual": False}),
}

ELECTRA_ENDS = {"embed": "electra.embeddings.word_embeddings", "positions": "electra.embeddings.position_embeddings",
                "types": "electra.embeddings.token_type_embeddings", "embed_norm": "electra.embeddings.LayerNorm",
                "layer": "electra.encoder.layer"}
ENCODER = {"sees_all": True, "norm_of_sum": True, "embedding_norm": True, "norms_bias": True, "eps": 1e-12}
JINA3 = ENCODER | {"bias": True, "act": "gelu", "rope_base": 20000.0, "types": True, "qkv_in_order": True}
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
    "electra": (
        {"model_type": "electra", "embedding_size": 16}, BERT, ELECTRA_ENDS | {"project": "electra.embeddings_project"},
        ENCODER | {"bias": True, "act": "gelu", "rotary": 0, "positions": 0, "types": True, "embedding_width": 16}),
    "electra of one width": (
        {"model_type": "electra", "embedding_size": WIDTH}, BERT, ELECTRA_ENDS,
        ENCODER | {"bias": True, "act": "gelu", "rotary": 0, "positions": 0, "types": True}),
    "albert": (
        {"model_type": "albert", "embedding_size": 16, "num_hidden_groups": 1, "inner_group_num": 1},
        {"n1": "attention.LayerNorm", "n2": "full_layer_layer_norm", "q": "attention.query", "k": "attention.key",
         "v": "attention.value", "o": "attention.dense", "up": "ffn", "down": "ffn_output"},
        {key: name.replace("electra", "albert") for key, name in ELECTRA_ENDS.items()} | {
            "project": "albert.encoder.embedding_hidden_mapping_in",
            "layer": "albert.encoder.albert_layer_groups.0.albert_layers"},
        ENCODER | {"bias": True, "act": "gelu_new", "rotary": 0, "positions": 0, "types": True, "embedding_width": 16,
                   "shared_layers": True}),
    "mpnet": (
        {"model_type": "mpnet", "relative_attention_num_buckets": 32, "pad_token_id": 0,
         "max_position_embeddings": CONTEXT + 2}, MPNET, MPNET_ENDS,
        ENCODER | {"bias": True, "act": "gelu", "rotary": 0, "positions": 2, "buckets": True}),
    "jina-bert 2": (
        {"model_type": "bert", "position_embedding_type": "alibi", "feed_forward_type": "geglu"},
        BERT | {"gate_up": "mlp.gated_layers", "down": "mlp.wo", "n2": "mlp.layernorm"},
        {"embed": "embeddings.word_embeddings", "types": "embeddings.token_type_embeddings",
         "embed_norm": "embeddings.LayerNorm", "layer": "encoder.layer"},
        ENCODER | {"bias": True, "act": "gelu", "rotary": 0, "types": True, "slopes": alibi_slopes(4), "gated": True,
                   "gate_bias": False}),
    "jina's third embeddings": (
        {"model_type": "jina_embeddings_v3", "position_embedding_type": "rotary", "layer_norm_eps": 1e-12,
         "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}, "lora_rank": 4},
        {"n1": "norm1", "n2": "norm2", "qkv": "mixer.Wqkv", "o": "mixer.out_proj", "up": "mlp.fc1", "down": "mlp.fc2"},
        {"embed": "roberta.embeddings.word_embeddings", "types": "roberta.embeddings.token_type_embeddings",
         "embed_norm": "roberta.emb_ln", "layer": "roberta.encoder.layers"}, JINA3),
    "nomic-bert as transformers writes it": (
        {"model_type": "nomic_bert", "hidden_act": "silu", "head_dim": 8,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}},
        {"n1": "norm1", "n2": "norm2", "qkv": "attn.Wqkv", "o": "attn.out_proj", "gate": "mlp.fc12", "up": "mlp.fc11",
         "down": "mlp.fc2"},
        {"embed": "embeddings.word_embeddings", "types": "embeddings.token_type_embeddings", "embed_norm": "emb_ln",
         "layer": "encoder.layers"},
        ENCODER | {"gated": True, "act": "silu", "rope_base": 1000.0, "types": True, "qkv_in_order": True}),
    "eurobert": (
        {"model_type": "eurobert", "rms_norm_eps": 1e-5}, LLAMA, LLAMA_ENDS,
        {"rms": True, "gated": True, "sees_all": True}),
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


class Families(FamilyCase):
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

    def test_biases_by_distance(self):
        """From both kinds of files, fused and in steps."""
        for name, (config, names, ends, options, architecture, settings) in ALIBI.items():
            model = Model(**options)
            expected = model.logits(TOKENS)
            for path in (self.write(config, names, ends, model), self.write_gguf(architecture, settings, model)):
                with self.subTest(name, path=path.name):
                    whole = None
                    for chunk in (512, 4, 1):
                        values, data = self.logits(path, TOKENS, "--chunk", chunk)
                        self.assert_close(values, expected, 1e-5)
                        self.assertEqual(data, whole or data)
                        whole = data
                    self.assert_close(self.logits(path, TOKENS, "--attention", "steps")[0], expected, 1e-5)
                    self.assert_close(self.logits(path, TOKENS, "--compute", "bf16")[0], expected, 3e-2)

    def test_what_mpt_has_and_is_not_known(self):
        config, names, ends, options, *_ = ALIBI["mpt"]
        model = Model(**options)
        model.logits(TOKENS)
        for changes, word in (({"prefix_lm": True}, "prefix_lm"), ({"rope": True}, "rope"),
                              ({"clip_qkv": "8"}, "clip_qkv"), ({"qk_ln": 1}, "qk_ln"),
                              ({"sliding_window_size": 9}, "sliding_window_size"),
                              ({"kv_n_heads": 5}, "5 key/value heads"),
                              ({"kv_n_heads": 1e300}, "kv_n_heads"), ({"softmax_scale": 0}, "softmax_scale")):
            changed = config | {"attn_config": config["attn_config"] | changes}
            self.refused("logits", self.write(changed, names, ends, model), "--tokens", 1, "--out", self.path("no.npy"),
                         words=[word])

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

    def test_encoders_of_gguf(self):
        names = GGUF | {"n1": "attn_output_norm", "n2": "layer_output_norm"}
        for architecture, settings, options in (
                ("nomic-bert-moe", {"moe_every_n_layers": 2, "expert_count": 6, "expert_used_count": 2,
                                    "rope.freq_base": 10000.0},
                 ENCODER | {"bias": True, "act": "gelu", "types": True, "experts": 6}),
                ("jina-bert-v3", {"rope.freq_base": 20000.0}, JINA3)):
            with self.subTest(architecture):
                model = Model(**options)
                expected = model.states(TOKENS)
                path = self.write_gguf(architecture, {"attention.causal": False} | settings, model, names=names)
                out = self.path("states.npy")
                self.hearth("embed", path, "--tokens", ",".join(map(str, TOKENS)), "--compute", "f32", "--pooling",
                            "none", "--out", out)
                self.assert_close(np.load(out), expected, 1e-5)

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
