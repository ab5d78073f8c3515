"""What the operators' pages of every table share: cheap counts, records nobody changes, acts that ask first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.paginator import Paginator
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise, cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

COUNTED = 10_000  # a list says no more than this; nobody pages further
ACTED_ON = 500  # rows of one act

Act = Callable[[Any, HttpRequest, QuerySet[Any]], Any]


class CheapCount(Paginator):
    """Counts as far as anybody pages, so that a table of millions opens as fast as one of hundreds."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class OperatorAdmin(ModelAdmin):
    paginator = CheapCount
    show_full_result_count = False
    list_per_page = 50

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """No value of a table has a NUL in it, and the database refuses to look for one."""
        if any("\0" in value for _name, values in request.GET.lists() for value in values):
            return redirect(request.path)
        return super().changelist_view(request, extra_context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's own deletion of many rows: each table says itself what may be done to several at once."""
        return {name: act for name, act in super().get_actions(request).items() if name != "delete_selected"}


class LookedAtAdmin(OperatorAdmin):
    """Rows that are looked at, and changed only where `editable` says so. `exclude` keeps secrets off the page,
    `readonly_fields` adds what is no column."""

    editable: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        kept = (*(self.exclude or ()), *self.editable)
        fields = [field.name for field in (*self.opts.fields, *self.opts.many_to_many) if field.name not in kept]
        return [*fields, *self.readonly_fields]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [*self.get_readonly_fields(request, obj), *self.editable]


class RecordAdmin(LookedAtAdmin):
    """Rows that record what happened: nobody changes or deletes them."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def asks_first(question: Callable[[], str]) -> Callable[[Act], Act]:
    """An act on chosen rows that shows them and its question before it is done. `question` is translated when asked."""

    def decorate(act: Act) -> Act:
        @wraps(act)
        def asked(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
            rows = list(queryset[: ACTED_ON + 1])
            if len(rows) > ACTED_ON:
                text = _("At most %(number)s rows at once. Choose fewer.") % {"number": ACTED_ON}
                page.message_user(request, text, level=messages.ERROR)
                return None
            if request.POST.get("confirmed"):
                act(page, request, queryset)
                return None
            return _question(page, request, rows, act=asked.__name__, question=question())

        return asked

    return decorate


def _question(page: Any, request: HttpRequest, rows: list[Any], *, act: str, question: str) -> TemplateResponse:
    context = {
        **page.admin_site.each_context(request),
        "title": capfirst(str(page.get_actions(request)[act][2])),
        "question": question,
        "rows": rows,
        "opts": page.opts,
        "act": act,
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/confirm_act.html", context)


def chosen(
    title: str | Promise, field: str, values: Callable[[], Iterable[tuple[str, Any]]]
) -> type[admin.SimpleListFilter]:
    """A filter whose choices are known to the code: a table of millions is not read to find them out."""

    class Chosen(admin.SimpleListFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
            return list(values())

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    Chosen.title = title  # type: ignore[assignment]  # translated when it is shown
    return Chosen


def changes(row: Model, before: Model, fields: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of `fields` that differ, as they were and as they are, fit for a record."""
    different = [name for name in fields if getattr(before, name) != getattr(row, name)]
    return {name: _plain(before, name) for name in different}, {name: _plain(row, name) for name in different}


def _plain(row: Model, name: str) -> Any:
    field = row._meta.get_field(name)
    value = getattr(row, field.attname if isinstance(field, Field) else name)
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)
