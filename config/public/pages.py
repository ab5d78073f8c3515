"""The pages in front of the product, and what crawlers ask for."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from billing import plans
from config.public import claims, structured
from config.public.documents import library
from config.public.frame import address, show
from orgs.views.home import home


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Members go on to their organization; strangers are told what this is, where the operator wants that."""
    if request.user.is_authenticated:
        return home(request)
    return landing(request) if settings.PUBLIC_SITE else redirect_to_login("/")


def landing(request: HttpRequest) -> HttpResponse:
    description = _(
        "Prompter asks AI assistants the questions your customers ask, keeps every answer, and measures how often"
        " they name you, with the uncertainty stated."
    )
    faq = claims.questions()
    data = structured.script(structured.application(description), structured.faq_page(faq))
    return show(
        request,
        "public/landing.html",
        title=_("See how AI assistants speak of your company"),
        description=description,
        context={"faq": faq, "structured": data},
    )


@require_safe
def features(request: HttpRequest) -> HttpResponse:
    _only_where_public()
    return show(
        request,
        "public/features.html",
        title=_("Features"),
        description=_(
            "What Prompter does: scans, matching, measures with intervals, teams, security and self-hosting."
        ),
        context={"groups": claims.features()},
    )


@require_safe
def pricing(request: HttpRequest) -> HttpResponse:
    _only_where_public()
    return show(
        request,
        "public/pricing.html",
        title=_("Pricing"),
        description=_("Self-hosting is free and has no limits. Hosted plans differ in answers, projects and members."),
        context={"plans": plans.PLANS, "currency": plans.CURRENCY, "monthly_answers": settings.MONTHLY_ANSWERS},
    )


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    if settings.PRIVACY_URL:
        return redirect(settings.PRIVACY_URL)
    return show(
        request, "public/privacy.html", title=_("Privacy"), description=_("What this installation stores of people.")
    )


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    if settings.TERMS_URL:
        return redirect(settings.TERMS_URL)
    return show(
        request, "public/terms.html", title=_("Terms"), description=_("The terms under which this site is offered.")
    )


@require_safe
@cache_control(max_age=3600)
def robots(request: HttpRequest) -> HttpResponse:
    """An installation without a public face is nobody's to crawl."""
    hidden = ["/o/", "/accounts/", "/operators/", "/api/", "/invitations/", "/organizations/"]
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in hidden if settings.PUBLIC_SITE)]
    lines += ["", f"Sitemap: {address('/sitemap.xml')}"] if settings.PUBLIC_SITE else ["Disallow: /"]
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(max_age=3600)
def llms(request: HttpRequest) -> HttpResponse:
    """The site for language models, in the form of llmstxt.org."""
    _only_where_public()
    pages = [f"- [{document.title}]({address(document.url)}): {document.description}" for document in library().guide()]
    lines = [
        "# Prompter",
        "",
        "> Prompter asks AI assistants the questions that a company's customers ask, keeps every answer, and measures"
        " how often they name the company and which sources they cite. It is open source (MIT) and self-hosted.",
        "",
        "## Documentation",
        "",
        *pages,
        "",
        "## Product",
        "",
        f"- [Features]({address('/features/')}): what it does today",
        f"- [Pricing]({address('/pricing/')}): plans and their limits",
        "",
    ]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(max_age=3600)
def manifest(request: HttpRequest) -> HttpResponse:
    icons = [
        {"src": static(f"img/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"} for size in (192, 512)
    ]
    body = {
        "name": "Prompter",
        "short_name": "Prompter",
        "start_url": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#1f3766",
        "icons": icons,
    }
    return JsonResponse(body, content_type="application/manifest+json")


@require_safe
@cache_control(max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """Asked for by programs that read no page; pages name the file itself."""
    return redirect(static("img/favicon.ico"))


@require_safe
@cache_control(max_age=86_400)
def touch_icon(request: HttpRequest) -> HttpResponse:
    return redirect(static("img/apple-touch-icon.png"))


def _only_where_public() -> None:
    if not settings.PUBLIC_SITE:
        raise Http404
