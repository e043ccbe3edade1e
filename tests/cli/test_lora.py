"""`hearth convert --lora` and `quantize --lora`: weights with an adapter merged into them, as numpy merges it."""
import json
import shutil

import numpy as np

from cli_case import ROOT, CliCase, TinyModel, main
from gguf_file import read_gguf
from safetensors_file import read_safetensors, write_safetensors

FOLDERS = ROOT / "tests" / "data" / "hf"
RANK, ALPHA = 3, 7.0


class Lora(CliCase):
    def adapter(self, weights, transposed=False, settings=None, **extra):
        """A PEFT folder for {tensor's name: its array}, and what it adds to each."""
        random = np.random.default_rng(3)
        settings = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none", "modules_to_save": None,
                    "fan_in_fan_out": transposed, "target_modules": ["q_proj"]} | (settings or {})
        scale = ALPHA / (np.sqrt(RANK) if settings.get("use_rslora") else RANK)
        tensors, added = {}, {}
        for name, array in weights.items():
            out, columns = array.shape[::-1] if transposed else array.shape
            a, b = (random.normal(0, 0.2, shape).astype(np.float32) for shape in ((RANK, columns), (out, RANK)))
            module = "base_model.model." + name.removesuffix(".weight")
            tensors |= {f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}
            product = scale * (b.astype(np.float64) @ a.astype(np.float64))
            added[name] = product.T if transposed else product
        folder = self.folder / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps(settings))
        write_safetensors(folder / "adapter_model.safetensors", tensors | extra)
        return folder, added

    def check(self, name, targets, **options):
        """A folder converted with an adapter is the folder of merged weights converted."""
        weights = read_safetensors(FOLDERS / name / "model.safetensors")
        chosen = {key: value for key, value in weights.items() if any(key.endswith(target) for target in targets)}
        self.assertGreaterEqual(len(chosen), len(targets))
        adapter, added = self.adapter(chosen, **options)
        merged = self.folder / name
        merged.mkdir(exist_ok=True)
        shutil.copy(FOLDERS / name / "config.json", merged)
        write_safetensors(merged / "model.safetensors", {
            key: (value + added[key]).astype(np.float32) if key in added else value for key, value in weights.items()})
        ours, expected = self.path("ours.gguf"), self.path("expected.gguf")
        self.hearth("convert", FOLDERS / name, ours, "--type", "F32", "--lora", adapter)
        self.hearth("convert", merged, expected, "--type", "F32")
        (_, tensors), (_, wanted) = read_gguf(ours), read_gguf(expected)
        plain = self.path("plain.gguf")
        self.hearth("convert", FOLDERS / name, plain, "--type", "F32")
        self.assertEqual(list(tensors), list(wanted))
        changed = 0
        for key, value in read_gguf(plain)[1].items():
            np.testing.assert_allclose(tensors[key], wanted[key], rtol=1e-6, atol=1e-7, err_msg=key)
            changed += not np.array_equal(tensors[key], value)
        self.assertGreater(changed, 0)
        return changed

    def test_folders(self):
        """Rows that conversion puts in another order, matrices that stand transposed, and single experts."""
        layers = 3
        self.assertEqual(self.check("llama3-rope", ["q_proj.weight", "v_proj.weight", "down_proj.weight"]), 3 * layers)
        self.check("llama3-rope", ["k_proj.weight"], settings={"use_rslora": True})
        self.check("gpt2", ["h.0.attn.c_attn.weight", "h.1.mlp.c_proj.weight"], transposed=True)

    def test_quantized_at_once(self):
        weights = read_safetensors(FOLDERS / "llama3-rope" / "model.safetensors")
        adapter, _ = self.adapter({key: value for key, value in weights.items() if key.endswith("o_proj.weight")})
        plain, twice, once = (self.path(name) for name in ("plain.gguf", "twice.gguf", "once.gguf"))
        self.hearth("convert", FOLDERS / "llama3-rope", plain, "--type", "F32", "--lora", adapter)
        self.hearth("quantize", plain, twice, "--type", "Q8_0")
        self.hearth("convert", FOLDERS / "llama3-rope", once, "--type", "Q8_0", "--lora", adapter)
        self.assertEqual(once.read_bytes(), twice.read_bytes())

    def gguf_adapter(self, shapes, alpha, **metadata):
        model, random = TinyModel(), np.random.default_rng(4)
        model.metadata = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora",
                          "adapter.lora.alpha": alpha} | metadata
        model.tensors = {}
        for name, (rows, columns) in shapes.items():
            model.tensors[f"{name}.lora_a"] = random.normal(0, 0.2, (RANK, columns)).astype(np.float32)
            model.tensors[f"{name}.lora_b"] = random.normal(0, 0.2, (rows, RANK)).astype(np.float32)
        return self.path("adapter.gguf", model.file("f32")), model.tensors

    def test_files_of_llama_cpp(self):
        tiny, out = TinyModel(), self.path("merged.gguf")
        names = ["blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output.weight"]
        for alpha in (ALPHA, 0.0):
            adapter, parts = self.gguf_adapter({name: tiny.tensors[name].shape for name in names}, alpha)
            self.hearth("quantize", self.model(), out, "--type", "F32", "--lora", adapter)
            for name, value in read_gguf(out)[1].items():
                expected = tiny.tensors[name].astype(np.float64)
                if name in names:
                    scale = alpha / RANK if alpha else 1
                    expected += scale * (parts[f"{name}.lora_b"].astype(np.float64) @ parts[f"{name}.lora_a"])
                np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7, err_msg=name)

    def test_what_is_refused_is_named(self):
        folder, out = FOLDERS / "llama3-rope", self.path("refused.gguf")
        name = "model.layers.0.self_attn.q_proj.weight"
        weights = read_safetensors(folder / "model.safetensors")
        convert = ("convert", folder, out, "--lora")
        for settings, words in (({"modules_to_save": ["lm_head"]}, ["modules_to_save", "lm_head"]),
                                ({"use_dora": True}, ["use_dora"]), ({"bias": "all"}, ["bias", "all"]),
                                ({"peft_type": "IA3"}, ["IA3"]), ({"alpha_pattern": {"q": 2}}, ["alpha_pattern"])):
            adapter, _ = self.adapter({name: weights[name]}, settings=settings)
            self.refused(*convert, adapter, words=[adapter, *words])
        adapter, _ = self.adapter({name: weights[name]}, **{"base_model.model.lm_head.weight": np.ones(3, np.float32)})
        self.refused(*convert, adapter, words=["lm_head"])
        adapter, _ = self.adapter({name.replace("0", "9"): weights[name]})
        self.refused(*convert, adapter, words=["another model", "layers.9"])
        adapter, _ = self.adapter({name: weights[name][:5]})
        self.refused(*convert, adapter, words=[name, "[5, 64]"])
        self.refused("quantize", self.model(), out, "--type", "F32", "--lora", adapter, words=["hearth convert"])
        self.refused(*convert, self.model(), words=["no LoRA adapter"])
        other, _ = self.gguf_adapter({"blk.0.attn_q.weight": (64, 64)}, 1.0, **{"general.architecture": "qwen2"})
        self.refused("quantize", self.model(), out, "--type", "F32", "--lora", other, words=["qwen2", "llama"])
        self.assertFalse(out.exists())


if __name__ == "__main__":
    main()
