from django.db import migrations

# What the ledger holds already: its hours are summed up by the next sweep, the running month counts from now on.
_EVERYTHING = "SELECT set_config('app.all_orgs', '%s', true)"
_MARK_HOURS = """
INSERT INTO prompts_hourmark (org_id, hour)
SELECT DISTINCT org_id, date_trunc('hour', created_at, 'UTC') FROM prompts_llmcall
"""
_COUNT_MONTH = """
INSERT INTO prompts_spending (org_id, project_id, month, answers, money)
SELECT org_id, project_id, date_trunc('month', now() AT TIME ZONE 'UTC')::date,
  count(*) FILTER (WHERE purpose = 'scan' AND outcome = 'ok'), coalesce(sum(cost), 0)
FROM prompts_llmcall WHERE created_at >= date_trunc('month', now(), 'UTC')
GROUP BY GROUPING SETS ((org_id, project_id), (org_id))
HAVING GROUPING(project_id) = 1 OR project_id IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('prompts', '0003_budgets'),
    ]

    operations = [
        migrations.RunSQL(
            [_EVERYTHING % "on", _MARK_HOURS, _COUNT_MONTH, _EVERYTHING % ""],
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
