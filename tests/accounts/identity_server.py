"""An OpenID Connect server as companies run one: it tells what it is set to tell about whoever comes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT, SECRET = "prompter", "the client's secret"


@dataclass
class IdentityServer:
    """`claims` is what it says about the person; `grants` are the codes that were exchanged."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    grants: list[dict[str, list[str]]] = field(default_factory=list)
    broken: bool = False

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }


def _handler(server: IdentityServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self.answer(server.configuration())
            elif self.path == "/userinfo" and self.headers["Authorization"] == "Bearer the-token":
                self.answer(server.claims)
            else:
                self.answer({"error": "not_found"}, status=404)

        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            server.grants.append(asked)
            known = asked.get("client_id") == [CLIENT] and asked.get("client_secret") == [SECRET]
            if self.path != "/token" or not known or server.broken:
                self.answer({"error": "invalid_grant"}, status=400)
                return
            self.answer({"access_token": "the-token", "token_type": "Bearer", "expires_in": 60})

        def answer(self, body: dict[str, Any], *, status: int = 200) -> None:
            written = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler


@contextmanager
def serve() -> Iterator[IdentityServer]:
    server = IdentityServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
