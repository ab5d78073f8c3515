"""The events of projects, their brands and prompts, and provider keys."""

from django.utils.translation import gettext_lazy as _

from orgs.events import declare

declare(
    {
        "project.created": _("A project was created"),
        "project.updated": _("A project's settings were changed"),
        "project.archived": _("A project was archived"),
        "project.restored": _("A project was restored"),
        "brand.saved": _("A brand was added or changed"),
        "brand.removed": _("A brand was removed"),
        "prompts.added": _("Prompts were added"),
        "prompt.updated": _("A prompt was changed"),
        "prompt.archived": _("A prompt was archived"),
        "provider_key.saved": _("A provider key was saved"),
        "provider_key.removed": _("A provider key was removed"),
    }
)
