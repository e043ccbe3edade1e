"""Gemma 3n and 4 against their formulas in double precision (gemma_reference.py), in the forms that no fixture has;
whole, in chunks and token by token the same bytes; from folders and from GGUF files."""
import statistics

from cli_case import CliCase, TinyModel, main

import gemma_reference as reference

TOKENS = [3, 17, 44, 8, 8, 25, 0, 31, 12, 46, 5, 29, 30, 7, 19, 2, 41]
EXPERTS = {"enable_moe_block": True, "num_experts": 5, "top_k_experts": 2, "moe_intermediate_size": 24}


class Gemma(CliCase):
    def check(self, path, expected, error_max=1e-5):
        values, data = self.logits(path, TOKENS, "--compute", "f32")
        self.assert_close(values, expected, error_max)
        for chunk in (1, 6):
            self.assertEqual(self.logits(path, TOKENS, "--compute", "f32", "--chunk", chunk)[1], data, chunk)

    def check_folder(self, build, seed=1, **changes):
        model, expected = build(TOKENS, seed, **changes)
        self.check(model.folder(self.folder / build.__name__), expected)

    def check_gguf(self, model, expected, **changes):
        file = TinyModel()
        file.metadata, file.tensors = reference.gguf_metadata(model, **changes), reference.gguf_tensors(model)
        file.write(self.path("gemma.gguf"))
        self.check(self.path("gemma.gguf"), expected)

    def test_gemma4(self):
        self.check_folder(reference.gemma4)
        self.check_folder(reference.gemma4, seed=2, num_kv_shared_layers=2, use_double_wide_mlp=True,
                          final_logit_softcapping=None)
        self.check_folder(reference.gemma4, seed=3, attention_k_eq_v=True, num_global_key_value_heads=2,
                          hidden_size_per_layer_input=None)
        self.check_folder(reference.gemma4, seed=4, hidden_size_per_layer_input=0, **EXPERTS)
        self.check_folder(reference.gemma4, seed=5, vocab_size_per_layer_input=30, **EXPERTS)

    def test_gemma4_with_sizes_by_layer(self):
        model, expected = reference.gemma4(TOKENS, 6, global_head_dim=16)
        del model.config["global_head_dim"], model.config["num_global_key_value_heads"]
        model.config["per_layer_config"] = {"full_attention": {"head_dim": 16}, "4": {"num_key_value_heads": 3}}
        self.check(model.folder(self.folder / "by-layer"), expected)
        del model.config["per_layer_config"]
        self.check(model.folder(self.folder / "by-layer"), expected)
        model.config["per_layer_config"] = {"full_attention": {"head_dim": 16}}
        model.config["per_layer_config"]["1"] = {"sliding_window": 3}
        self.refused("plan", model.folder(self.folder / "by-layer"), words=["per_layer_config", "sliding_window"])

    def test_gemma4_in_gguf(self):
        self.check_gguf(*reference.gemma4(TOKENS, 7))
        changes = {"num_kv_shared_layers": 2, "use_double_wide_mlp": True}
        self.check_gguf(*reference.gemma4(TOKENS, 8, **changes), feed_forward_length=[56, 56, 56, 112, 112])
        model, expected = reference.gemma4(TOKENS, 9, attention_k_eq_v=True, num_global_key_value_heads=2,
                                           hidden_size_per_layer_input=None, **EXPERTS)
        self.check_gguf(model, expected, **{"attention.head_count_kv": [3, 2, 3, 3, 2], "expert_count": 5,
                                            "expert_used_count": 2, "expert_feed_forward_length": 24})

    def test_gemma3n(self):
        self.check_folder(reference.gemma3n)
        self.check_folder(reference.gemma3n, seed=2, altup_active_idx=2, altup_num_inputs=3, altup_correct_scale=False,
                          num_kv_shared_layers=0)
        self.check_folder(reference.gemma3n, seed=3, altup_coef_clip=0.1, vocab_size_per_layer_input=48,
                          activation_sparsity_pattern=[0.0] * 5)

    def test_gemma3n_in_gguf(self):
        model, expected = reference.gemma3n(TOKENS, 4, in_gguf=True, altup_coef_clip=None,
                                            vocab_size_per_layer_input=48)
        scales = [statistics.NormalDist().inv_cdf(share) if share > 0 else float("-inf")
                  for share in model.config["activation_sparsity_pattern"]]
        self.check_gguf(model, expected, **{"altup.num_inputs": 4, "altup.active_idx": 0,
                                            "activation_sparsity_scale": scales})
        model, expected = reference.gemma3n(TOKENS, 5, in_gguf=True, altup_coef_clip=None, num_kv_shared_layers=0,
                                            activation_sparsity_pattern=[0.95] * 5, vocab_size_per_layer_input=48)
        self.check_gguf(model, expected)


if __name__ == "__main__":
    main()
