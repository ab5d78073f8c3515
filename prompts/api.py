"""The API's projects, brands and prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from django.db import models
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.keyset import whole_number
from orgs.naming import UnfitName, clean_title
from orgs.rest import Conflict, OrgViewSet, ScopedField
from orgs.roles import Permission
from prompts import brand_names, library
from prompts.credentials import available_engines
from prompts.csv_import import PromptRow
from prompts.models import Brand, Project, Prompt
from prompts.prompt_text import (
    MAX_TAG,
    MAX_TAGS,
    PromptTextError,
    clean_country,
    clean_language,
    clean_tags,
    clean_text,
)
from prompts.views.engines import problems

OF_PROJECT = OpenApiParameter("project", OpenApiTypes.INT64, description="Only those of this project.")


def cleaned(clean: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """A serializer's `validate_<field>` that runs one of our own functions."""

    def validate(self: Any, value: Any) -> Any:
        try:
            return clean(value)
        except (PromptTextError, brand_names.BrandError, UnfitName) as error:
            raise serializers.ValidationError(str(error)) from error

    return validate


def _clean_list_of_tags(tags: Iterable[str]) -> list[str]:
    return list(clean_tags("\n".join(tags)))


def of_project(view: OrgViewSet, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Rows of the project named by `?project=`, or of all; never those of archived ones."""
    rows = rows.filter(project__archived_at=None)
    wanted = view.request.query_params.get("project")
    if wanted is None:
        return rows
    pk = whole_number(wanted)
    if pk is None:
        raise NotFound("No such project.")
    return rows.filter(project_id=pk)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    samples = serializers.IntegerField(min_value=1, max_value=10, default=1)
    engines = serializers.ListField(child=serializers.CharField(max_length=120), required=False, max_length=50)

    class Meta:
        model = Project
        fields = ["id", "name", "slug", "country", "language", "engines", "samples", "created_at"]
        read_only_fields = ["slug", "created_at"]

    validate_name = cleaned(clean_title)
    validate_country = cleaned(clean_country)
    validate_language = cleaned(clean_language)

    def validate_engines(self, keys: list[str]) -> list[str]:
        kept = self.instance.engines if isinstance(self.instance, Project) else ()
        found = problems(keys, choices=available_engines(self.context["view"].org.pk), kept=kept)
        if found:
            raise serializers.ValidationError(found)
        return list(dict.fromkeys(keys))


class ProjectPart(serializers.Serializer[Brand]):
    """Rows that belong to a project for good: it is named when they are created."""

    def update_is_of_another_project(self, given: dict[str, Any]) -> bool:
        return self.instance is not None and "project" in given and given["project"] != self.instance.project

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.update_is_of_another_project(given):
            raise serializers.ValidationError({"project": "It cannot move to another project."})
        return given


class LiveProjects(ScopedField):
    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(archived_at=None)


class BrandSerializer(ProjectPart, serializers.ModelSerializer[Brand]):  # type: ignore[misc]
    project = LiveProjects(Project)
    name = serializers.CharField(max_length=400)
    aliases = serializers.ListField(child=serializers.CharField(max_length=400), required=False, max_length=200)
    domains = serializers.ListField(child=serializers.CharField(max_length=400), required=False, max_length=200)

    class Meta:
        model = Brand
        fields = ["id", "project", "name", "aliases", "domains", "is_own", "created_at"]
        read_only_fields = ["created_at"]
        validators: ClassVar[list[Any]] = []

    validate_name = cleaned(brand_names.clean_name)
    validate_aliases = cleaned(lambda names: brand_names.clean_names("\n".join(names)))
    validate_domains = cleaned(lambda hosts: brand_names.clean_domains("\n".join(hosts)))


class PromptSerializer(ProjectPart, serializers.ModelSerializer[Prompt]):  # type: ignore[misc]
    project = LiveProjects(Project)
    text = serializers.CharField(trim_whitespace=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=MAX_TAG), required=False, max_length=MAX_TAGS)

    class Meta:
        model = Prompt
        fields = [
            "id",
            "project",
            "text",
            "tags",
            "country",
            "language",
            "is_branded",
            "is_active",
            "created_at",
            "archived_at",
        ]
        read_only_fields = ["created_at", "archived_at"]
        validators: ClassVar[list[Any]] = []

    validate_text = cleaned(clean_text)
    validate_country = cleaned(clean_country)
    validate_language = cleaned(clean_language)
    validate_tags = cleaned(_clean_list_of_tags)


# No docstring: it would be the description of every resource in the schema. Creating and changing go through the
# library, so that the browser and the API do the same.
class EditableViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = self._saved(None, dict(serializer.validated_data))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        row = self.get_object()
        serializer = self.get_serializer(row, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return Response(self.get_serializer(self._saved(row, dict(serializer.validated_data))).data)

    def _saved(self, row: Any, given: dict[str, Any]) -> Any:
        try:
            return self.save(row, given)
        except library.Taken as taken:
            raise Conflict({taken.field: [str(taken)]}) from taken

    def save(self, row: Any, given: dict[str, Any]) -> Any:
        """`row` with `given` written to it, or a new one where it is None."""
        raise NotImplementedError


def _fields(kind: type[Any], row: models.Model | None, given: dict[str, Any]) -> Any:
    """A library's fields: what was given, else what the row has, else the default."""
    names = kind.__slots__
    present = {name: getattr(row, name) for name in names} if row is not None else {}
    return kind(**{**present, **{name: value for name, value in given.items() if name in names}})


class ProjectViewSet(EditableViewSet):
    model = Project
    serializer_class = ProjectSerializer
    permissions: ClassVar = {
        "list": Permission.PROJECTS_VIEW,
        "retrieve": Permission.PROJECTS_VIEW,
        "create": Permission.PROJECTS_CREATE,
        "partial_update": Permission.PROJECTS_EDIT,
        "destroy": Permission.PROJECTS_CREATE,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(archived_at=None)

    def save(self, row: Project | None, given: dict[str, Any]) -> Project:
        engines, fields = given.pop("engines", None), _fields(library.ProjectFields, row, given)
        if row is None:
            row = library.create_project(self.org, fields, actor=self.user)
        elif given:
            library.update_project(row, fields, actor=self.user)
        if engines is not None:
            library.choose_engines(row, engines, actor=self.user)
        return row

    @extend_schema(description="Archives the project: nothing is deleted.")
    def destroy(self, request: Request, pk: int) -> Response:
        library.archive_project(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BrandViewSet(EditableViewSet):
    model = Brand
    serializer_class = BrandSerializer
    permissions: ClassVar = {
        "list": Permission.PROJECTS_VIEW,
        "retrieve": Permission.PROJECTS_VIEW,
        "create": Permission.BRANDS_EDIT,
        "partial_update": Permission.BRANDS_EDIT,
        "destroy": Permission.BRANDS_EDIT,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return of_project(self, super().get_queryset())

    @extend_schema(parameters=[OF_PROJECT])
    def list(self, request: Request) -> Response:
        return super().list(request)

    def save(self, row: Brand | None, given: dict[str, Any]) -> Brand:
        project = row.project if row is not None else given["project"]
        return library.save_brand(project, _fields(library.BrandFields, row, given), brand=row, actor=self.user)

    def destroy(self, request: Request, pk: int) -> Response:
        library.remove_brand(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PromptViewSet(EditableViewSet):
    model = Prompt
    serializer_class = PromptSerializer
    permissions: ClassVar = {
        "list": Permission.PROJECTS_VIEW,
        "retrieve": Permission.PROJECTS_VIEW,
        "create": Permission.PROMPTS_EDIT,
        "partial_update": Permission.PROMPTS_EDIT,
        "destroy": Permission.PROMPTS_EDIT,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return of_project(self, super().get_queryset())

    @extend_schema(parameters=[OF_PROJECT], description="Archived prompts are listed too: see `archived_at`.")
    def list(self, request: Request) -> Response:
        return super().list(request)

    def save(self, row: Prompt | None, given: dict[str, Any]) -> Prompt:
        fields = _fields(library.PromptFields, row, given)
        if row is not None:
            library.edit_prompt(row, fields, actor=self.user)
            return row
        return self._added(given["project"], fields)

    def _added(self, project: Project, fields: library.PromptFields) -> Prompt:
        new = PromptRow(
            line=1,
            text=fields.text,
            tags=tuple(fields.tags),
            country=fields.country,
            language=fields.language,
            is_branded=fields.is_branded,
        )
        if not library.add_prompts(project, [new], actor=self.user).added:
            raise library.Taken(str(library.TRACKED), field="text")
        prompt = Prompt.objects.for_org(self.org).get(project=project, key=new.key, archived_at=None)
        if not fields.is_active:
            library.edit_prompt(prompt, fields, actor=self.user)
        return prompt

    @extend_schema(description="Archives the prompt: its answers stay.")
    def destroy(self, request: Request, pk: int) -> Response:
        library.archive_prompt(cast(Prompt, self.get_object()), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
