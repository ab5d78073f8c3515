"""Addresses of the organization's first page, overviews, scans and answers, under `/o/<org_slug>/`."""

from django.urls import path

from scans import schedule_views, views

P = "p/<slug:project_slug>/"

urlpatterns = [
    path("", views.org_home, name="org-home"),
    path(P, views.project_overview, name="project-overview"),
    path(f"{P}scans/", views.scans, name="scans"),
    path(f"{P}scans/start/", views.scan_start, name="scan-start"),
    path(f"{P}scans/<int:pk>/", views.scan, name="scan"),
    path(f"{P}scans/<int:pk>/progress/", views.scan_progress, name="scan-progress"),
    path(f"{P}scans/<int:pk>/cancel/", views.scan_cancel, name="scan-cancel"),
    path(f"{P}scans/<int:pk>/retry/", views.scan_retry, name="scan-retry"),
    path(f"{P}scans/<int:pk>/resume/", views.scan_resume, name="scan-resume"),
    path(f"{P}schedule/", schedule_views.schedule, name="schedule"),
    path(f"{P}schedule/pause/", schedule_views.schedule_pause, name="schedule-pause"),
    path(f"{P}schedule/resume/", schedule_views.schedule_resume, name="schedule-resume"),
    path(f"{P}schedule/run/", schedule_views.schedule_run, name="schedule-run"),
    path(f"{P}answers/<int:pk>/", views.answer, name="answer"),
]
