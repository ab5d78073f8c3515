"""Every address of the API, version 1."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from orgs.api import InvitationViewSet, MemberViewSet
from orgs.webhook_api import DeliveryViewSet, WebhookViewSet
from prompts.api import BrandViewSet, ProjectViewSet, PromptViewSet
from scans.api import AnswerViewSet, ScanViewSet
from scans.schedule_api import ScheduleViewSet

router = SimpleRouter(use_regex_path=False)
router.register("projects", ProjectViewSet, basename="api-project")
router.register("brands", BrandViewSet, basename="api-brand")
router.register("prompts", PromptViewSet, basename="api-prompt")
router.register("scans", ScanViewSet, basename="api-scan")
router.register("schedules", ScheduleViewSet, basename="api-schedule")
router.register("answers", AnswerViewSet, basename="api-answer")
router.register("members", MemberViewSet, basename="api-member")
router.register("invitations", InvitationViewSet, basename="api-invitation")
router.register("webhooks", WebhookViewSet, basename="api-webhook")
router.register("webhook-deliveries", DeliveryViewSet, basename="api-webhook-delivery")

urlpatterns = [path("o/<slug:org_slug>/", include(router.urls))]
