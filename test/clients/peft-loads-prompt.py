"""Loads prompts saved by Foreword in real PEFT and compares what PEFT feeds the model with the files.

Run by hand, where torch, transformers and peft 0.21 are installed:
    python test/clients/peft-loads-prompt.py MODEL_FOLDER PROMPT_FOLDER...
MODEL_FOLDER is the base model (for example test/fixtures/golden/models/llama-tied). A PROMPT_FOLDER is a saved prompt, or what
`foreword prompts export --format peft` or `--format merged` wrote. Where the folder holds `expected.json` {ids, tokens, logProbabilities}
(what Foreword answers, see write-prompts.ts), PEFT's log probabilities are compared with it. Exit status 1 on a difference.
"""
import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TOLERANCE = 2e-4


def load(folder: pathlib.Path, base: str):
    """The model with the prompt, what kind it is, and the largest difference of what PEFT uses from the file."""
    if not (folder / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), "whole model", 0.0
    kind = json.loads((folder / "adapter_config.json").read_text())["peft_type"]
    saved = load_file(folder / "adapter_model.safetensors")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    if kind == "LORA":
        used = {k.replace(".default.", "."): v for k, v in model.named_parameters() if "lora_" in k}
        same = used.keys() == saved.keys()
        worst = max((used[k] - saved[k]).abs().max().item() for k in saved) if same else float("inf")
        return model, kind, worst
    prompt, rows = model.get_prompt(batch_size=1), saved["prompt_embeddings"]
    if kind == "PREFIX_TUNING":
        layers = [torch.stack([layer.keys[0], layer.values[0]]) for layer in prompt.layers]
        found = torch.stack(layers).permute(3, 0, 1, 2, 4).reshape(rows.shape)
    else:
        found = prompt[0]
    return model, kind, (found - rows).abs().max().item()


model_folder, *prompt_folders = sys.argv[1:]
failed = False
for folder in map(pathlib.Path, prompt_folders):
    model, kind, worst = load(folder, model_folder)
    path = folder / "expected.json"
    expected = json.loads(path.read_text()) if path.exists() else {"ids": list(range(3, 11)), "tokens": []}
    ids = torch.tensor([expected["ids"] + expected["tokens"]])
    with torch.no_grad():
        logits = model.eval()(input_ids=ids).logits[0]
    gap = 0.0
    if expected["tokens"]:
        count = len(expected["tokens"])
        found = logits[-count - 1 : -1].log_softmax(-1)
        found = found.gather(1, torch.tensor(expected["tokens"])[:, None])[:, 0]
        gap = (found - torch.tensor(expected["logProbabilities"])).abs().max().item()
    fine = worst == 0 and gap <= TOLERANCE and bool(torch.isfinite(logits).all())
    failed |= not fine
    print(f"{folder.name}: {kind} difference {worst:g}, scores {gap:.2g} {'ok' if fine else 'WRONG'}")
sys.exit(1 if failed else 0)
