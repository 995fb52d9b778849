"""The reranking peer: a cross-encoder in transformers on PyTorch, batched and padded as sentence-transformers' CrossEncoder does it.

Reads lines from standard input and answers each with one JSON line: ["question", "passage", ...] gives {"seconds": s, "vectors": [[score], ...]},
with one thread seconds of processor time, else of the clock.
"""

import argparse
import json
import sys
import time

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BATCH = 32


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(options.model).eval()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"ready": versions}), flush=True)
    for line in sys.stdin:
        question, *passages = json.loads(line)
        clock = time.process_time if options.threads == 1 else time.perf_counter
        start = clock()
        scores = []
        for first in range(0, len(passages), BATCH):
            some = passages[first : first + BATCH]
            pairs = tokenizer(
                [question] * len(some), some, padding=True, truncation="only_second", max_length=512, return_tensors="pt"
            )
            with torch.inference_mode():
                scores += model(**pairs).logits[:, 0].tolist()
        print(json.dumps({"seconds": clock() - start, "vectors": [[score] for score in scores]}), flush=True)


main()
