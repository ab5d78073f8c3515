from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scans", "0012_answers_to_ask"),
    ]

    operations = [
        migrations.AddField(
            model_name="batchjob",
            name="key_removed_at",
            field=models.DateTimeField(blank=True, help_text="When its key was taken away.", null=True),
        ),
        migrations.AddField(
            model_name="batchjob",
            name="parting_key",
            field=models.BinaryField(null=True),
        ),
    ]
