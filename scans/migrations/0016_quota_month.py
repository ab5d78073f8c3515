from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scans', '0015_parted'),
    ]

    operations = [
        migrations.AddField(
            model_name='answer',
            name='quota_month',
            field=models.DateField(editable=False, null=True),
        ),
    ]
