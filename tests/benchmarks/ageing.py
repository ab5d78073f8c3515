"""The layouts that `bench retention` compares: the shipped tables copied into a schema that is looked into first, so
that the product's own statements run on them."""

import random
import re
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection

MONTHS = 12
LAYOUTS = ("batches", "partitions", "texts")
SCAN = 1_000  # answers
MENTIONS, CITATIONS, BRANDS = 4, 3, 5
TABLES = ("scans_answer", "scans_mention", "scans_citation")
_MONTH = "created_at"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds, bytes and shares; `aged` of it all, `longest` of one transaction, `usual_wait` without any deletion."""

    bytes_per_answer: float
    index_share: float
    stored_per_second: float
    claim: float
    page: float
    aged: float
    deleted_per_second: float
    longest: float
    longest_wait: float
    usual_wait: float
    given_back: float


def measure(layout: str, *, answers: int) -> Measured:
    """Fill a year, read it, and age its oldest month."""
    world = World(layout, answers=answers)
    try:
        world.build()
        began = time.monotonic()
        world.fill()
        filled = time.monotonic() - began
        _run("ANALYZE")
        size, indexes = world.size()
        claim, page = world.claim(), world.page()
        with world.writing() as waits:
            time.sleep(3)
        with world.writing() as disturbed:
            began = time.monotonic()
            longest, gone = world.age()
            aged = time.monotonic() - began
        return Measured(
            bytes_per_answer=size / answers,
            index_share=indexes / size,
            stored_per_second=answers / filled,
            claim=claim,
            page=page,
            aged=aged,
            deleted_per_second=gone / aged,
            longest=longest,
            longest_wait=max(disturbed, default=0.0),
            usual_wait=max(waits, default=0.0),
            given_back=1 - world.size()[0] / size,
        )
    finally:
        world.drop()


class World:
    """One organization with a project, brands, prompts and a year of scans; its answers are in the layout's tables."""

    def __init__(self, layout: str, *, answers: int) -> None:
        self.layout = layout
        self.scans = max(MONTHS, answers // SCAN)
        self._each = answers // self.scans
        self._templates = max(10, min(self._each, SCAN))

    def build(self) -> None:
        from tests.benchmarks.rows import fill

        slug = f"ageing-{self.layout}"
        filled = fill(self._templates, slug=slug)
        self.email = filled.email
        with _everything(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM orgs_organization WHERE slug = %s", [slug])
            (self.org,) = cursor.fetchone()
            cursor.execute("SELECT max(scan_id), max(project_id) FROM scans_answer WHERE org_id = %s", [self.org])
            self.template, self.project = cursor.fetchone()
            cursor.execute("SELECT id FROM prompts_brand WHERE org_id = %s ORDER BY id LIMIT %s", [self.org, BRANDS])
            self.brands = [pk for (pk,) in cursor.fetchall()]
        self._month_starts()
        self._make_scans()
        _run("CREATE SCHEMA ageing")
        _run("SET search_path TO ageing, public")
        for table in TABLES:
            self._make(table)
        _run(f"CREATE TABLE ageing.words AS SELECT n, ({_texts()}) AS text FROM generate_series(0, 499) n")

    def drop(self) -> None:
        _run("RESET search_path")
        _run("DROP SCHEMA IF EXISTS ageing CASCADE")

    def _month_starts(self) -> None:
        first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        starts = [first]
        for _ in range(MONTHS - 1):
            starts.append((starts[-1] - timedelta(days=1)).replace(day=1))
        self.months = starts[::-1]

    def _make_scans(self) -> None:
        """Spread over the months, ended, oldest first; only the last months' are young enough to be kept."""
        from scans.models import Scan

        rows = []
        for number in range(self.scans):
            at = self.months[number * MONTHS // self.scans] + timedelta(hours=number % 600)
            fields = {"status": "done", "source": "schedule", "engines": ["openai:gpt-5-mini/web_search"]}
            scan = Scan(org_id=self.org, project_id=self.project, total=self._each, finished_at=at, **fields)
            scan.created_at = at
            rows.append(scan)
        with _everything():
            Scan._base_manager.filter(org_id=self.org).exclude(pk=self.template).delete()
            self.scan_rows = [(one.pk, one.created_at) for one in Scan._base_manager.bulk_create(rows)]

    # The layouts

    def _make(self, table: str) -> None:
        parted = self.layout == "partitions"
        _run(
            f"CREATE TABLE ageing.{table} (LIKE public.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
            f"{'' if table == 'scans_answer' or not parted else ', created_at timestamptz NOT NULL'})"
            f"{f' PARTITION BY RANGE ({_MONTH})' if parted else ''}"
        )
        if parted:
            for start, end in self._spans():
                _run(
                    f"CREATE TABLE ageing.{table}_{start:%Y%m} PARTITION OF ageing.{table}"
                    f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
                )
        for definition in _indexes(table):
            _run(_with_month(definition) if parted else definition)
        self._wall(table, parted=parted)
        if self.layout == "texts" and table == "scans_answer":
            self._make_texts()

    def _make_texts(self) -> None:
        _run(
            "CREATE TABLE ageing.texts (org_id bigint NOT NULL, answer_id bigint NOT NULL, created_at timestamptz NOT"
            " NULL, text text NOT NULL, PRIMARY KEY (answer_id, created_at)) PARTITION BY RANGE (created_at)"
        )
        for start, end in self._spans():
            _run(
                f"CREATE TABLE ageing.texts_{start:%Y%m} PARTITION OF ageing.texts"
                f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
            )
        self._secure("texts")

    def _wall(self, table: str, *, parted: bool) -> None:
        from django.apps import apps

        from orgs.rls import composite_name, tenant_foreign_keys

        model = next(one for one in apps.get_models() if one._meta.db_table == table)
        for field in tenant_foreign_keys(model):
            target = field.remote_field.model._meta.db_table
            month = ", created_at" if parted and target == "scans_answer" else ""
            schema = "ageing" if target in TABLES else "public"
            _run(
                f'ALTER TABLE ageing.{table} ADD CONSTRAINT "{composite_name(table, field.column)}" FOREIGN KEY'
                f' (org_id, "{field.column}"{month}) REFERENCES {schema}.{target} (org_id, id{month})'
                " DEFERRABLE INITIALLY DEFERRED"
            )
        self._secure(table)

    def _secure(self, table: str) -> None:
        _run(f"ALTER TABLE ageing.{table} ENABLE ROW LEVEL SECURITY")
        _run(f"ALTER TABLE ageing.{table} FORCE ROW LEVEL SECURITY")
        wall = (
            "org_id = (SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
            " OR (SELECT current_setting('app.all_orgs', true)) = 'on'"
        )
        _run(f"CREATE POLICY org_wall ON ageing.{table} USING ({wall}) WITH CHECK ({wall})")

    def _spans(self) -> list[tuple[datetime, datetime]]:
        ends = [*self.months[1:], self.months[-1] + timedelta(days=62)]
        return list(zip(self.months, ends, strict=True))

    # Writing and reading

    def fill(self) -> None:
        for number, (scan, at) in enumerate(self.scan_rows):
            with _everything():
                self._store(scan, at, first=1 + number * self._each, count=self._each, status="succeeded")

    def _store(self, scan: int, at: datetime, *, first: int, count: int, status: str) -> None:
        """One scan's answers with what was found in them, in one transaction."""
        text = "''" if self.layout == "texts" else "(SELECT text FROM ageing.words WHERE n = numbered.turn % 500)"
        given = {
            "id": f"{first} + numbered.turn",
            "scan_id": str(scan),
            "turn": "numbered.turn",
            "status": f"'{status}'",
            "text": text if status == "succeeded" else "''",
            "created_at": f"'{at.isoformat()}'::timestamptz",
            "finished_at": f"'{at.isoformat()}'::timestamptz" if status == "succeeded" else "NULL",
            "error_kind": "''",
            "due_at": "now()",
            "sample": "1" if status == "succeeded" else f"2 + numbered.turn / {self._templates}",
        }
        _run(
            f"INSERT INTO scans_answer {_select('scans_answer', given)} FROM generate_series(0, {count - 1}) AS"
            " numbered(turn) JOIN LATERAL (SELECT * FROM public.scans_answer WHERE org_id ="
            f" {self.org} AND turn = numbered.turn % {self._templates} LIMIT 1) source ON true"
        )
        if status != "succeeded":
            return
        if self.layout == "texts":
            _run(
                f"INSERT INTO texts SELECT {self.org}, {first} + turn, '{at.isoformat()}', words.text"
                f" FROM generate_series(0, {count - 1}) turn JOIN words ON words.n = turn % 500"
            )
        self._find(at, first=first, count=count)

    def _find(self, at: datetime, *, first: int, count: int) -> None:
        month = {"created_at": f"'{at.isoformat()}'::timestamptz"} if self.layout == "partitions" else {}
        brands = f"(ARRAY{self.brands})[1 + numbered.place % {len(self.brands)}]"
        both = {"answer_id": f"{first} + numbered.turn", **month}
        mention = {"id": f"({first} + numbered.turn) * 10 + numbered.place", "brand_id": brands, **both}
        mention |= {"start": "numbered.place * 100", "end": "numbered.place * 100 + 9"}
        citation = {"id": mention["id"], "brand_id": "NULL", "position": "numbered.place", **both}
        for table, each, given in (
            ("scans_mention", MENTIONS, mention),
            ("scans_citation", CITATIONS, citation),
        ):
            _run(
                f"INSERT INTO {table} {_select(table, given)} FROM (SELECT turn, place FROM"
                f" generate_series(0, {count - 1}) turn, generate_series(1, {each}) place) AS numbered"
                f" CROSS JOIN (SELECT * FROM public.{table} WHERE org_id = {self.org} LIMIT 1) source"
            )

    def claim(self) -> float:
        """The median of finding and claiming 20 waiting answers of each engine, by the product's own statements."""
        from django.conf import settings

        from scans import claims

        settings.SCAN_ORG_CONCURRENCY = 100_000  # what is claimed here is never asked
        scan, at = self.scan_rows[-1]
        with _everything():
            self._store(scan, at, first=1_000_000_000, count=2_000, status="pending")
        took = []
        for _ in range(15):
            began = time.monotonic()
            if not claims.claim([replace(one, count=20) for one in claims.due_lanes(limit=20)]):
                raise RuntimeError("nothing could be claimed")
            took.append(time.monotonic() - began)
        with _everything():
            _run("DELETE FROM scans_answer WHERE id >= 1000000000")
        return statistics.median(took)

    def page(self) -> float:
        """The median of reading 50 answers of a scan with their texts and how many brands each names."""
        text = "answer.text"
        join = ""
        if self.layout == "texts":
            text, join = "texts.text", "LEFT JOIN texts ON texts.answer_id = answer.id"
        took = []
        for scan, _ in random.Random(4).sample(self.scan_rows, min(40, len(self.scan_rows))):
            began = time.monotonic()
            with _everything():
                _rows(
                    f"SELECT answer.id, {text}, (SELECT count(*) FROM scans_mention m WHERE m.answer_id = answer.id)"
                    f" FROM scans_answer answer {join} WHERE answer.org_id = {self.org} AND answer.scan_id = {scan}"
                    " ORDER BY answer.turn LIMIT 50"
                )
            took.append(time.monotonic() - began)
        return statistics.median(took)

    def size(self) -> tuple[int, int]:
        """Bytes of all tables with indexes and long texts, and of the indexes alone."""
        [(size, indexes)] = _rows(
            "SELECT sum(pg_total_relation_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c"
            " WHERE c.relnamespace = 'ageing'::regnamespace AND c.relkind = 'r' AND c.relname <> 'words'"
        )
        return int(size), int(indexes)

    # Ageing

    def age(self) -> tuple[float, int]:
        """The oldest month goes; seconds of the longest transaction, and how many answers went."""
        old = [scan for scan, at in self.scan_rows if at < self.months[1]]
        gone = len(old) * self._each
        if self.layout == "partitions":
            return self._drop_partitions(), gone
        longest = 0.0
        if self.layout == "texts":
            longest = _timed(f"DROP TABLE ageing.texts_{self.months[0]:%Y%m}")
        return max(longest, self._delete(old)), gone

    def _delete(self, scans: list[int]) -> float:
        from scans import retention

        longest = 0.0
        for scan in scans:
            gone = 1
            while gone:
                began = time.monotonic()
                gone = retention.age_some(self.org, scan, limit=retention.BATCH)
                longest = max(longest, time.monotonic() - began)
        return longest

    def _drop_partitions(self) -> float:
        """What refers to the answers first; each detached without a long lock, then dropped."""
        longest = 0.0
        for table in reversed(TABLES):
            part = f"ageing.{table}_{self.months[0]:%Y%m}"
            longest = max(longest, _timed(f"ALTER TABLE ageing.{table} DETACH PARTITION {part} CONCURRENTLY"))
            longest = max(longest, _timed(f"DROP TABLE {part}"))
        return longest

    @contextmanager
    def writing(self) -> Iterator[list[float]]:
        """Somebody stores an answer of today every 10 ms; how long each took."""
        waits: list[float] = []
        stop = threading.Event()
        first = 2_000_000_000 + random.randrange(10**9)
        thread = threading.Thread(target=self._write, args=(waits, stop, first))
        thread.start()
        try:
            yield waits
        finally:
            stop.set()
            thread.join()

    def _write(self, waits: list[float], stop: threading.Event, first: int) -> None:
        scan, at = self.scan_rows[-1]
        _run("SET search_path TO ageing, public")
        try:
            for number in range(10**9):
                began = time.monotonic()
                with suppress(OperationalError), _everything():  # a deadlock's victim waited as well
                    self._store(scan, at, first=first + number * 10, count=1, status="pending")
                    _run("DELETE FROM scans_answer WHERE id = %s", [first + number * 10])
                waits.append(time.monotonic() - began)
                if stop.wait(0.01):
                    return
        finally:
            connection.close()


def _columns(table: str) -> list[str]:
    rows = _rows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'ageing' AND table_name = %s"
        " ORDER BY ordinal_position",
        [table],
    )
    return [name for (name,) in rows]


def _select(table: str, given: dict[str, str]) -> str:
    """The columns of a row that exists, but for those that are given."""
    columns = _columns(table)
    listed = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(given.get(name, f'source."{name}"') for name in columns)
    return f"({listed}) SELECT {values}"


def _indexes(table: str) -> list[str]:
    rows = _rows("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s", [table])
    return [definition.replace(f"ON public.{table}", f"ON ageing.{table}") for (definition,) in rows]


def _with_month(definition: str) -> str:
    """A unique index of a partitioned table has to hold what it is partitioned by."""
    if "UNIQUE" not in definition:
        return definition
    return re.sub(r"USING btree \(([^)]*)\)", rf"USING btree (\1, {_MONTH})", definition)


def _texts() -> str:
    """SQL for about 2,000 characters of words, seeded by n: as long as an answer, and as compressible."""
    vocabulary = "ARRAY['" + "','".join(f"word{number:03d}" for number in range(600)) + "']"
    return (
        f"SELECT string_agg(({vocabulary})[1 + (('x' || substr(md5(n || '.' || place), 1, 6))::bit(24)::int % 600)],"
        " ' ') FROM generate_series(1, 250) place"
    )


@contextmanager
def _everything() -> Iterator[None]:
    from orgs.scoping import all_orgs_scope

    with all_orgs_scope("benchmark"):
        yield


def _run(sql: str, parameters: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _rows(sql: str, parameters: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
        return rows


def _timed(sql: str) -> float:
    """Seconds of a statement that locks tables; one that met a deadlock with somebody who writes is tried again."""
    began = time.monotonic()
    for _ in range(20):
        try:
            _run(sql)
            return time.monotonic() - began
        except OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"never got its locks: {sql}")
