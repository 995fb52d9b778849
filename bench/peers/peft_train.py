"""The training peer: PEFT prompt tuning on PyTorch, tokens in front, on the same examples.

Reads lines from standard input and answers each with one JSON line: {"step": [example, ...]} trains one batch and gives
{"seconds": s, "loss": l}, with one thread seconds of processor time, else of the clock. Examples are {"ids": [...], "answerIds": [...]}.
"""

import argparse
import json
import sys
import time

import peft
import torch
import transformers


def batch_of(examples, device_pad=0):
    rows = [e["ids"] + e["answerIds"] for e in examples]
    width = max(map(len, rows))
    ids = torch.tensor([r + [device_pad] * (width - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
    labels = torch.tensor(
        [
            [-100] * len(e["ids"]) + e["answerIds"] + [-100] * (width - len(r))
            for e, r in zip(examples, rows)
        ]
    )
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=options.tokens)
    model = peft.get_peft_model(model, config)
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    print(json.dumps({"ready": versions}), flush=True)
    for line in sys.stdin:
        batch = batch_of(json.loads(line)["step"])
        clock = time.process_time if options.threads == 1 else time.perf_counter
        start = clock()
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        print(json.dumps({"seconds": clock() - start, "loss": loss.item()}), flush=True)


main()
