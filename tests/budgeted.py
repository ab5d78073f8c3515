"""Budgets of which something is used, and a project whose own stopped its scan."""

from decimal import Decimal

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import budgets, library
from prompts.csv_import import parse_paste
from prompts.models import Project

ENGINES = ["openai:gpt-5.4-mini/model", "google:gemini-3.8-flash/model"]
QUESTIONS = """Which task board suits a school?
Which project tool is best for teachers?
What do universities plan their projects with?
Which task board is free for schools?"""


def limited(org: Organization, user: User) -> Project:
    """A project whose budget holds three of the eight answers that its scan asks for."""
    with org_scope(org):
        project = library.create_project(org, library.ProjectFields(name="Lumenboard Schools"), actor=user)
        library.save_brand(project, library.BrandFields(name="Lumenboard", is_own=True), actor=user)
        library.add_prompts(project, parse_paste(QUESTIONS).rows, actor=user)
        library.choose_engines(project, ENGINES, actor=user)
        budgets.save_budget(org, project=project, money=None, answers=3, actor=user)
        budgets.save_budget(org, project=None, money=Decimal(50), answers=2_000, actor=user)
    return project
