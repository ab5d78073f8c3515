"""Allauth's forms answer as ours do."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse


class RefusedForms:
    """Middleware: a page that shows a form again because of what was posted has the status 422."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        if request.method == "POST" and response.status_code == HTTPStatus.OK and _shows_errors(response):
            response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return response


def _shows_errors(response: TemplateResponse) -> bool:
    form: Any = (response.context_data or {}).get("form")
    return bool(getattr(form, "is_bound", False) and form.errors)
