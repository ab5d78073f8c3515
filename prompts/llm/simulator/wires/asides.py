"""OpenAI's smaller endpoints: embeddings, models, moderation, files."""

from __future__ import annotations

import re
import time
import zlib

from prompts.llm.simulator.exchange import Ask, Json, Refused, Trouble, count_tokens

from .embeddings import embed, encoded

SIZES = {"text-embedding-3-large": 3072}
HARM = {
    "violence": re.compile(r"\b(kill|murder|stab|shoot)\b", re.I),
    "self-harm": re.compile(r"\b(suicide|self-harm)\b", re.I),
    "hate": re.compile(r"\bhate (them|all)\b", re.I),
    "harassment": re.compile(r"\b(idiot|moron)\b", re.I),
}
CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
KNOWN = ("gpt-5-mini", "gpt-5", "gpt-4.1-mini", "text-embedding-3-small", "omni-moderation-latest")


def embeddings_page(ask: Ask) -> Json:
    given = ask.payload["input"]
    texts = [given] if isinstance(given, str) else given
    if not all(isinstance(text, str) and text for text in texts):
        raise Refused(Trouble.BAD_REQUEST, "'$.input' is invalid.", param="input")
    size = int(ask.payload.get("dimensions") or SIZES.get(ask.model, 1536))
    as_base64 = ask.payload.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        vector = embed(text, size)
        value = encoded(vector) if as_base64 else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": value})
    tokens = sum(count_tokens(text) for text in texts)
    return {
        "object": "list",
        "data": data,
        "model": ask.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def models_page(ask: Ask) -> Json:
    if ask.model:
        return _model(ask.model, ask.provider)
    return {"object": "list", "data": [_model(name, ask.provider) for name in KNOWN]}


def _model(name: str, owner: str) -> Json:
    return {"id": name, "object": "model", "created": 1_754_000_000, "owned_by": owner}


def moderation_page(ask: Ask) -> Json:
    given = ask.payload["input"]
    texts = given if isinstance(given, list) else [given]
    results = [_moderated(text if isinstance(text, str) else str(text.get("text", ""))) for text in texts]
    return {"id": f"modr-{zlib.crc32(repr(texts).encode()):08x}", "model": ask.model, "results": results}


def _moderated(text: str) -> Json:
    hits = {name: bool(pattern.search(text)) for name, pattern in HARM.items()}
    categories = {name: hits.get(name, False) for name in CATEGORIES}
    scores = {name: 0.93 if flagged else 0.0004 for name, flagged in categories.items()}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }


def files_page(ask: Ask) -> Json:
    method, path = ask.payload["method"], str(ask.payload["path"])
    name = path.removeprefix("/files").strip("/")
    if method == "DELETE":
        return {"id": name, "object": "file", "deleted": True}
    if method == "GET" and not name:
        return {"object": "list", "data": [], "has_more": False}
    return {
        "id": name or f"file-{int(time.time() * 1e6):x}",
        "object": "file",
        "bytes": ask.payload["size"],
        "created_at": int(time.time()),
        "filename": "upload",
        "purpose": "user_data",
        "status": "processed",
    }
