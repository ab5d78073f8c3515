from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # indexes are built beside the work

    dependencies = [
        ("scans", "0007_org_index"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="answer",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["lane", "engine", "org", "turn", "due_at"],
                name="scans_answer_due_by_org",
            ),
        ),
        AddIndexConcurrently(
            model_name="answer",
            index=models.Index(
                condition=models.Q(("status", "claimed")), fields=["org", "lease_until"], name="scans_answer_in_flight"
            ),
        ),
        RemoveIndexConcurrently(model_name="answer", name="scans_answer_leased"),
        RemoveIndexConcurrently(model_name="answer", name="scans_answer_due"),
    ]
