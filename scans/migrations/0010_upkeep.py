from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Every answer is written three times, so a fiftieth of the table is looked at rather than a fifth or a tenth: at 20
# million answers that is after 400,000, not after 4 million.
TABLES = ("scans_answer", "scans_mention", "scans_citation")
NAMES = ("autovacuum_vacuum_scale_factor", "autovacuum_analyze_scale_factor", "autovacuum_vacuum_insert_scale_factor")
SET = ", ".join(f"{name} = 0.02" for name in NAMES)


class Migration(migrations.Migration):
    """Scans go on being written meanwhile."""

    atomic = False

    dependencies = [
        ("scans", "0009_rematch"),
    ]

    operations = [
        *(
            migrations.RunSQL(f"ALTER TABLE {table} SET ({SET})", f"ALTER TABLE {table} RESET ({', '.join(NAMES)})")
            for table in TABLES
        ),
        AddIndexConcurrently(
            model_name="scan",
            index=models.Index(fields=["finished_at"], name="scans_scan_ended"),
        ),
    ]
