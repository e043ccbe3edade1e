"""Scores on the held-out set, a fixture of logits, and sampled stories.

An item is right if the greedy answer is the expected one to the last token, <|im_end|> included. That is decided with
one forward pass over prompt and expected answer: greedy decoding gives the answer if and only if every token of it is
the likeliest one after those before it.
"""
import base64
import collections
import copy
import json

import numpy as np
import torch
import torch.nn.functional as F

import chat_format
import tokenizer

STORY_REQUESTS = (
    "Tell me a story.", "Tell me a story about a fox named Tilo who loses a lantern.",
    "Please tell me a story about a dragon.",
    "Tell me a bedtime story.", "Tell me a story about a girl named Mila who wants to swim.", "Write a short story.",
    "Tell me a story about Bruno the bear and Nia the owl.", "Tell me a story about a boy who is afraid of the dark.",
    "Can you tell me a story about a mouse?", "Tell me a story about a wish.")


def load_items(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def encode_item(encoder, item):
    """(ids of the prompt, ids of the answer with its end)"""
    prompt = chat_format.render(item["messages"], item.get("tools"), add_generation_prompt=True)
    return [tokenizer.BOS] + encoder.encode(prompt), encoder.encode(item["expected"]) + [tokenizer.IM_END]


@torch.no_grad()
def score(model, encoder, items, device, rows=64):
    """{task: {"count", "accuracy" (percent), "loss" (nats per token of the answer)}}; padded on the right."""
    encoded = sorted(((item["task"], *encode_item(encoder, item)) for item in items),
                     key=lambda e: len(e[1]) + len(e[2]))
    right, count = collections.Counter(), collections.Counter()
    loss, tokens = collections.Counter(), collections.Counter()
    for first in range(0, len(encoded), rows):
        batch = encoded[first:first + rows]
        width = max(len(prompt) + len(answer) for _, prompt, answer in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        for row, (_, prompt, answer) in enumerate(batch):
            ids[row, :len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        logits = model(ids.to(device))
        for row, (task, prompt, answer) in enumerate(batch):
            wanted = torch.tensor(answer, device=device)
            given = logits[row, len(prompt) - 1:len(prompt) - 1 + len(answer)].float()
            loss[task] += float(F.cross_entropy(given, wanted, reduction="sum"))
            tokens[task] += len(answer)
            right[task] += bool((given.argmax(1) == wanted).all())
            count[task] += 1
    out = {}
    for task in dict.fromkeys(item["task"] for item in items):
        out[task] = {"count": count[task], "loss": round(loss[task] / tokens[task], 5)}
        if task != "story":
            out[task]["accuracy"] = round(100 * right[task] / count[task], 2)
    return out


def with_weights(model, tensors):
    """A copy of the model in float32 that holds these values."""
    other = copy.deepcopy(model).float()
    other.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in tensors.items()}, strict=True)
    return other


def all_scores(model, versions, encoder, items, device):
    """{version: {"float32": …, "bfloat16": …}}; bfloat16: weights and activations both."""
    out = {}
    for version, tensors in versions.items():
        wide = with_weights(model, tensors).to(device)
        narrow = copy.deepcopy(wide).bfloat16()
        out[version] = {"float32": score(wide, encoder, items, device),
                        "bfloat16": score(narrow, encoder, items, device)}
    return out


def logits_fixture(model, tensors, encoder, items, last=4):
    """Logits of the last positions of three prompts, computed in float64 and stored as float32."""
    exact = with_weights(model, tensors).cpu().to_float64()
    chosen = [next(item for item in items if item["task"] == task) for task in ("sum", "tool_call", "question")]
    prompts = []
    for item in chosen:
        ids = encode_item(encoder, item)[0]
        with torch.no_grad():
            logits = exact(torch.tensor([ids]))[0, -last:].float().numpy().astype("<f4")
        prompts.append({"task": item["task"], "ids": ids, "first_position": len(ids) - last, "positions": last,
                        "logits_base64": base64.b64encode(logits.tobytes()).decode()})
    return {"vocabulary": model.sizes.vocabulary, "dtype": "float32, little-endian, [positions, vocabulary]",
            "prompts": prompts}


@torch.no_grad()
def sample_stories(model, encoder, device, count=50, temperature=0.8, tokens=360, seed=1):
    """[(request, story)], drawn together, without a cache: the model is small."""
    torch.manual_seed(seed)
    requests = [STORY_REQUESTS[index % len(STORY_REQUESTS) if index % 2 else 0] for index in range(count)]
    prompts = [[tokenizer.BOS] + encoder.encode(chat_format.render([{"role": "user", "content": text}], None, True))
               for text in requests]
    out = []
    for length in sorted({len(prompt) for prompt in prompts}):
        rows = [index for index, prompt in enumerate(prompts) if len(prompt) == length]
        ids = torch.tensor([prompts[index] for index in rows], device=device)
        ended = torch.zeros(len(rows), dtype=torch.bool, device=device)
        for _ in range(tokens):
            shares = torch.softmax(model(ids)[:, -1].float() / temperature, -1)
            drawn = torch.multinomial(shares, 1)
            drawn[ended] = tokenizer.IM_END
            ids = torch.cat([ids, drawn], 1)
            ended |= drawn[:, 0] == tokenizer.IM_END
            if bool(ended.all()):
                break
        for index, row in zip(rows, ids[:, length:].tolist()):
            end = row.index(tokenizer.IM_END) if tokenizer.IM_END in row else len(row)
            out.append((index, requests[index], encoder.decode(row[:end])))
    return [(request, text) for _, request, text in sorted(out)]
