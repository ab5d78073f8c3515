"""The events of projects, their brands and prompts, and provider keys."""

from django.utils.translation import gettext_lazy as _

from orgs.events import Declared, declare
from orgs.roles import Permission
from orgs.topics import Topic, declare_topics

_PROJECT = ("project-overview", "data.project_slug")
_BUDGETS = ("budgets",)
_BRANDS = ("brands", "data.project_slug")

declare_topics(
    Topic(
        key="keys",
        label=_("Provider keys"),
        help=_("A key was saved or removed."),
        permission=Permission.KEYS_MANAGE,
        email=True,
    ),
    Topic(
        key="budgets",
        label=_("Budgets"),
        help=_("Most of a monthly budget is used, or it stopped a scan."),
        permission=Permission.COSTS_VIEW,
        email=True,
    ),
)
declare(
    {
        "project.created": Declared(
            meaning=_("A project was created"), sentence=_("{actor} created the project {target}"), link=_PROJECT
        ),
        "project.updated": Declared(
            meaning=_("A project's settings were changed"),
            sentence=_("{actor} changed the settings of the project {target}"),
            link=_PROJECT,
        ),
        "project.archived": Declared(
            meaning=_("A project was archived"), sentence=_("{actor} archived the project {target}"), link=_PROJECT
        ),
        "project.restored": Declared(
            meaning=_("A project was restored"), sentence=_("{actor} restored the project {target}"), link=_PROJECT
        ),
        "brand.saved": Declared(
            meaning=_("A brand was added or changed"), sentence=_("{actor} saved the brand {target}"), link=_BRANDS
        ),
        "brand.removed": Declared(
            meaning=_("A brand was removed"), sentence=_("{actor} removed the brand {target}"), link=_BRANDS
        ),
        "prompts.added": Declared(
            meaning=_("Prompts were added"),
            sentence=_("{actor} added prompts to the project {target}: {data.count}"),
        ),
        "prompt.updated": Declared(
            meaning=_("A prompt was changed"), sentence=_("{actor} changed the prompt “{target}”")
        ),
        "prompt.archived": Declared(
            meaning=_("A prompt was archived"), sentence=_("{actor} archived the prompt “{target}”")
        ),
        "prompt.restored": Declared(
            meaning=_("A prompt was restored"), sentence=_("{actor} restored the prompt “{target}”")
        ),
        "provider_key.saved": Declared(
            meaning=_("A provider key was saved"),
            sentence=_("{actor} saved the provider key {target}"),
            topic="keys",
            link=("provider-keys",),
        ),
        "provider_key.limited": Declared(
            meaning=_("The limits of a provider key were changed"),
            sentence=_("{actor} changed the limits of the provider key {target}"),
            link=("provider-keys",),
        ),
        "provider_key.removed": Declared(
            meaning=_("A provider key was removed"),
            sentence=_("{actor} removed the provider key {target}"),
            topic="keys",
            link=("provider-keys",),
        ),
        "costs.exported": Declared(meaning=_("Costs were exported"), sentence=_("{actor} exported the costs")),
        "budget.saved": Declared(
            meaning=_("The organization's monthly budget was set or changed"),
            sentence=_("{actor} set the organization's monthly budget"),
            link=_BUDGETS,
        ),
        "budget.removed": Declared(
            meaning=_("The organization's monthly budget was removed"),
            sentence=_("{actor} removed the organization's monthly budget"),
            link=_BUDGETS,
        ),
        "project_budget.saved": Declared(
            meaning=_("A project's monthly budget was set or changed"),
            sentence=_("{actor} set the monthly budget of {target}"),
            link=_BUDGETS,
        ),
        "project_budget.removed": Declared(
            meaning=_("A project's monthly budget was removed"),
            sentence=_("{actor} removed the monthly budget of {target}"),
            link=_BUDGETS,
        ),
        "budget.warned": Declared(
            meaning=_("Most of the organization's budget is used"),
            sentence=_("80% of the organization's budget of this month is used"),
            topic="budgets",
            link=_BUDGETS,
        ),
        "budget.reached": Declared(
            meaning=_("The organization's budget stopped a scan"),
            sentence=_("The organization's budget of this month is used up: nothing more is asked until it is raised"),
            topic="budgets",
            link=_BUDGETS,
        ),
        "project_budget.warned": Declared(
            meaning=_("Most of a project's budget is used"),
            sentence=_("80% of the budget of {target} of this month is used"),
            topic="budgets",
            link=_BUDGETS,
        ),
        "project_budget.reached": Declared(
            meaning=_("A project's budget stopped a scan"),
            sentence=_("The budget of {target} of this month is used up: nothing more is asked until it is raised"),
            topic="budgets",
            link=_BUDGETS,
        ),
    }
)
