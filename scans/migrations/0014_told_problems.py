from django.db import migrations, models


def values_of(name: str) -> models.JSONField:
    return models.JSONField(blank=True, db_default={}, default=dict, help_text=f"What fills the {name}'s places.")


class Migration(migrations.Migration):
    """Columns with a constant default: no row is written."""

    dependencies = [
        ("scans", "0013_parting_keys"),
    ]

    operations = [
        migrations.AddField(model_name="answer", name="error_values", field=values_of("error")),
        migrations.AddField(model_name="batchjob", name="problem_values", field=values_of("problem")),
        migrations.AddField(model_name="schedule", name="last_problem_values", field=values_of("last problem")),
    ]
