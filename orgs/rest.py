"""The door to every API resource: login, organization, membership, permission, scope, in that order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import models, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.authentication import SessionScheme
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from orgs.access import membership_of
from orgs.keyset import whole_number
from orgs.models import Membership, Organization
from orgs.roles import Permission
from orgs.scoping import OrgModel, org_scope

if TYPE_CHECKING:
    from accounts.models import User


class SessionLogin(SessionAuthentication):
    """The browser's session. Nobody signed in is 401, where Django REST framework alone would say 403."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class SessionLoginScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = "orgs.rest.SessionLogin"


class Keyset(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        # Django REST framework compares whatever text the cursor holds with the ids.
        if cursor is not None and cursor.position is not None and whole_number(cursor.position) is None:
            raise NotFound(self.invalid_cursor_message)
        return cursor


class Conflict(APIException):
    status_code = 409
    default_detail = "This contradicts the present state."
    default_code = "conflict"


class PaymentRequired(APIException):
    status_code = 402
    default_detail = "This goes beyond the organization's allowance."
    default_code = "quota"


class ScopedField(serializers.PrimaryKeyRelatedField):
    """A reference to another row of the same organization; any other is refused as if it did not exist."""

    def __init__(self, model: type[OrgModel], **kwargs: Any) -> None:
        self.model = model
        super().__init__(pk_field=serializers.IntegerField(), **kwargs)

    def get_queryset(self) -> models.QuerySet[Any]:
        return self.model.objects.for_org(self.context["view"].org)


class OrgViewSet(GenericViewSet):
    """Resources of one organization. `permissions` maps each action to what it needs; one that is missing is refused.
    The whole answer, rendering included, is made inside the organization's scope."""

    permissions: ClassVar[Mapping[str, Permission]] = {}
    model: ClassVar[type[OrgModel]]
    authentication_classes = [SessionLogin]
    permission_classes = [IsAuthenticated]
    pagination_class = Keyset
    metadata_class = None
    http_method_names = ["get", "head", "post", "patch", "delete"]
    lookup_value_converter = "int"

    org: Organization
    membership: Membership

    def dispatch(self, request: HttpRequest, org_slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.org_slug, self._in_scope = org_slug, False
        with ExitStack() as self._scopes:
            response = cast(Response, super().dispatch(request, *args, **kwargs))
            return cast(HttpResponseBase, response.render())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        user = cast("User", request.user)
        self.membership = membership_of(user, self.org_slug)
        self.org = self.membership.org
        # A method that the resource does not have is answered 405 further on.
        if self.action is not None and str(request.method).lower() in self.http_method_names:
            self._demand(self.action)
        self._scopes.enter_context(org_scope(self.org, user_id=user.pk))
        self._in_scope = True

    def _demand(self, action: str) -> None:
        permission = self.permissions.get(action)
        if permission is None or not self.membership.allows(permission):
            raise PermissionDenied(f"Your role may not do this ({permission or action}).")

    def handle_exception(self, exc: Exception) -> Response:
        response: Response = super().handle_exception(exc)
        if self._in_scope:
            transaction.set_rollback(True)  # the answer is an error: nothing of the request stays
        return response

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.model.objects.for_org(0)
        return self.model.objects.for_org(self.org)

    @property
    def user(self) -> User:
        return cast("User", self.request.user)
