"""The embedding peer: sentence-transformers on PyTorch.

Reads lines from standard input and answers each with one JSON line: ["text", ...] gives {"seconds": s, "vectors": [[...], ...]}, with one
thread seconds of processor time, else of the clock.
"""

import argparse
import json
import sys
import time

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer, models


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    transformer = models.Transformer(options.model, max_seq_length=256)
    pooling = models.Pooling(transformer.get_word_embedding_dimension(), "mean")
    model = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")
    versions = {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__}
    print(json.dumps({"ready": versions}), flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        clock = time.process_time if options.threads == 1 else time.perf_counter
        start = clock()
        vectors = model.encode(texts, show_progress_bar=False)
        seconds = clock() - start
        print(json.dumps({"seconds": seconds, "vectors": vectors.tolist()}), flush=True)


main()
