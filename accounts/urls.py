"""Addresses of accounts that are ours; allauth has the others."""

from allauth.account import views as allauth_views
from allauth.mfa.totp import views as totp_views
from allauth.mfa.webauthn import views as webauthn_views
from allauth.socialaccount import views as social_views
from allauth.socialaccount.providers.google import views as google_views
from allauth.socialaccount.providers.openid_connect import views as oidc_views
from django.urls import path
from django.views.generic import RedirectView

from accounts import views
from accounts.access import reauthenticated, reauthenticated_to_post
from accounts.social import coming_back, leaving

urlpatterns = [
    path("profile/", views.profile, name="account-profile"),
    path("security/", views.security, name="account-security"),
    path("security/log/", views.security_log, name="account-security-log"),
    path("data/", views.data, name="account-data"),
    path("export/", views.export, name="account-export"),
    path("close/", views.close, name="account-close"),
    path("sessions/", views.sessions, name="usersessions_list"),
    path("sessions/<int:pk>/end/", views.end_session, name="account-session-end"),
    path("sessions/end-others/", views.end_other_sessions, name="account-sessions-end"),
    path("reauthenticate/code/", views.reauthenticate_by_mail, name="account-reauthenticate-by-mail"),
    # One page shows all of it.
    path("2fa/", RedirectView.as_view(pattern_name="account-security"), name="mfa_index"),
    path("2fa/webauthn/", RedirectView.as_view(pattern_name="account-security"), name="mfa_list_webauthn"),
    # Allauth asks nobody again who came through another service and has nothing to be asked for; we do.
    path("password/set/", reauthenticated(allauth_views.password_set), name="account_set_password"),
    path("email/", reauthenticated_to_post(allauth_views.email), name="account_email"),
    path("2fa/totp/activate/", reauthenticated(totp_views.activate_totp), name="mfa_activate_totp"),
    path("2fa/webauthn/add/", reauthenticated(webauthn_views.add_webauthn), name="mfa_add_webauthn"),
    path("3rdparty/", reauthenticated_to_post(social_views.connections), name="socialaccount_connections"),
    path("google/login/", leaving(google_views.oauth2_login), name="google_login"),
    path("google/login/callback/", coming_back(google_views.oauth2_callback), name="google_callback"),
    path("google/login/token/", coming_back(google_views.login_by_token), name="google_login_by_token"),
    path("oidc/<str:provider_id>/login/", leaving(oidc_views.login), name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", coming_back(oidc_views.callback), name="openid_connect_callback"),
]
