"""OpenAI's Python client against a running server: every call it has for what Foreword serves.

    foreword serve --port 8377 &
    pip install openai
    python test/clients/openai-client.py http://127.0.0.1:8377/v1 [KEY]
"""

import sys

import openai

base_url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8377/v1"
client = openai.OpenAI(base_url=base_url, api_key=sys.argv[2] if len(sys.argv) > 2 else "unused", max_retries=0)
question = [{"role": "user", "content": "Name the capital of France."}]
checks = 0


def check(condition, what):
    global checks
    assert condition, what
    checks += 1


models = [model.id for model in client.models.list()]
check({"foreword", "foreword@none", "base"} <= set(models), models)
check(client.models.retrieve("base").id == "base", "retrieve")

answer = client.chat.completions.create(model="base", messages=question, max_tokens=24, seed=1)
check("Paris" in answer.choices[0].message.content, answer)
check(answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage)

several = client.chat.completions.create(
    model="base", messages=question, max_tokens=8, n=2, temperature=1.0, top_p=0.9, seed=7, stop=["\n"], logprobs=True
)
check(len(several.choices) == 2, several)
check(all(token.logprob <= 0 for token in several.choices[0].logprobs.content), several)

stream = client.chat.completions.create(
    model="base", messages=question, max_tokens=24, stream=True, stream_options={"include_usage": True}
)
chunks = list(stream)
check(chunks[0].choices[0].delta.role == "assistant", chunks[0])
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
check(text == answer.choices[0].message.content, text)
check(chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0, chunks[-1])

scored = client.completions.create(
    model="base", prompt="The capital of France is Paris", max_tokens=0, echo=True, logprobs=1
)
check(scored.choices[0].text == "The capital of France is Paris", scored)
check(scored.choices[0].logprobs.token_logprobs[0] is None, scored)
check(all(value < 0 for value in scored.choices[0].logprobs.token_logprobs[1:]), scored)

vectors = client.embeddings.create(model="any", input=["one", "two"])
check(len(vectors.data) == 2 and abs(sum(x * x for x in vectors.data[0].embedding) - 1) < 1e-3, "embeddings")

for call, error, param in [
    (lambda: client.chat.completions.create(model="none such", messages=question), openai.NotFoundError, "model"),
    (
        lambda: client.chat.completions.create(
            model="base", messages=question, tools=[{"type": "function", "function": {"name": "f"}}]
        ),
        openai.BadRequestError,
        "tools",
    ),
    (
        lambda: client.chat.completions.create(model="base", messages=[{"role": "user", "content": "x " * 30000}]),
        openai.BadRequestError,
        "messages",
    ),
]:
    try:
        call()
    except error as thrown:
        check(thrown.param == param, thrown)
    else:
        raise AssertionError(f"{param}: was not refused")
print(f"openai {openai.__version__}: {checks} checks passed")
