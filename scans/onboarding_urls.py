"""Addresses of the guided setup, under `/o/<org_slug>/`."""

from django.urls import path

from scans import onboarding_views

P = "p/<slug:project_slug>/"

urlpatterns = [
    path("setup/", onboarding_views.onboarding_start, name="onboarding-start"),
    path(f"{P}setup/<slug:step>/", onboarding_views.onboarding_step, name="onboarding"),
    path(f"{P}setup/<slug:step>/suggest/", onboarding_views.onboarding_suggest, name="onboarding-suggest"),
    path(f"{P}setup/<slug:step>/suggestion/", onboarding_views.onboarding_suggestion, name="onboarding-suggestion"),
    path(f"{P}icon.png", onboarding_views.project_icon, name="project-icon"),
]
