"""Writes a BERT folder as transformers.js reads it: the model as onnx/model.onnx, by PyTorch's own exporter.

Usage: python export_onnx.py MODEL_FOLDER TARGET_FOLDER   (needs torch, transformers and onnx)
"""

import pathlib
import shutil
import sys

import torch
from transformers import AutoModel

source, target = map(pathlib.Path, sys.argv[1:])
(target / "onnx").mkdir(parents=True, exist_ok=True)
for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
    shutil.copy(source / name, target / name)
model = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
names = ["input_ids", "attention_mask", "token_type_ids"]
axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "last_hidden_state"]}
ids = torch.ones(2, 8, dtype=torch.int64)


class Hidden(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


torch.onnx.export(
    Hidden(), (ids, ids, ids * 0), str(target / "onnx" / "model.onnx"), input_names=names, output_names=["last_hidden_state"],
    dynamic_axes=axes, opset_version=17, dynamo=False,
)
