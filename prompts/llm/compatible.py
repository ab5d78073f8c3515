"""Any server that speaks OpenAI's chat completions: Ollama, vLLM, OpenRouter, a company's own gateway.

Its base URL comes from the operator's settings. A URL that a tenant typed must not come here: this client fetches
whatever it is given.
"""

from __future__ import annotations

from .chat_completions import ChatCompletionsAdapter
from .errors import ErrorKind, LlmError, gettext_noop
from .types import Credential


class CompatibleAdapter(ChatCompletionsAdapter):
    def __init__(self, credential: Credential) -> None:
        if not credential.base_url:
            raise LlmError(ErrorKind.BAD_REQUEST, gettext_noop("An OpenAI-compatible server needs a base URL."))
        super().__init__(credential)
