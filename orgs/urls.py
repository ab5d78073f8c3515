"""Addresses outside any organization, and those of an organization itself, under `/o/<org_slug>/`."""

from django.urls import include, path

from orgs.views import audit, home, invitations, live, members, notifications, settings, webhooks

of_an_organization = [
    path("settings/", settings.org_settings, name="org-settings"),
    path("settings/logo/", settings.org_logo, name="org-logo"),
    path("settings/logo/remove/", settings.org_logo_remove, name="org-logo-remove"),
    path("settings/logo/<slug:digest>.png", settings.org_logo_image, name="org-logo-image"),
    path("settings/delete/", settings.org_delete, name="org-delete"),
    path("settings/delete/cancel/", settings.org_delete_cancel, name="org-delete-cancel"),
    path("transfer/", members.org_transfer, name="org-transfer"),
    path("leave/", members.org_leave, name="org-leave"),
    path("members/", members.members, name="members"),
    path("members/<int:pk>/role/", members.member_role, name="member-role"),
    path("members/<int:pk>/remove/", members.member_remove, name="member-remove"),
    path("invitations/add/", invitations.invitation_add, name="invitation-add"),
    path("invitations/<int:pk>/resend/", invitations.invitation_resend, name="invitation-resend"),
    path("invitations/<int:pk>/revoke/", invitations.invitation_revoke, name="invitation-revoke"),
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/read/", notifications.notifications_read, name="notifications-read"),
    path("notifications/<int:pk>/read/", notifications.notification_read, name="notification-read"),
    path("notifications/preferences/", notifications.notification_preferences, name="notification-preferences"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/add/", webhooks.webhook_add, name="webhook-add"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/edit/", webhooks.webhook_edit, name="webhook-edit"),
    path("webhooks/<int:pk>/secret/", webhooks.webhook_rotate, name="webhook-rotate"),
    path("webhooks/<int:pk>/delete/", webhooks.webhook_delete, name="webhook-delete"),
    path("webhooks/<int:pk>/switch/", webhooks.webhook_switch, name="webhook-switch"),
    path("webhooks/<int:pk>/test/", webhooks.webhook_test, name="webhook-test"),
    path("webhooks/deliveries/<int:pk>/", webhooks.webhook_delivery, name="webhook-delivery"),
    path("webhooks/deliveries/<int:pk>/again/", webhooks.webhook_redeliver, name="webhook-redeliver"),
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.audit_export, name="audit-export"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("organizations/new", home.organization_new, name="organization-new"),
    path("invitations/<str:token>/", invitations.invitation_accept, name="invitation-accept"),
    path("unsubscribe/<str:token>/", notifications.unsubscribe, name="unsubscribe"),
    path("stream/o/<slug:org_slug>/notifications", live.notifications, name="notification-stream"),
    path("o/<slug:org_slug>/", include(of_an_organization)),
]
