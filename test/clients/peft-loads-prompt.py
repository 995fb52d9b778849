"""Loads prompts saved by Foreword in real PEFT and compares what PEFT feeds the model with the files.

Run by hand, where torch, transformers and peft 0.21 are installed:
    python test/clients/peft-loads-prompt.py MODEL_FOLDER PROMPT_FOLDER...
MODEL_FOLDER is the base model (for example test/fixtures/golden/models/llama-tied). Exit status 1 on a difference.
"""
import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

model_folder, *prompt_folders = sys.argv[1:]
failed = False
for folder in map(pathlib.Path, prompt_folders):
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    saved = load_file(folder / "adapter_model.safetensors")["prompt_embeddings"]
    model = PeftModel.from_pretrained(base, folder)
    prompt = model.get_prompt(batch_size=1)
    if config["peft_type"] == "PREFIX_TUNING":
        rows = [torch.stack([layer.keys[0], layer.values[0]]) for layer in prompt.layers]
        found = torch.stack(rows).permute(3, 0, 1, 2, 4).reshape(saved.shape)
    else:
        found = prompt[0]
    worst = (found - saved).abs().max().item()
    logits = model(input_ids=torch.arange(3, 11)[None]).logits
    fine = worst == 0 and bool(torch.isfinite(logits).all())
    failed |= not fine
    print(f"{folder.name}: {config['peft_type']} {tuple(saved.shape)} "
          f"difference {worst:g}, logits {tuple(logits.shape)} {'ok' if fine else 'WRONG'}")
sys.exit(1 if failed else 0)
