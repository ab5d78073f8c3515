"""The API's schedules: one a project, named by the project."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, ClassVar

from django.db import models
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.rest import OrgViewSet
from orgs.roles import Permission
from prompts.api import OF_PROJECT, of_project
from prompts.credentials import available_engines
from prompts.models import Project
from prompts.views.engines import problems
from scans import schedule as schedules
from scans.api import ScanSerializer, refused
from scans.launch import MAX_SAMPLES, CannotStart
from scans.models import Scan, Schedule
from scans.outlook import NEXT
from scans.schedule import MAX_JITTER, ScheduleFields
from scans.timetable import MAX_EXPRESSION, BadTimetable

_TOLD = ["paused_at", "next_start_at", "last_slot_at", "last_problem", "created_at"]


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    cadence = serializers.ChoiceField(choices=Schedule.Cadence.choices)
    time_of_day = serializers.TimeField(default=time(2), help_text="For every day and every week.")
    weekday = serializers.IntegerField(min_value=0, max_value=6, default=0, help_text="0 is Monday. For every week.")
    cron = serializers.CharField(
        max_length=MAX_EXPRESSION,
        allow_blank=True,
        default="",
        help_text="Five fields: minute, hour, day of the month, month, day of the week.",
    )
    time_zone = serializers.CharField(max_length=64, help_text="An IANA name, as in Europe/Berlin.")
    engines = serializers.ListField(
        child=serializers.CharField(max_length=120), max_length=50, default=list, help_text="Empty: the project's."
    )
    samples = serializers.IntegerField(
        min_value=1, max_value=MAX_SAMPLES, allow_null=True, default=None, help_text="Null: the project's."
    )
    jitter_minutes = serializers.IntegerField(
        min_value=0, max_value=MAX_JITTER, default=10, help_text="It starts within so many minutes after its time."
    )
    economy = serializers.BooleanField(default=False, help_text="By the providers' cheaper batch endpoints.")
    last_problem = serializers.CharField(
        source="failure",
        read_only=True,
        help_text="Why the last time started no scan, in the language that you ask for.",
    )
    next_slots = serializers.SerializerMethodField(help_text="The next times by the timetable; none while paused.")

    class Meta:
        model = Schedule
        fields = [
            "project",
            "cadence",
            "time_of_day",
            "weekday",
            "cron",
            "time_zone",
            "engines",
            "samples",
            "jitter_minutes",
            "economy",
            "next_slots",
            *_TOLD,
        ]
        read_only_fields = ["project", *_TOLD]

    def get_next_slots(self, schedule: Schedule) -> list[datetime]:
        if schedule.is_paused:
            return []
        return schedule.timetable.upcoming(timezone.now(), count=NEXT)

    def validate_engines(self, keys: list[str]) -> list[str]:
        kept = self.instance.engines if isinstance(self.instance, Schedule) else ()
        found = problems(keys, choices=available_engines(self.context["view"].org.pk), kept=kept)
        if found:
            raise serializers.ValidationError(found)
        return list(dict.fromkeys(keys))

    def fields_given(self) -> ScheduleFields:
        return ScheduleFields(**{**self.validated_data, "engines": tuple(self.validated_data["engines"])})


class ScheduleViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = Schedule
    serializer_class = ScheduleSerializer
    lookup_field = "project_id"
    lookup_url_kwarg = "project"
    http_method_names = ["get", "head", "put", "post"]
    permissions: ClassVar = {
        "list": Permission.PROJECTS_VIEW,
        "retrieve": Permission.PROJECTS_VIEW,
        "update": Permission.SCHEDULES_EDIT,
        "pause": Permission.SCHEDULES_EDIT,
        "resume": Permission.SCHEDULES_EDIT,
        "run": Permission.SCANS_START,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return of_project(self, super().get_queryset())

    @extend_schema(parameters=[OF_PROJECT])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(description="Sets the project's schedule, or changes it from its next time on.")
    def update(self, request: Request, project: int) -> Response:
        found = self._project(project)
        serializer = self.get_serializer(schedules.schedule_of(found), data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            saved = schedules.save_schedule(found, serializer.fields_given(), actor=self.user)
        except BadTimetable as bad:
            raise ValidationError({bad.field: [str(bad)]}) from bad
        return self._told(saved)

    @extend_schema(request=None, responses=ScheduleSerializer, description="Starts nothing by itself until resumed.")
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, project: int) -> Response:
        schedules.pause(self.get_object().project, actor=self.user)
        return self._told(self.get_object())

    @extend_schema(request=None, responses=ScheduleSerializer, description="Goes on with its next time.")
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, project: int) -> Response:
        schedules.resume(self.get_object().project, actor=self.user)
        return self._told(self.get_object())

    @extend_schema(request=None, responses={201: ScanSerializer}, description="Starts now what a slot would start.")
    @action(detail=True, methods=["post"])
    def run(self, request: Request, project: int) -> Response:
        schedule = self.get_object()
        try:
            scan = schedules.run_now(schedule, schedule.project, actor=self.user, source=Scan.Source.API)
        except CannotStart as problem:
            raise refused(problem) from problem
        return Response(ScanSerializer(scan).data, status=status.HTTP_201_CREATED)

    def _project(self, pk: int) -> Project:
        return get_object_or_404(Project.objects.for_org(self.org).filter(archived_at=None), pk=pk)

    def _told(self, schedule: Schedule) -> Response:
        return Response(self.get_serializer(schedule).data)
