"""hearth verify: a compute mode, or another device, against the CPU's float32."""
from cli_case import CliCase, main


class Verify(CliCase):
    def test_float32_is_itself(self):
        result = self.json("verify", self.model("qwen2"), "--device", "cpu", "--compute", "f32", "-n", "8")
        self.assertTrue(result["agrees"])
        self.assertEqual(result["stages"][0]["stage"], "embedding")
        self.assertEqual(result["stages"][-1]["stage"], "logits")
        for stage in result["stages"]:
            self.assertEqual(stage["relative_l2"], 0)

    def test_bf16_differs_a_little(self):
        result = self.json("verify", self.model(), "--device", "cpu", "--compute", "bf16", "--tokens", "1,2,3,4,5")
        self.assertEqual(result["tokens"], 5)
        self.assertTrue(0 < result["stages"][-1]["relative_l2"] < 0.03)
        self.assertTrue(result["agrees"])

    def test_attention_in_steps_is_the_fused_kernel(self):
        for architecture in ("llama", "starcoder"):
            result = self.json("verify", self.model(architecture), "--device", "cpu", "--compute", "f32",
                               "--attention", "steps", "-n", "40")
            self.assertEqual(result["device"], "cpu (f32, attention in steps)")
            self.assertEqual(result["stages"][0]["relative_l2"], 0)
            self.assertTrue(0 < result["stages"][-1]["relative_l2"] < 1e-5)

    def test_a_device_that_is_not_there(self):
        self.refused("verify", self.model(), "--device", "cuda:7", words=["cuda:7"])


if __name__ == "__main__":
    main()
