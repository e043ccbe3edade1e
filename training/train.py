#!/usr/bin/env python3
"""Trains the model within a budget of seconds, then writes weights, GGUF, scores, logits and stories.

    train.py --data FOLDER --tokenizer FOLDER --heldout FILE --out FOLDER --seconds 200 [--work FOLDER]
    train.py … --dry            a tiny model, a few steps: to see on a CPU that all of it works
    train.py … --resume WORK/checkpoint.pt

The learning rate follows the share of the budget that has passed, so that it always ends at zero. The clock starts
after the warm-up (compilation), whose time is printed. A checkpoint is written to --work every minute.
"""
import argparse
import dataclasses
import json
import os
import time
import traceback

import torch
import torch.nn.functional as F
from torch import nn

import dataset
import evaluate
import export
import gguf_file
import safetensors_file
import tokenizer
from model import Sizes, StoryModel, parameter_count
from optimizers import Optimizers

STARTED = time.time()
RESULTS_SECONDS = 45  # what is kept free of --total for them, and for the imports above
SYNC_STEPS = 10  # the host waits for the device every so many steps, to look at the clock
DRY_SIZES = {"layers": 2, "head_dim": 64, "heads": 4, "kv_heads": 2, "width": 256, "feed_forward": 256}


def options_of_command_line():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--heldout", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--work", default="/tmp/hearth_tales")
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--total", type=float, help="seconds for everything: training ends earlier to leave time for "
                                                    "results")
    parser.add_argument("--rows", type=int, default=64, help="sequences of one step")
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--resume")
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    if options.dry:
        options.rows, options.length, options.eager = 4, 256, True
    return options


def rate_at(share):
    """The learning rate's factor when this share of the budget has passed: up, level, then straight down to zero."""
    return min(1.0, share / 0.02) * min(1.0, (1.0 - share) / 0.65)


class WeightedLoss(nn.Module):
    """The model with its loss, compiled as one, so that the logits need not be written in float32."""

    def __init__(self, model, device_type):
        super().__init__()
        self.model, self.device_type = model, device_type

    def forward(self, inputs, targets, weights):
        with torch.autocast(self.device_type, dtype=torch.bfloat16, enabled=self.device_type == "cuda"):
            logits = self.model(inputs)
        each = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
        return (each * weights.flatten()).sum() / weights.sum()


class Trainer:
    def __init__(self, options):
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() and not options.cpu else "cpu")
        self.sizes = dataclasses.replace(Sizes(), **(DRY_SIZES if options.dry else {}))
        self.encoder = tokenizer.Tokenizer.load(options.tokenizer)
        torch.manual_seed(options.seed)
        self.model = StoryModel(self.sizes).to(self.device)
        self.optimizers = Optimizers(self.model, options.optimizer, options.weight_decay)
        self.elapsed, self.steps = 0.0, 0
        started = time.time()
        ids, learned = dataset.load(options.data, self.encoder)
        self.batches = dataset.Batches(ids, learned, options.length, options.rows, self.device, options.seed)
        print(f"{parameter_count(self.model)} parameters, {len(ids)} tokens ({100 * learned.mean():.0f} % learned), "
              f"{self.device}, torch {torch.__version__}, loaded in {time.time() - started:.1f} s", flush=True)
        if options.resume:
            self.resume()

    def warm_up(self):
        """Compiles, and falls back to eager execution where that fails."""
        started = time.time()
        plain = self.step_loss = WeightedLoss(self.model, self.device.type)
        if not self.options.eager and hasattr(torch, "compile"):
            try:
                self.step_loss = torch.compile(plain, dynamic=False)
                self.run_unstepped()
            except Exception:
                traceback.print_exc()
                print("torch.compile failed: going on without it", flush=True)
                self.step_loss = plain
        self.run_unstepped()
        print(f"warm-up {time.time() - started:.1f} s", flush=True)

    def run_unstepped(self):
        for _ in range(2):
            self.step_loss(*self.batches.next()).backward()
            self.model.zero_grad(set_to_none=True)
        self.synchronize()

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def step(self):
        loss = self.step_loss(*self.batches.next())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizers.step(self.options.rate * rate_at(min(1.0, self.elapsed / self.options.seconds)))
        self.model.zero_grad(set_to_none=True)
        self.steps += 1
        return loss.detach()

    def fit_into_total(self):
        """Shortens the training if loading and compiling took so long that the results would come too late."""
        if self.options.total:
            left = self.options.total - RESULTS_SECONDS - (time.time() - STARTED)
            self.options.seconds = min(self.options.seconds, max(left, 10.0))
            print(f"training for {self.options.seconds:.0f} s", flush=True)

    def train(self):
        budget, before = self.options.seconds, self.elapsed
        tokens_per_step = self.options.rows * self.options.length
        started = said = saved = time.time()
        losses, first_step = [], self.steps
        while True:
            losses.append(self.step())
            now = time.time()
            self.elapsed = before + now - started
            if self.steps % SYNC_STEPS == 0:
                self.synchronize()
            if self.elapsed >= budget or now - said > 5:
                mean = torch.stack(losses).mean().item()
                speed = (self.steps - first_step) * tokens_per_step / (now - started)
                seen = self.steps * tokens_per_step / 1e6
                print(f"step {self.steps}  {self.elapsed:5.1f} s  loss {mean:.4f}  {seen:.1f} M "
                      f"tokens  {speed / 1e6:.2f} M/s", flush=True)
                said, losses = now, []
            if self.elapsed >= budget:
                return
            if now - saved > 60:
                self.save_checkpoint()
                saved = time.time()

    def save_checkpoint(self):
        os.makedirs(self.options.work, exist_ok=True)
        path = os.path.join(self.options.work, "checkpoint.pt")
        torch.save({"model": self.model.state_dict(), "optimizers": self.optimizers.state(), "elapsed": self.elapsed,
                    "steps": self.steps, "epoch": self.batches.epoch, "used": self.batches.used}, path + ".new")
        os.replace(path + ".new", path)

    def resume(self):
        state = torch.load(self.options.resume, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.optimizers.load(state["optimizers"])
        self.elapsed, self.steps = state["elapsed"], state["steps"]
        self.batches.epoch = state["epoch"]
        self.batches.shuffle()
        self.batches.used = state["used"]
        print(f"resumed at step {self.steps}, {self.elapsed:.0f} s", flush=True)

    # After the training. The weights go first; what fails later is reported and loses nothing else.

    def results(self):
        out, options = self.options.out, self.options
        os.makedirs(out, exist_ok=True)
        master = {name: values.detach().float().cpu().numpy() for name, values in self.model.state_dict().items()}
        safetensors_file.write_parts(os.path.join(out, "master"), master, 3)
        stored = gguf_file.round_trip(master)
        items = evaluate.load_items(options.heldout)[::30 if options.dry else 1]
        model = self.model.eval()

        def write_gguf():
            path = os.path.join(out, "hearth-tales-9m-q8_0.gguf")
            export.write_gguf(path, master, self.sizes, options.tokenizer)
            read = gguf_file.read(path, self.sizes, list(master))
            assert all((read[name] == stored[name]).all() for name in master), "the file has other values"

        def write_scores():
            scores = evaluate.all_scores(model, {"q8_0": stored, "master": master}, self.encoder, items, self.device)
            about = {"steps": self.steps, "tokens": self.steps * options.rows * options.length,
                     "seconds": round(self.elapsed, 1), "seed": options.seed, "optimizer": options.optimizer,
                     "torch": torch.__version__, "sizes": dataclasses.asdict(self.sizes),
                     "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"}
            write_json(os.path.join(out, "scores.json"), {"training": about, "scores": scores})
            for task in scores["q8_0"]["float32"]:
                print(f"{task:13}",
                      "  ".join(f"{version} {kind} {entry[task].get('accuracy', '')} ({entry[task]['loss']})"
                                             for version, kinds in scores.items() for kind, entry in kinds.items()),
                      flush=True)

        def write_logits():
            write_json(os.path.join(out, "logits.json"), evaluate.logits_fixture(model, stored, self.encoder, items))

        def write_stories():
            narrator = evaluate.with_weights(model, stored).to(self.device)
            count, tokens = (4, 20) if options.dry else (50, 360)
            with open(os.path.join(out, "stories.txt"), "w", encoding="utf-8") as file:
                for request, text in evaluate.sample_stories(narrator, self.encoder, self.device, count, 0.8, tokens):
                    file.write(f"## {request}\n\n{text}\n\n")

        for work in (write_gguf, write_scores, write_logits, write_stories):
            started = time.time()
            try:
                work()
                print(f"{work.__name__}: {time.time() - started:.1f} s", flush=True)
            except Exception:
                print(f"{work.__name__} failed", flush=True)
                traceback.print_exc()


def write_json(path, content):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


def main():
    options = options_of_command_line()
    trainer = Trainer(options)
    trainer.warm_up()
    trainer.fit_into_total()
    trainer.train()
    trainer.results()


if __name__ == "__main__":
    main()
