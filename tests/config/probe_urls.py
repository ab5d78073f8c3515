"""Addresses that tell how they were served."""

import asyncio
import threading
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config import health

left: list[str] = []


@csrf_exempt
def probe(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {
            "handler": type(request).__name__,
            "thread": threading.current_thread().name,
            "method": request.method,
            "received": len(request.body),
            "query": request.GET.get("q", ""),
            "secure": request.headers.get("X-Forwarded-Proto", ""),
            "htmx": hasattr(request, "htmx"),
            "session": hasattr(request, "session"),
        }
    )


async def stream_probe(request: HttpRequest) -> JsonResponse:
    return probe(request)


async def ticks(request: HttpRequest) -> StreamingHttpResponse:
    async def tell() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.01)
        finally:
            left.append("reader")

    return StreamingHttpResponse(tell(), content_type="text/event-stream")


def big(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"x" * 8_000_000)


def parts(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse((f"part {number};".encode() for number in range(1000)), content_type="text/plain")


urlpatterns = [
    path("parts", parts),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("page", probe),
    path("page/bäume/", probe),
    path("big", big),
    path("stream/probe", stream_probe),
    path("stream/ticks", ticks),
]
