"""Addresses outside any organization."""

from django.urls import path

from orgs import views

urlpatterns = [
    path("", views.home, name="home"),
    path("organizations/new", views.organization_new, name="organization-new"),
]
