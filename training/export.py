#!/usr/bin/env python3
"""Writes trained weights as a GGUF file (q8_0) or as a Hugging Face folder (float32).

    export.py gguf OUT.gguf --weights PART.safetensors ... --tokenizer FOLDER
    export.py folder OUT --weights PART.safetensors ... --tokenizer FOLDER
    export.py folder OUT --from-gguf FILE.gguf --tokenizer FOLDER      the values that the q8_0 file holds

`--sizes` names a JSON file of the sizes if they are not those of the real model.
"""
import argparse
import dataclasses
import json
import os
import shutil

import gguf_file
import safetensors_file
import tokenizer
from model import Sizes, StoryModel

NAME = "Hearth Tales 9M"


def special_kinds():
    """GGUF's token types of the last tokens: 3 control, 4 user-defined (visible text), 5 unused."""
    return [4 if text in tokenizer.NOT_SPECIAL else 5 if "reserved" in text else 3 for text in tokenizer.SPECIAL]


def chat_template(tokenizer_folder):
    with open(os.path.join(tokenizer_folder, "tokenizer_config.json"), encoding="utf-8") as file:
        return json.load(file)["chat_template"]


def write_gguf(path, tensors, sizes, tokenizer_folder):
    encoder = tokenizer.Tokenizer.load(tokenizer_folder)
    gguf_file.write(path, tensors, sizes, NAME, encoder, special_kinds(), chat_template(tokenizer_folder))


def config(sizes):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": sizes.vocabulary,
            "hidden_size": sizes.width, "intermediate_size": sizes.feed_forward, "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads, "num_key_value_heads": sizes.kv_heads, "head_dim": sizes.head_dim,
            "max_position_embeddings": sizes.context, "rms_norm_eps": sizes.norm_epsilon,
            "rope_theta": sizes.rope_theta,
            "rope_scaling": None, "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0,
            "mlp_bias": False, "tie_word_embeddings": True, "initializer_range": 0.02, "torch_dtype": "float32",
            "bos_token_id": tokenizer.BOS, "eos_token_id": tokenizer.IM_END, "pad_token_id": tokenizer.BOS,
            "use_cache": True}


def write_folder(path, tensors, sizes, tokenizer_folder):
    os.makedirs(path, exist_ok=True)
    generation = {"bos_token_id": tokenizer.BOS, "eos_token_id": [tokenizer.IM_END, tokenizer.BOS],
                  "pad_token_id": tokenizer.BOS, "do_sample": True, "temperature": 0.8}
    for name, content in (("config.json", config(sizes)), ("generation_config.json", generation)):
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(os.path.join(tokenizer_folder, name), os.path.join(path, name))
    safetensors_file.write(os.path.join(path, "model.safetensors"), tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("form", choices=("gguf", "folder"))
    parser.add_argument("out")
    parser.add_argument("--weights", nargs="+", help="safetensors files that together hold the model")
    parser.add_argument("--from-gguf")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--sizes")
    options = parser.parse_args()
    sizes = Sizes()
    if options.sizes:
        with open(options.sizes, encoding="utf-8") as file:
            sizes = dataclasses.replace(sizes, **json.load(file))
    if options.from_gguf:
        tensors = gguf_file.read(options.from_gguf, sizes, list(StoryModel(sizes).state_dict()))
    else:
        tensors = {name: values for path in options.weights for name, values in safetensors_file.read(path).items()}
    write = write_gguf if options.form == "gguf" else write_folder
    write(options.out, tensors, sizes, options.tokenizer)


if __name__ == "__main__":
    main()
