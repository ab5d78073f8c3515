"""Receivers of webhooks on loopback: they keep what they are sent and answer as told."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

HOST = "hooks.example"


@dataclass(frozen=True, kw_only=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """As a receiver does it by hand (standardwebhooks.com, 'Verifying signatures')."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.split("_", 1)[1])
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        given = [one.split(",", 1) for one in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(mac, expected) for version, mac in given)


class Receiver:
    """An ASGI application. `answers` are statuses in turn, the last of them for ever; `/slow` waits to be let go."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = [204]
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b"thank you"
        self.open = self.most_open = 0
        self.let_go = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.received.append(Received(path=scope["path"], headers=headers, body=await self._whole(receive)))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        if scope["path"] == "/slow":
            await self.let_go.wait()
        self.open -= 1
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await send({"type": "http.response.start", "status": status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if status == 204 else self.body})

    async def _whole(self, receive: Any) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        return body

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
