"""A whole product whose every part a test may break."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import OperationalError, connection

from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running as Simulator
from scans.launch import cancel_scan
from scans.models import Scan
from tests.chaos.exactness import Exactness, calls_in_ledger, exactness_of
from tests.chaos.proxy import Proxy
from tests.chaos.stores import Services
from tests.chaos.workers import Crew
from tests.scans.running import reread, statuses

# The schedule of beat and what names tables stay; they were filled when the tables were made.
_KEPT = ("django_migrations", "django_content_type", "auth_permission", "django_celery_beat")


@dataclass(kw_only=True)
class Installation:
    services: Services
    providers: Proxy
    crew: Crew
    simulator: Simulator

    def heal(self) -> None:
        for proxy in (self.services.database, self.services.redis, self.providers):
            proxy.delay(0)
            proxy.heal()
        self.services.start_redis()

    def empty(self) -> None:
        """Beat and workers go on meanwhile, so that the locks may have to be asked for more than once."""

        def emptied() -> bool:
            try:
                self._truncate()
            except OperationalError:
                connection.close()
                return False
            return True

        self.crew.wait_until(emptied, what="the tables to be empty")
        self.services.forget_lanes()

    def _truncate(self) -> None:
        with connection.cursor() as cursor:
            tables = [name for name in connection.introspection.table_names(cursor) if not name.startswith(_KEPT)]
            cursor.execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, tables))} CASCADE")

    def restart_postgres(self) -> None:
        connection.close()
        self.services.restart_postgres()

    def asked(self) -> int:
        """Calls that the providers have counted."""
        return int(self.simulator.stats()["totals"]["requests"])

    def in_flight(self, scan: Scan) -> int:
        """Calls that somebody made and has not accounted for yet: what dies with who made them."""
        return self.asked() - calls_in_ledger(scan)

    def wait_mid_scan(self, scan: Scan) -> None:
        def mid_scan() -> bool:
            assert reread(scan).is_open, f"over before anybody looked: {statuses(scan)}"
            return statuses(scan)["succeeded"] > 0 and self.simulator.stats()["totals"]["in_flight"] > 0

        self.crew.wait_until(mid_scan, what="calls under way")

    def cancel(self, scan: Scan) -> None:
        with org_scope(scan.org_id):
            assert cancel_scan(reread(scan), actor=None)

    def wait_until_ended(self, scan: Scan) -> Scan:
        self.crew.wait_until(lambda: not reread(scan).is_open, what="the scan's end")
        return reread(scan)


def assert_exact(scan: Scan, installation: Installation, *, excess: int, **statuses: int) -> Exactness:
    """The scan ended, nothing is lost or doubled, and the providers were asked at most `excess` times too often."""
    found = exactness_of(installation.wait_until_ended(scan))
    assert found.whole, found
    assert found.statuses == (statuses or {"succeeded": scan.total}), found
    assert installation.asked() - scan.total <= excess, (installation.asked(), scan.total, excess)
    return found
