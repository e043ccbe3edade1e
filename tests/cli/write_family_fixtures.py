"""Writes tests/data/hf/laguna, mimo_v2_flash and minimax: tiny checkpoints of random weights, their logits for a
prompt, and what greedy decoding adds, all by the formulas of family_formulas.py in double precision."""
import json

import numpy as np

from cli_case import ROOT
from family_formulas import CHECKPOINT, CONTEXT, VOCABULARY, FamilyModel, laid_out
from safetensors_file import write_safetensors
from test_family_files import FAMILIES, SIZES

FIXTURES = {"laguna": "laguna", "mimo_v2_flash": "mimo v2 flash", "minimax": "minimax text"}


def write(folder, options, config, names):
    model = FamilyModel(**options)
    prompt = np.random.default_rng(7).integers(0, VOCABULARY, 40).tolist()
    logits, tokens = model.logits(prompt), list(prompt)
    while len(tokens) < CONTEXT:
        tokens.append(int(model.logits(tokens)[-1].argmax()))
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(SIZES | {"num_hidden_layers": model.layers} | config))
    write_safetensors(folder / "model.safetensors", laid_out(model, CHECKPOINT | names, False))
    np.save(folder / "logits.npy", logits.astype("<f4"))
    (folder / "tokens.json").write_text(json.dumps({"prompt": prompt, "greedy": tokens[len(prompt):]}))


if __name__ == "__main__":
    for name, family in FIXTURES.items():
        options, config, names, *_ = FAMILIES[family]
        write(ROOT / "tests/data/hf" / name, options, config, names)
