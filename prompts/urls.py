"""Addresses of projects, brands, prompts, engines and provider keys, under `/o/<org_slug>/`."""

from django.urls import path

from prompts.views import brands, budgets, bulk, costs, engines, find, keys, projects, prompts

P = "p/<slug:project_slug>/"

urlpatterns = [
    path("find/", find.find, name="find"),
    path("projects/add/", projects.project_add, name="project-add"),
    path(f"{P}edit/", projects.project_edit, name="project-edit"),
    path(f"{P}archive/", projects.project_archive, name="project-archive"),
    path(f"{P}restore/", projects.project_restore, name="project-restore"),
    path(f"{P}brands/", brands.brands, name="brands"),
    path(f"{P}brands/add/", brands.brand_add, name="brand-add"),
    path(f"{P}brands/<int:pk>/", brands.brand_edit, name="brand-edit"),
    path(f"{P}brands/<int:pk>/delete/", brands.brand_delete, name="brand-delete"),
    path(f"{P}prompts/", prompts.prompts, name="prompts"),
    path(f"{P}prompts/add/", prompts.prompt_add, name="prompt-add"),
    path(f"{P}prompts/paste/", bulk.prompts_paste, name="prompts-paste"),
    path(f"{P}prompts/import/", bulk.prompts_import, name="prompts-import"),
    path(f"{P}prompts/<int:pk>/", prompts.prompt_edit, name="prompt-edit"),
    path(f"{P}prompts/<int:pk>/row/", prompts.prompt_row, name="prompt-row"),
    path(f"{P}prompts/<int:pk>/archive/", prompts.prompt_archive, name="prompt-archive"),
    path(f"{P}prompts/<int:pk>/restore/", prompts.prompt_restore, name="prompt-restore"),
    path(f"{P}engines/", engines.engines, name="engines"),
    path(f"{P}budget/", budgets.project_budget, name="project-budget"),
    path("budgets/", budgets.budgets, name="budgets"),
    path("costs/", costs.costs, name="costs"),
    path("costs/export/", costs.costs_export, name="costs-export"),
    path("keys/", keys.provider_keys, name="provider-keys"),
    path("keys/<int:pk>/limits/", keys.provider_key_limits, name="provider-key-limits"),
    path("keys/<int:pk>/delete/", keys.provider_key_delete, name="provider-key-delete"),
]
