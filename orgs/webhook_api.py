"""The API's webhooks and their deliveries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.keyset import whole_number
from orgs.models import WebhookDelivery, WebhookEndpoint
from orgs.rest import Conflict, OrgViewSet
from orgs.roles import Permission
from orgs.tasks import nudge_webhooks_soon
from orgs.webhooks import endpoints, queue
from orgs.webhooks.endpoints import EndpointFields, RefusedEndpoint
from orgs.webhooks.offers import offers

OF_WEBHOOK = OpenApiParameter("webhook", OpenApiTypes.INT64, description="Only those of this webhook.")


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    url = serializers.CharField(max_length=2_048)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    events = serializers.ListField(child=serializers.CharField(max_length=60), allow_empty=False, max_length=50)
    enabled = serializers.BooleanField(source="is_enabled", required=False)

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "description", "events", "enabled", "disabled_reason", "failing_since", "created_at"]
        read_only_fields = ["disabled_reason", "failing_since", "created_at"]

    def validate_events(self, names: list[str]) -> list[str]:
        unknown = [name for name in names if name not in offers()]
        if unknown:
            raise serializers.ValidationError([f"There is no event {name!r}." for name in unknown])
        return names

    def fields_given(self) -> EndpointFields:
        """What is missing stays as it is."""
        known: dict[str, Any] = {"description": ""}
        if self.instance is not None:
            known = {name: getattr(self.instance, name) for name in ("url", "events", "description")}
        given = {**known, **{name: value for name, value in self.validated_data.items() if name != "is_enabled"}}
        return EndpointFields(url=given["url"], events=tuple(given["events"]), description=given["description"])


class SecretSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="Shown in this answer and never again.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    webhook = serializers.IntegerField(source="endpoint_id", read_only=True)
    message_id = serializers.CharField(read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "webhook",
            "message_id",
            "type",
            "status",
            "attempts",
            "code",
            "response",
            "due_at",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class WebhookViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = WebhookEndpoint
    serializer_class = WebhookSerializer
    permissions: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "destroy", "rotate", "test"), Permission.WEBHOOKS_MANAGE
    )

    @extend_schema(responses={201: SecretSerializer}, description="Adds a webhook. The answer alone has its secret.")
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            endpoint, secret = endpoints.add(self.org, serializer.fields_given(), actor=self.user)
        except RefusedEndpoint as refused:
            raise _said(refused) from refused
        self._switch(endpoint, serializer.validated_data.get("is_enabled"))
        return self._with_secret(endpoint, secret, status.HTTP_201_CREATED)

    @extend_schema(description="Changes the webhook. `enabled` switches it off and on.")
    def partial_update(self, request: Request, pk: int) -> Response:
        endpoint = self.get_object()
        serializer = self.get_serializer(endpoint, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        try:
            endpoints.change(endpoint, serializer.fields_given(), actor=self.user)
        except RefusedEndpoint as refused:
            raise _said(refused) from refused
        self._switch(endpoint, serializer.validated_data.get("is_enabled"))
        return Response(self.get_serializer(self.get_object()).data)

    def destroy(self, request: Request, pk: int) -> Response:
        endpoints.remove(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=SecretSerializer, description="A new secret; the old one signs for a day.")
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: int) -> Response:
        endpoint = self.get_object()
        return self._with_secret(endpoint, endpoints.rotate(endpoint, actor=self.user), status.HTTP_200_OK)

    @extend_schema(request=None, responses={201: DeliverySerializer}, description="Sends one that tells of nothing.")
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: int) -> Response:
        endpoint = self.get_object()
        _demand_on(endpoint)
        delivery = endpoints.test(endpoint, actor=self.user)
        delivery.refresh_from_db(from_queryset=WebhookDelivery.objects.for_org(self.org))
        nudge_webhooks_soon()
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)

    def _switch(self, endpoint: WebhookEndpoint, on: bool | None) -> None:
        if on is True:
            endpoints.switch_on(endpoint, actor=self.user)
        elif on is False:
            endpoints.switch_off(endpoint, reason=WebhookEndpoint.Reason.MEMBER, actor=self.user)

    def _with_secret(self, endpoint: WebhookEndpoint, secret: str, code: int) -> Response:
        endpoint.refresh_from_db(from_queryset=WebhookEndpoint.objects.for_org(self.org))
        return Response(
            {**self.get_serializer(endpoint).data, "secret": secret}, status=code, headers={"Cache-Control": "no-store"}
        )


class DeliveryViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = WebhookDelivery
    serializer_class = DeliverySerializer
    permissions: ClassVar = dict.fromkeys(("list", "retrieve", "again"), Permission.WEBHOOKS_MANAGE)

    def get_queryset(self) -> models.QuerySet[Any]:
        rows = super().get_queryset().select_related("endpoint")
        wanted = self.request.query_params.get("webhook") if self.action == "list" else None
        if wanted is None:
            return rows
        pk = whole_number(wanted)
        if pk is None:
            raise NotFound("No such webhook.")
        return rows.filter(endpoint_id=pk)

    @extend_schema(parameters=[OF_WEBHOOK])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(request=None, responses=DeliverySerializer, description="Sends it again, under the same id.")
    @action(detail=True, methods=["post"])
    def again(self, request: Request, pk: int) -> Response:
        delivery = self.get_object()
        _demand_on(delivery.endpoint)
        if not queue.send_again(delivery, actor=self.user):
            raise Conflict("It is still being tried.", code="pending")
        nudge_webhooks_soon()
        return Response(self.get_serializer(self.get_object()).data)


def _demand_on(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_enabled:
        raise Conflict("The webhook is switched off.", code="disabled")


def _said(refused: RefusedEndpoint) -> ValidationError:
    return ValidationError({refused.field or "detail": [refused.message]})
