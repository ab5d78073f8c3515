from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Scans go on being written meanwhile."""

    atomic = False

    dependencies = [
        ("scans", "0010_upkeep"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="answer",
            index=models.Index(
                condition=models.Q(("held_month__isnull", False), ("status", "cancelled")),
                fields=["org", "finished_at"],
                name="scans_answer_held_late",
            ),
        ),
    ]
