"""LangChain's Python classes against a running server: its own standard tests for chat models and embeddings.

    foreword serve --port 8377 &
    pip install langchain-openai langchain-tests pytest
    FOREWORD_URL=http://127.0.0.1:8377/v1 pytest -o asyncio_mode=auto -o asyncio_default_test_loop_scope=module -o asyncio_default_fixture_loop_scope=module test/clients/test_langchain_client.py
"""

import os

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

URL = os.environ.get("FOREWORD_URL", "http://127.0.0.1:8377/v1")
KEY = os.environ.get("FOREWORD_API_KEY", "unused")


class TestChat(ChatModelIntegrationTests):
    chat_model_class = ChatOpenAI
    chat_model_params = {
        "model": "base",
        "base_url": URL,
        "api_key": KEY,
        "max_retries": 0,
        "max_tokens": 64,
        "stream_usage": True,
    }
    # A small model that calls no tools and sees no images.
    has_tool_calling = False
    has_structured_output = False
    supports_json_mode = False
    supports_image_inputs = False


class TestEmbeddings(EmbeddingsIntegrationTests):
    embeddings_class = OpenAIEmbeddings
    # Texts are sent as text: the tokenizer file of OpenAI's that ids need is fetched from the internet.
    embedding_model_params = {
        "model": "all-minilm-l6-v2",
        "base_url": URL,
        "api_key": KEY,
        "check_embedding_ctx_length": False,
    }
