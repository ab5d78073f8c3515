"""Operators' own pages, under /operators/."""

from django.contrib import admin
from django.urls import path

from config.operators import acting, lanes, views
from orgs.operators import OperatorsSite

site = admin.site
assert isinstance(site, OperatorsSite)  # guards every page here

urlpatterns = [
    path("health/", site.unscoped_view(views.health), name="operators-health"),
    path("health/workers/", site.unscoped_view(views.workers), name="operators-workers"),
    path("health/requeue/", site.unscoped_view(views.requeue), name="operators-requeue"),
    path("lanes/", site.unscoped_view(lanes.lanes), name="operators-lanes"),
    path("lanes/reset/", site.unscoped_view(lanes.reset), name="operators-lane-reset"),
    path("impersonate/<int:pk>/", site.unscoped_view(acting.impersonate), name="operators-impersonate"),
    path("impersonation/stop/", acting.stop, name="impersonation-stop"),
]
