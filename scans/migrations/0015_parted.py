from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

_EVERYTHING = "SELECT set_config('app.all_orgs', '%s', true)"
_FORGET = "UPDATE scans_batchjob SET parting_key = NULL WHERE finished_at IS NOT NULL AND parting_key IS NOT NULL"


class Migration(migrations.Migration):
    """First nobody else can keep one, then those that were kept go. A row for each batch: it takes no time."""

    dependencies = [
        ("scans", "0014_told_problems"),
    ]

    operations = [
        AddConstraintNotValid(
            model_name="batchjob",
            constraint=models.CheckConstraint(
                condition=models.Q(("finished_at", None), ("parting_key", None), _connector="OR"),
                name="scans_batchjob_parted",
            ),
        ),
        migrations.RunSQL(
            [_EVERYTHING % "on", _FORGET, _EVERYTHING % ""],
            reverse_sql=migrations.RunSQL.noop,
        ),
        ValidateConstraint(model_name="batchjob", name="scans_batchjob_parted"),
    ]
