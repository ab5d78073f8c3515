"""The API's members and invitations."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied, Throttled
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import is_fresh
from orgs import invitations, members
from orgs.allowance import TooMany
from orgs.invitations import DAY, is_address
from orgs.models import Invitation, Membership
from orgs.rest import Conflict, OrgViewSet
from orgs.roles import INVITED, Permission, Role

# An owner is made in the browser, where whoever does it is asked again who they are.
GIVEN = [(role.value, role.label) for role in INVITED]


class MemberSerializer(serializers.ModelSerializer[Membership]):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.display_name", read_only=True)
    joined_at = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "email", "name", "role", "joined_at"]
        read_only_fields = ["role"]


class MemberRoleSerializer(serializers.Serializer[Membership]):
    role = serializers.ChoiceField(choices=GIVEN)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    role = serializers.ChoiceField(choices=GIVEN)

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "sent_at", "expires_at"]
        read_only_fields = ["sent_at", "expires_at"]
        validators: ClassVar[list[Any]] = []

    def validate_email(self, email: str) -> str:
        if not is_address(email):
            raise serializers.ValidationError(_("This is no e-mail address that can be invited."))
        return email.lower()


class MemberViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = Membership
    serializer_class = MemberSerializer
    permissions: ClassVar = {
        "list": Permission.MEMBERS_VIEW,
        "retrieve": Permission.MEMBERS_VIEW,
        "partial_update": Permission.MEMBERS_MANAGE,
        "destroy": Permission.MEMBERS_MANAGE,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().select_related("user")

    @extend_schema(request=MemberRoleSerializer, responses=MemberSerializer, description="Changes the member's role.")
    def partial_update(self, request: Request, pk: int) -> Response:
        self._ask_about_owners(self.get_object())
        serializer = MemberRoleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            member = members.change_role(self.org, pk, role=Role(serializer.validated_data["role"]), actor=self.user)
        except members.LastOwner as refused:
            raise Conflict(refused.message, code="last_owner") from refused
        return Response(self.get_serializer(member).data)

    @extend_schema(description="Removes the member, who loses access at once.")
    def destroy(self, request: Request, pk: int) -> Response:
        self._ask_about_owners(self.get_object())
        try:
            members.remove_member(self.org, pk, actor=self.user)
        except members.LastOwner as refused:
            raise Conflict(refused.message, code="last_owner") from refused
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _ask_about_owners(self, target: Membership) -> None:
        if members.unseats(self.membership, target) and not is_fresh(self.request._request):
            raise PermissionDenied("Confirm who you are in the browser first.", code="reauthentication_required")


class InvitationViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = Invitation
    serializer_class = InvitationSerializer
    permissions: ClassVar = {
        "list": Permission.MEMBERS_MANAGE,
        "retrieve": Permission.MEMBERS_MANAGE,
        "create": Permission.MEMBERS_MANAGE,
        "destroy": Permission.MEMBERS_MANAGE,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(accepted_at=None, revoked_at=None)

    @extend_schema(description="Sends the link by mail. An address that is invited already gets a new one.")
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        email, role = serializer.validated_data["email"], Role(serializer.validated_data["role"])
        self.membership.user = self.user
        try:
            sent = invitations.invite(self.org, [email], role=role, actor=self.membership)
        except TooMany as refused:
            raise Throttled(wait=DAY.total_seconds()) from refused
        if sent.members:
            raise Conflict("This person is a member already.", code="member")
        found = self.get_queryset().get(email=email)
        return Response(self.get_serializer(found).data, status=status.HTTP_201_CREATED)

    @extend_schema(description="Revokes the invitation: its link stops working.")
    def destroy(self, request: Request, pk: int) -> Response:
        invitations.revoke(self.org, pk, actor=self.membership)
        return Response(status=status.HTTP_204_NO_CONTENT)
