"""The ASGI application: routes to the wires, limits, faults, counts, and the control endpoints under `/_sim/`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import orjson

from . import delivery
from .author import Author
from .delivery import Receive, Scope, Send
from .desk import Desk
from .dice import seeded
from .exchange import WRITTEN, Allowance, Answer, Ask, Finish, Json, Operation, Page, Refused, Trouble
from .faults import ENDINGS, BadRule, Fault, Faults, Rule
from .limits import Limits, Window
from .options import BadOption, Options
from .stats import Stats, Tally
from .wires.anthropic import Anthropic
from .wires.base import JSON_TYPE, STREAM_TYPE, Incoming, Wire
from .wires.google import REDIRECT, Google, unsealed
from .wires.openai import Compatible, OpenAI
from .wires.perplexity import Perplexity
from .world import World, default_world

SLOW = 5.0  # seconds that the fault `slow` adds where its rule names none
CRUMB = 0.2
LONG = 3600.0


class Simulator:
    """One simulated world with its four providers; `__call__` is the ASGI application."""

    def __init__(self, world: World, options: Options) -> None:
        self.world = world
        self.started_with = options
        self.author = Author(world)
        self.wires: dict[str, Wire] = {
            wire.provider: wire for wire in (OpenAI(), Anthropic(), Google(), Perplexity(), Compatible())
        }
        self.reset()

    def reset(self) -> None:
        """As freshly started: options, faults, limits, counts, samples."""
        self.options = self.started_with
        self.faults = Faults(self.options.seed)
        self.limits = Limits(self.options.limits)
        self.stats = Stats()
        self.ordinals: dict[tuple[object, ...], int] = {}
        self.desk = Desk(self)
        self.serial = 0

    def configure(self, **changes: Any) -> None:
        self.options = self.options.updated(changes)
        if "seed" in changes:
            self.faults.dice = seeded(self.options.seed)
        if "limits" in changes:
            self.limits.change(self.options.limits)

    def plant(self, *rules: Json) -> None:
        self.faults.add(list(rules))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        body = await _read(receive)
        provider, _, rest = scope["path"].lstrip("/").partition("/")
        if provider == "_sim":
            await delivery.whole(send, self.control(scope["method"], rest, body))
        elif provider in self.wires:
            incoming = Incoming(
                method=scope["method"],
                path="/" + rest,
                query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
                headers=dict(scope["headers"]),
                body=body,
            )
            await _Call(self, self.wires[provider], scope, receive, send).run(incoming)
        else:
            await delivery.whole(send, redirect(provider, rest))

    def control(self, method: str, name: str, body: bytes) -> Page:
        try:
            if (method, name) == ("GET", "health"):
                return _json(200, {"status": "ok", "epoch": self.world.epoch.isoformat(), "seed": self.options.seed})
            if (method, name) == ("GET", "stats"):
                return _json(200, self.stats.report())
            if (method, name) == ("POST", "reset"):
                self.reset()
            elif (method, name) == ("POST", "options"):
                self.configure(**orjson.loads(body))
            elif (method, name) == ("POST", "faults"):
                rules = orjson.loads(body)
                self.plant(*(rules["rules"] if isinstance(rules, dict) else rules))
            else:
                return _json(404, {"error": f"no such control: {method} {name}"})
        except (orjson.JSONDecodeError, BadOption, BadRule, TypeError, KeyError) as error:
            return _json(400, {"error": str(error)})
        return _json(200, {"status": "ok"})

    def write(self, ask: Ask, ending: Finish | None) -> Answer:
        """The next sample of this question."""
        return self.written(ask, ordinal=self.ordinal(ask), ending=ending)

    def ordinal(self, ask: Ask) -> int:
        """How often this question has been asked before, however it came."""
        question = (ask.provider, ask.model, ask.web_search, ask.country, ask.system, ask.prompt)
        ordinal = self.ordinals.get(question, 0)
        self.ordinals[question] = ordinal + 1
        return ordinal

    def written(self, ask: Ask, *, ordinal: int, ending: Finish | None) -> Answer:
        answer = self.author.write(ask, options=self.options, ordinal=ordinal, ending=ending)
        return replace(answer, root=REDIRECT) if self.options.grounding_redirects else answer


class _Call:
    """One request on its way through the simulator."""

    def __init__(self, simulator: Simulator, wire: Wire, scope: Scope, receive: Receive, send: Send) -> None:
        self.simulator = simulator
        self.wire = wire
        self.scope = scope
        self.receive = receive
        self.send = send
        simulator.serial += 1
        self.token = f"{simulator.options.seed & 0xFFFFFFFF:08x}{simulator.serial:024x}{'0' * 16}"
        self.dice = seeded(simulator.serial * 1_000_003 + simulator.options.seed)
        self.delay = simulator.options.delay(wire.provider, self.dice)

    async def run(self, incoming: Incoming) -> None:
        try:
            ask = self.simulator.desk.read(self.wire, incoming) or self.wire.read(incoming)
        except Refused as refused:
            self._rejected(self.simulator.stats.tally(self.wire.provider, ""))
            await delivery.whole(self.send, self._error(refused, None))
            return
        tally = self.simulator.stats.begin(ask)
        try:
            await self._answer(ask, tally)
        finally:
            self.simulator.stats.end(tally)

    async def _answer(self, ask: Ask, tally: Tally) -> None:
        world = self.simulator.world
        if ask.model and not world.knows_model(ask.provider, ask.model):
            tally.rejected += 1
            await delivery.whole(self.send, self._error(Refused(Trouble.NOT_FOUND), ask))
            return
        if ask.operation in WRITTEN:
            self.simulator.stats.prompt(ask).asked += 1
        rule = self.simulator.faults.draw(ask)
        if rule and await self._fails(ask, rule, tally):
            return
        window, turned_away = self.simulator.limits.admit(ask)
        if turned_away:
            tally.violations += 1
            await delivery.whole(self.send, self._error(Refused(Trouble.RATE_LIMITED), ask, turned_away))
        elif ask.operation in WRITTEN:
            await self._write(ask, tally, window, rule)
        else:
            await self._aside(ask, tally, window, rule)

    async def _aside(self, ask: Ask, tally: Tally, window: Window, rule: Rule | None) -> None:
        try:
            page = self.simulator.desk.serve(ask) if ask.operation is Operation.BATCH else self.wire.aside(ask)
        except Refused as refused:
            tally.rejected += 1
            await delivery.whole(self.send, self._error(refused, ask))
            return
        tally.answers += 1
        tally.input_tokens += ask.input_tokens
        if ask.operation is Operation.EMBED:
            await asyncio.sleep(self.delay)
        whole = self._page(page, self.simulator.limits.settle(window, 0))
        if rule is None or not await self._breaks(ask, whole, rule):
            await delivery.whole(self.send, whole)

    async def _write(self, ask: Ask, tally: Tally, window: Window, rule: Rule | None) -> None:
        kind = rule.kind if rule else None
        answer = self.simulator.write(ask, ENDINGS.get(kind) if isinstance(kind, Fault) else None)
        allowance = self.simulator.limits.settle(window, answer.output_tokens)
        if ask.stream:
            headers = [STREAM_TYPE, *self.wire.headers(allowance, token=self.token, failed=False)]
            page = Page(200, headers, frames=tuple(self.wire.frames(ask, answer)))
        else:
            page = self._page(self.wire.page(ask, answer), allowance)
        if kind is Fault.SLOW and rule:
            self.delay += SLOW if rule.delay is None else rule.delay
        await asyncio.sleep(self.delay * delivery.FIRST if ask.stream else self.delay)
        if rule and await self._breaks(ask, page, rule):
            return
        # Counted before it is sent: a client that has the answer must find it in the counts.
        tally.answers += 1
        tally.input_tokens += answer.input_tokens
        tally.output_tokens += answer.output_tokens
        self.simulator.stats.prompt(ask).answered += 1
        if ask.stream:
            await delivery.stream(self.send, page, latency=self.delay * (1 - delivery.FIRST))
        else:
            await delivery.whole(self.send, page)

    async def _fails(self, ask: Ask, rule: Rule, tally: Tally) -> bool:
        """Faults that come instead of an answer; they use no allowance."""
        tally.faults += 1
        if isinstance(rule.kind, Trouble):
            allowance = Allowance(retry_after=rule.retry_after or 0.0)
            if rule.kind is Trouble.RATE_LIMITED and rule.retry_after is None:
                allowance = replace(allowance, retry_after=1.0)
            if rule.delay:
                await asyncio.sleep(rule.delay)
            await delivery.whole(self.send, self._error(Refused(rule.kind), ask, allowance))
        elif rule.kind is Fault.HTML:
            await delivery.html(self.send, status=rule.status or 200)
        elif rule.kind is Fault.DISCONNECT:
            await delivery.disconnect(self.send, self.scope)
        elif rule.kind is Fault.HANG:
            await delivery.hang(self.receive, delay=LONG if rule.delay is None else rule.delay)
            await delivery.disconnect(self.send, self.scope)
        else:
            return False
        return True

    async def _breaks(self, ask: Ask, page: Page, rule: Rule) -> bool:
        """Faults of an answer that was on its way."""
        if rule.kind is Fault.TRICKLE:
            await delivery.trickle(self.send, page, delay=CRUMB if rule.delay is None else rule.delay)
        elif rule.kind is Fault.CUT:
            await delivery.cut(self.send, page, scope=self.scope)
        elif rule.kind in (Fault.CUT_CLEAN, Fault.GARBLED):
            await delivery.cut_clean(self.send, page)
        elif rule.kind is Fault.STREAM_ERROR:
            await delivery.broken(self.send, page, frame=self.wire.broken_frame(ask))
        else:
            return False
        return True

    def _page(self, body: Json | bytes, allowance: Allowance) -> Page:
        headers = self.wire.headers(allowance, token=self.token, failed=False)
        return Page(200, [JSON_TYPE, *headers], body if isinstance(body, bytes) else orjson.dumps(body))

    def _error(self, refused: Refused, ask: Ask | None, allowance: Allowance | None = None) -> Page:
        allowance = allowance or Allowance()
        status, body = self.wire.error(refused, ask=ask, allowance=allowance)
        headers = self.wire.headers(allowance, token=self.token, failed=True)
        return Page(status, [JSON_TYPE, *headers], orjson.dumps(body))

    def _rejected(self, tally: Tally) -> None:
        tally.requests += 1
        tally.rejected += 1


def create_app(world: World | None = None, options: Options | None = None) -> Simulator:
    return Simulator(world or default_world(), options or Options())


def redirect(first: str, token: str) -> Page:
    """Google's citations lead to a redirect service; anything else is unknown."""
    if first == REDIRECT.rstrip("/").rpartition("/")[2] and token.startswith("AUZIYQ"):
        return Page(302, [(b"location", unsealed(token).encode())])
    return _json(404, {"error": "no such provider"})


def _json(status: int, body: Json) -> Page:
    return Page(status, [JSON_TYPE], orjson.dumps(body))


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
