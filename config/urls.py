"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from accounts.preferences.views import choose_language, preferences
from accounts.theme import choose_theme
from config import health
from config.components import components

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("operators/components/", admin.site.admin_view(components), name="components"),
    path("operators/", include("config.operators.urls")),
    path("operators/", admin.site.urls),
    path("accounts/preferences/", preferences, name="account-preferences"),
    path("i18n/language/", choose_language, name="set_language"),
    path("accounts/theme/", choose_theme, name="account-theme"),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("config.api")),
    path("", include("config.public.urls")),
    path("", include("orgs.urls")),
    path("o/<slug:org_slug>/", include("prompts.urls")),
    path("o/<slug:org_slug>/", include("scans.urls")),
    path("o/<slug:org_slug>/", include("scans.onboarding_urls")),
]
handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.broken"
handler429 = "config.errors.too_many_requests"  # asked for by allauth
