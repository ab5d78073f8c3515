"""A permission for operators who may act as another user."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_letter_headers")]

    operations = [
        migrations.AlterModelOptions(
            name="user", options={"permissions": [("impersonate", "Can act as another user")]}
        ),
    ]
