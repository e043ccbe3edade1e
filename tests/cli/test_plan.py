"""`hearth plan` and `hearth inspect`: what they say is what is in the file, and what a run then does."""
import re

from cli_case import CliCase, TinyModel, main


class Plan(CliCase):
    def test_a_run_allocates_what_was_planned(self):
        for architecture, matrix_format in (("llama", "f32"), ("llama", "q8_0"), ("qwen2", "q4_0"), ("gpt2", "bf16"),
                                            ("starcoder", "f16"), ("lfm2", "q8_0")):
            path = self.model(architecture, matrix_format)
            for options in (["--ctx", 100], ["--ctx", 33, "--chunk", 5], ["--ctx", 512, "--compute", "f32"],
                            ["--ctx", 90, "--attention", "steps"]):
                with self.subTest(f"{architecture} {matrix_format} {options}"):
                    memory = self.json("plan", path, *options)["memory"]
                    done = self.hearth("run", path, "--raw", "-p", "a", "-n", 20, "--ledger", *options)
                    allocated = re.search(rb"(\d+) allocations, (\d+) bytes allocated", done.stderr)
                    self.assertEqual([int(number) for number in allocated.groups()], [1, memory["total_bytes"]])
                    self.assertEqual(memory["total_bytes"], memory["weight_bytes"] + memory["kv_cache_bytes"] +
                                     memory["workspace_bytes"] + memory["sampling_bytes"] + memory["state_bytes"])
                    self.assertEqual(memory["state_bytes"] > 0, architecture == "lfm2")

    def test_operators(self):
        plan = self.json("plan", self.model("llama", "q8_0"))
        operators = {operator["operator"]: operator for operator in plan["operators"]}
        self.assertEqual((plan["device"], plan["context"]), ("cpu", 512))
        for operator in operators.values():
            self.assertTrue(operator["kernel"])
            self.assertEqual(operator["device"], "cpu")
        up = operators["blk.1.ffn_up"]
        self.assertEqual((up["format"], up["bytes_per_token"]), ("q8_0", 128 * 64 // 32 * 34))
        self.assertIn("int8", up["kernel"])
        f32 = {operator["operator"]: operator for operator in
               self.json("plan", self.model("llama", "q8_0"), "--compute", "f32")["operators"]}
        self.assertIn("f32", f32["blk.1.ffn_up"]["kernel"])

    def test_what_ran_is_what_was_planned(self):
        path = self.model("qwen3", "q4_0")
        for attention in ("fused", "steps"):
            with self.subTest(attention):
                options = ["--attention", attention]
                planned = {operator["kernel"] for operator in self.json("plan", path, *options)["operators"]}
                done = self.hearth("run", path, "--raw", "-p", "a", "-n", 3, "--ledger", *options)
                ran = set(re.findall(r"(?m)^ *\d+ x (\S+)$", done.stderr.decode()))
                self.assertEqual(ran, planned)
                operators = {kernel.split(".")[0] for kernel in ran}
                self.assertEqual("attention" in operators, attention == "fused")
                self.assertEqual("attention_scores" in operators, attention == "steps")

    def test_attention_in_steps_needs_memory_for_all_scores(self):
        path = self.model("llama")
        heads = self.json("inspect", path)["model"]["heads"]
        fused, steps = (self.json("plan", path, "--ctx", 512, "--chunk", 128, "--attention", attention)["memory"]
                        for attention in ("fused", "steps"))
        self.assertEqual(steps["workspace_bytes"] - fused["workspace_bytes"], 4 * heads * 128 * 512)

    def test_states(self):
        """Two of a layer's inputs for one sequence; a layer with attention has none, and no other model."""
        path = self.model("lfm2", "q8_0")
        self.assertEqual(self.json("inspect", path)["model"]["state_floats"], [2 * 64, 0])
        self.assertEqual(self.json("inspect", path)["model"]["kv_heads"], [0, 2])
        memory = self.json("plan", path)["memory"]
        self.assertEqual(memory["state_bytes"], 2 * 64 * 4)
        self.assertRegex(self.hearth("plan", path).stdout.decode(), r"states of recurrent layers +512\n")
        self.assertNotIn("states", self.hearth("plan", self.model("llama")).stdout.decode())

    def test_experts_on_the_host_are_for_gpus(self):
        for verb in (["plan"], ["run", "--raw", "-p", "a"], ["logits", "--tokens", "1", "--out", self.path("l.npy")],
                     ["bench"]):
            with self.subTest(verb[0]):
                self.refused(verb[0], self.model("llama"), *verb[1:], "--device", "cpu", "--experts", "host",
                             words=("cpu computes in the host's memory", "--experts host"))
        memory = self.json("plan", self.model("llama"), "--experts", "device")["memory"]
        self.assertEqual((memory["host_weight_bytes"], memory["expert_slot_bytes"]), (0, 0))

    def test_for_readers(self):
        path = self.model("llama", "q8_0")
        printed = self.hearth("plan", path, "--ctx", 64).stdout.decode()
        plan = self.json("plan", path, "--ctx", 64)
        self.assertRegex(printed, rf"allocated in all +{plan['memory']['total_bytes']}\n")
        for operator in plan["operators"]:
            self.assertIn(f"{operator['operator']} ", printed)


class Inspect(CliCase):
    def test_json(self):
        tiny = TinyModel("starcoder")
        result = self.json("inspect", self.model("starcoder", "q4_0"), "--tensors")
        self.assertEqual(result["model"], {"architecture": "starcoder", "layers": 2, "width": 64, "heads": 4,
                                           "kv_heads": 1, "head_dim": 16, "ff_width": 128, "context": 512})
        self.assertEqual(result["tokenizer"]["tokens"], len(tiny.tokens))
        self.assertEqual((result["tokenizer"]["bos"], result["tokenizer"]["adds_bos"]), (tiny.first_control, True))
        tensors = {tensor["name"]: tensor for tensor in result["tensors"]}
        self.assertEqual({name: tensor["shape"] for name, tensor in tensors.items()},
                         {name: list(values.shape) for name, values in tiny.tensors.items()})
        matrices = [values.size for values in tiny.tensors.values() if values.ndim == 2]
        vectors = [values.size for values in tiny.tensors.values() if values.ndim == 1]
        self.assertEqual(result["formats"], {
            "q4_0": {"tensors": len(matrices), "elements": sum(matrices), "bytes": sum(matrices) // 32 * 18},
            "f32": {"tensors": len(vectors), "elements": sum(vectors), "bytes": sum(vectors) * 4}})
        self.assertEqual(result["metadata"].keys(), tiny.metadata.keys())

    def test_for_readers(self):
        printed = self.hearth("inspect", self.model("llama", "q8_0")).stdout.decode()
        for line in ("architecture: llama", "layers: 2", "general.name: tiny random model"):
            self.assertRegex(printed, rf"(?m)^ +{line}$")
        self.assertNotIn("blk.0", printed)
        printed = self.hearth("inspect", self.model("llama", "q8_0"), "--tensors").stdout.decode()
        self.assertRegex(printed, r"(?m)^ +blk\.1\.ffn_up\.weight +q8_0 +\[128, 64\] 8704 bytes$")


if __name__ == "__main__":
    main()
