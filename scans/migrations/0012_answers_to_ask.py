from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What waits in batches is not walked over by those who look for what to ask."""

    atomic = False  # indexes are built beside the work

    dependencies = [
        ("scans", "0011_held_late"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="answer",
            index=models.Index(
                condition=models.Q(("batch_job", None), ("status", "pending")),
                fields=["lane", "engine", "org", "turn", "due_at"],
                name="scans_answer_to_ask",
            ),
        ),
        AddIndexConcurrently(
            model_name="answer",
            index=models.Index(
                condition=models.Q(("batch_job__isnull", False), ("status", "pending")),
                fields=["org", "lane"],
                name="scans_answer_in_batch",
            ),
        ),
        RemoveIndexConcurrently(model_name="answer", name="scans_answer_due_by_org"),
    ]
