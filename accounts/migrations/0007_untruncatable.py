import accounts.unalterable
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_export")]

    operations = [accounts.unalterable.Untruncatable("accountevent")]
