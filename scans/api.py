"""The API's scans and answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.db import models
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from orgs.keyset import whole_number
from orgs.rest import Conflict, OrgViewSet, PaymentRequired
from orgs.roles import Permission
from prompts.api import OF_PROJECT, LiveProjects, of_project
from prompts.models import Project
from scans.launch import MAX_SAMPLES, CannotStart, cancel_scan, resume_scan, retry_failed, start_scan
from scans.models import Answer, Citation, Mention, Scan
from scans.pauses import pauses_of
from scans.plan import forecast_for

OF_SCAN = OpenApiParameter("scan", OpenApiTypes.INT64, description="Only those of this scan.")
SCAN_FIELDS = [
    "id",
    "project",
    "status",
    "source",
    "engines",
    "samples",
    "total",
    "simulated",
    "created_at",
    "started_at",
    "finished_at",
]
ANSWER_FIELDS = [
    "id",
    "scan",
    "project",
    "prompt",
    "prompt_text",
    "country",
    "language",
    "engine",
    "sample",
    "status",
    "text",
    "model",
    "surface",
    "simulated",
    "finish_reason",
    "searches",
    "input_tokens",
    "output_tokens",
    "cost",
    "latency_ms",
    "error_kind",
    "error",
    "created_at",
    "finished_at",
]


class ScanStartSerializer(serializers.Serializer[Scan]):
    project = LiveProjects(Project)
    engines = serializers.ListField(
        child=serializers.CharField(max_length=120),
        required=False,
        allow_empty=False,
        max_length=50,
        help_text="The project's own where missing.",
    )
    samples = serializers.IntegerField(min_value=1, max_value=MAX_SAMPLES, required=False)


class RangeSerializer(serializers.Serializer[Any]):
    """The middle 80 % of what it may come to."""

    low = serializers.FloatField()
    likely = serializers.FloatField()
    high = serializers.FloatField()


class ForecastSerializer(serializers.Serializer[Any]):
    answers = serializers.IntegerField()
    n = serializers.IntegerField(help_text="Recent answers of your own behind it; without any the catalogue is.")
    tokens = RangeSerializer()
    cost = RangeSerializer(allow_null=True, help_text="US dollars, of the engines whose price is known.")
    seconds = RangeSerializer(help_text="At the limits of now, if nothing else is asked meanwhile.")
    unpriced = serializers.ListField(child=serializers.CharField(), help_text="Engines whose price nobody knows.")
    simulated = serializers.BooleanField()
    budget = serializers.CharField(help_text="What this month's budgets do not hold of it; empty where it fits.")


class RetrySerializer(serializers.Serializer[Any]):
    retried = serializers.IntegerField(help_text="Answers that are asked again.")


class ResumeSerializer(serializers.Serializer[Any]):
    resumed = serializers.IntegerField(help_text="Answers that are asked now.")


class BudgetStopSerializer(serializers.Serializer[Any]):
    """The monthly budget that stopped a scan: the project's, or where `project` is null the organization's."""

    project = serializers.IntegerField(allow_null=True)
    limit = serializers.ChoiceField(["answers", "money"])
    amount = serializers.CharField(help_text="Answers, or US dollars.")
    month = serializers.DateField()
    starts_anew = serializers.DateField()


class ScanSerializer(serializers.ModelSerializer[Scan]):
    budget_stop = BudgetStopSerializer(allow_null=True, read_only=True)

    class Meta:
        model = Scan
        fields = [*SCAN_FIELDS, "budget_stop"]
        read_only_fields = fields


class PauseSerializer(serializers.Serializer[Any]):
    """An engine of the scan that is not asked right now."""

    engine = serializers.CharField()
    kind = serializers.CharField(
        help_text="breaker_open, day_spent, rate_limited, redis_down, budget_held, or what the last calls failed with."
    )
    reason = serializers.CharField(help_text="In the language that you ask for (Accept-Language).")
    until = serializers.DateTimeField(allow_null=True, help_text="null where nobody can tell.")


class WholeScanSerializer(ScanSerializer):
    pauses = serializers.SerializerMethodField(help_text="What waits while the scan runs, and why.")

    class Meta(ScanSerializer.Meta):
        fields = [*ScanSerializer.Meta.fields, "pauses"]
        read_only_fields = fields

    @extend_schema_field(PauseSerializer(many=True))
    def get_pauses(self, scan: Scan) -> Any:
        found = [{"engine": engine, **asdict(pause)} for engine, pause in sorted(pauses_of(scan).items())]
        return PauseSerializer(found, many=True).data


class MentionSerializer(serializers.ModelSerializer[Mention]):
    class Meta:
        model = Mention
        fields = ["brand", "start", "end", "kind", "text", "rank"]
        read_only_fields = fields


class CitationSerializer(serializers.ModelSerializer[Citation]):
    class Meta:
        model = Citation
        fields = ["url", "normalized_url", "domain", "title", "kind", "brand", "position", "cited"]
        read_only_fields = fields


class AnswerSerializer(serializers.ModelSerializer[Answer]):
    error = serializers.CharField(
        source="failure",
        read_only=True,
        help_text="In the language that you ask for (Accept-Language), or the provider's own words.",
    )

    class Meta:
        model = Answer
        fields = ANSWER_FIELDS
        read_only_fields = ANSWER_FIELDS


class WholeAnswerSerializer(AnswerSerializer):
    mentions = MentionSerializer(many=True, read_only=True)
    citations = CitationSerializer(many=True, read_only=True)

    class Meta(AnswerSerializer.Meta):
        fields = [*ANSWER_FIELDS, "mentions", "citations"]
        read_only_fields = fields


def refused(problem: CannotStart) -> APIException:
    """How a scan that cannot start is answered."""
    if problem.code in ("quota", "budget"):
        return PaymentRequired(problem.message, code=problem.code)
    if problem.code == "already_running":
        return Conflict(problem.message, code=problem.code)
    return ValidationError({"detail": problem.message, "code": problem.code})


class ScanViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = Scan
    serializer_class = ScanSerializer
    permissions: ClassVar = {
        "list": Permission.SCANS_VIEW,
        "retrieve": Permission.SCANS_VIEW,
        "create": Permission.SCANS_START,
        "estimate": Permission.SCANS_START,
        "cancel": Permission.SCANS_CANCEL,
        "retry": Permission.SCANS_START,
        "resume": Permission.SCANS_START,
    }

    def get_queryset(self) -> models.QuerySet[Any]:
        return of_project(self, super().get_queryset())

    def get_serializer_class(self) -> type[ScanSerializer]:
        return WholeScanSerializer if self.action == "retrieve" else ScanSerializer

    @extend_schema(parameters=[OF_PROJECT])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(request=ScanStartSerializer, responses={201: ScanSerializer}, description="Starts a scan.")
    def create(self, request: Request) -> Response:
        serializer = ScanStartSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        try:
            scan = start_scan(**serializer.validated_data, source=Scan.Source.API, actor=self.user)
        except CannotStart as problem:
            raise refused(problem) from problem
        return Response(ScanSerializer(scan).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=ScanStartSerializer, responses=ForecastSerializer, description="What this scan would ask and cost."
    )
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        serializer = ScanStartSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        try:
            found = forecast_for(**serializer.validated_data)
        except CannotStart as problem:
            raise refused(problem) from problem
        return Response(ForecastSerializer(found).data)

    @extend_schema(request=None, responses=ScanSerializer, description="Asks nothing more. Answers so far stay.")
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        scan = self.get_object()
        if not cancel_scan(scan, actor=self.user):
            raise Conflict("This scan has ended already.", code="ended")
        return Response(ScanSerializer(scan).data)

    @extend_schema(request=None, responses=RetrySerializer, description="Asks the failed answers again.")
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: int) -> Response:
        try:
            retried = retry_failed(self.get_object(), actor=self.user)
        except CannotStart as problem:
            raise refused(problem) from problem
        return Response({"retried": retried})

    @extend_schema(
        request=None, responses=ResumeSerializer, description="Asks what a monthly budget stopped, once there is room."
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: int) -> Response:
        try:
            resumed = resume_scan(self.get_object(), actor=self.user)
        except CannotStart as problem:
            raise refused(problem) from problem
        return Response({"resumed": resumed})


class AnswerViewSet(ListModelMixin, RetrieveModelMixin, OrgViewSet):
    model = Answer
    serializer_class = AnswerSerializer
    permissions: ClassVar = {"list": Permission.SCANS_VIEW, "retrieve": Permission.SCANS_VIEW}

    def get_queryset(self) -> models.QuerySet[Any]:
        answers = of_project(self, super().get_queryset())
        if self.action == "retrieve":
            return answers.prefetch_related("mentions", "citations")
        wanted = self.request.query_params.get("scan")
        if wanted is None:
            return answers
        pk = whole_number(wanted)
        if pk is None:
            raise NotFound("No such scan.")
        return answers.filter(scan_id=pk)

    def get_serializer_class(self) -> type[AnswerSerializer]:
        return WholeAnswerSerializer if self.action == "retrieve" else AnswerSerializer

    @extend_schema(parameters=[OF_PROJECT, OF_SCAN])
    def list(self, request: Request) -> Response:
        return super().list(request)
