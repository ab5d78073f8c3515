from django.db import migrations

# Batches so far cost half of the tokens' live price and all of the searches': what was saved is the tokens' other half.
# Apart from the columns it fills in, whose lock is not to last as long as this reads the ledger.
_EVERYTHING = "SELECT set_config('app.all_orgs', '%s', true)"
_FILL_IN = """
UPDATE prompts_llmcall SET saved = greatest(0, cost - 0.001 * CASE provider
  WHEN 'google' THEN 14 * CASE WHEN model ~ '^gemini-[12]' THEN least(searches, 1) ELSE searches END
  ELSE 10 * searches END)
WHERE batched AND outcome = 'ok' AND cost IS NOT NULL
"""
_MARK_HOURS = """
INSERT INTO prompts_hourmark (org_id, hour)
SELECT DISTINCT org_id, date_trunc('hour', created_at, 'UTC') FROM prompts_llmcall WHERE batched
"""


class Migration(migrations.Migration):

    dependencies = [
        ('prompts', '0009_saved_by_batches'),
    ]

    operations = [
        migrations.RunSQL(
            [_EVERYTHING % "on", _FILL_IN, _MARK_HOURS, _EVERYTHING % ""],
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
