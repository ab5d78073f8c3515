"""Every action of the API names its permission, serializers list their fields, and the schema is committed."""

import io
from collections.abc import Iterator

import yaml
from django.core.management import call_command
from rest_framework import serializers

from orgs.models import Organization
from orgs.rest import OrgViewSet
from orgs.roles import Permission
from tests.guards.tree import ROOT, addresses

STANDARD = ("list", "retrieve", "create", "update", "partial_update", "destroy")


def actions_of(viewset: type[OrgViewSet]) -> set[str]:
    named = {name for name in STANDARD if hasattr(viewset, name)}
    return named | {extra.__name__ for extra in viewset.get_extra_actions()}


def viewsets() -> list[type[OrgViewSet]]:
    found = {getattr(address.callback, "cls", None) for address in addresses() if "org_slug" in address.arguments}
    return sorted((v for v in found if v is not None and issubclass(v, OrgViewSet)), key=lambda v: v.__name__)


def viewset_problems(viewset: type[OrgViewSet]) -> Iterator[str]:
    for action in sorted(actions_of(viewset)):
        if not isinstance(viewset.permissions.get(action), Permission):
            yield f"{viewset.__name__}.{action} names no permission"


def serializer_problems(serializer: type[serializers.BaseSerializer]) -> Iterator[str]:
    meta = getattr(serializer, "Meta", None)
    if meta is not None and (getattr(meta, "fields", None) in (None, "__all__") or hasattr(meta, "exclude")):
        yield f"{serializer.__name__} does not list its fields"


def all_serializers(root: type = serializers.BaseSerializer) -> Iterator[type[serializers.BaseSerializer]]:
    for child in root.__subclasses__():
        if child.__module__.split(".")[0] not in ("rest_framework", "drf_spectacular"):
            yield child
        yield from all_serializers(child)


def schema() -> str:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return out.getvalue()


def test_every_action_names_its_permission() -> None:
    assert len(viewsets()) >= 5
    assert [problem for viewset in viewsets() for problem in viewset_problems(viewset)] == []


def test_every_serializer_lists_its_fields() -> None:
    ours = set(all_serializers())
    assert ours
    assert [problem for serializer in ours for problem in serializer_problems(serializer)] == []


def test_the_committed_schema_is_the_current_one() -> None:
    committed = (ROOT / "docs" / "openapi.yaml").read_text()
    assert yaml.safe_load(committed) == yaml.safe_load(schema()), "run: manage.py spectacular --file docs/openapi.yaml"


def test_planted_faults_are_found() -> None:
    class Careless(OrgViewSet):
        permissions = {"list": Permission.PROJECTS_VIEW}

        def list(self, request: object) -> None: ...
        def destroy(self, request: object) -> None: ...

    class Everything(serializers.ModelSerializer):
        class Meta:
            model = Organization
            fields = "__all__"

    assert list(viewset_problems(Careless)) == ["Careless.destroy names no permission"]
    assert list(serializer_problems(Everything)) == ["Everything does not list its fields"]
    Everything.Meta.fields = ("name",)  # leaves nothing behind for the walk over all serializers
