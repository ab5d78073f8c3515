import accounts.unalterable
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orgs", "0006_org_index")]

    operations = [accounts.unalterable.Untruncatable("event")]
