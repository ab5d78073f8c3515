"""The events of projects, their brands and prompts, and provider keys."""

from orgs.events import declare

declare(
    {
        "project.created": "A project was created",
        "project.updated": "A project's settings were changed",
        "project.archived": "A project was archived",
        "project.restored": "A project was restored",
        "brand.saved": "A brand was added or changed",
        "brand.removed": "A brand was removed",
        "prompts.added": "Prompts were added",
        "prompt.updated": "A prompt was changed",
        "prompt.archived": "A prompt was archived",
        "provider_key.saved": "A provider key was saved",
        "provider_key.removed": "A provider key was removed",
    }
)
