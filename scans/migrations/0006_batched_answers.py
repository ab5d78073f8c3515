from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Answers go on being written meanwhile."""

    atomic = False

    dependencies = [
        ('scans', '0005_batch_jobs'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='answer',
            index=models.Index(condition=models.Q(('batch_job__isnull', False)), fields=['batch_job'], name='scans_answer_by_batch_job'),
        ),
    ]
