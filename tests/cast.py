"""The cast: an organization with a member of every role, a stranger who has another one, and a project."""

from collections.abc import Callable, Iterator

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth import SESSION_KEY
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.test import Client

from accounts import mail
from accounts.models import User
from orgs.models import Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt

PASSWORD = "correct horse battery staple"


def make_org(name: str, slug: str) -> Organization:
    return Organization.objects.create(name=name, slug=slug)


def make_member(org: Organization, role: Role, email: str = "") -> User:
    user = User.objects.create_user(email or f"{role}@{org.slug}.example", PASSWORD, name=f"{role.label} of {org.name}")
    with org_scope(org):
        Membership.objects.for_org(org).create(org=org, user=user, role=role)
    return user


def make_prompt(project: Project, text: str, **fields: object) -> Prompt:
    from prompts.csv_import import prompt_key

    key = prompt_key(text, str(fields.get("country", "")), str(fields.get("language", "")))
    return Prompt.objects.for_org(project.org_id).create(
        org_id=project.org_id, project=project, text=text, key=key, **fields
    )


def prove(client: Client) -> Client:
    """The client as somebody who has just typed their password again."""
    session = client.session
    request = HttpRequest()
    request.session = session
    user = User.objects.get(pk=session[SESSION_KEY])
    record_authentication(request, user, "password", reauthenticated=True)
    session.save()
    return client


@pytest.fixture
def org(db: None) -> Organization:
    return make_org("Acme", "acme")


@pytest.fixture
def other_org(db: None) -> Organization:
    return make_org("Globex", "globex")


@pytest.fixture
def owner(org: Organization) -> User:
    return make_member(org, Role.OWNER)


@pytest.fixture
def admin(org: Organization) -> User:
    return make_member(org, Role.ADMIN)


@pytest.fixture
def member(org: Organization) -> User:
    return make_member(org, Role.MEMBER)


@pytest.fixture
def viewer(org: Organization) -> User:
    return make_member(org, Role.VIEWER)


@pytest.fixture
def outsider(other_org: Organization) -> User:
    """Owner of another organization; nobody in `org`."""
    return make_member(other_org, Role.OWNER)


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("operator@prompter.example", PASSWORD)


@pytest.fixture
def mailbox(db: None, mailoutbox: list[EmailMessage]) -> Callable[[], list[EmailMessage]]:
    """Sends every letter that waits, as a worker would, and gives all mail that was sent so far."""

    def read() -> list[EmailMessage]:
        mail.deliver_waiting()
        return mailoutbox

    return read


@pytest.fixture
def client_of() -> Callable[[User | None], Client]:
    def build(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return build


@pytest.fixture
def project(org: Organization) -> Project:
    with org_scope(org):
        return Project.objects.for_org(org).create(
            org=org, name="Lumenboard", slug="lumenboard", engines=["openai:gpt-5-mini/web_search"]
        )


@pytest.fixture
def own_brand(project: Project) -> Brand:
    with org_scope(project.org_id):
        return Brand.objects.for_org(project.org_id).create(
            org_id=project.org_id,
            project=project,
            name="Lumenboard",
            aliases=["Lumen Board"],
            domains=["lumenboard.example"],
            is_own=True,
        )


@pytest.fixture
def competitor(project: Project) -> Brand:
    with org_scope(project.org_id):
        return Brand.objects.for_org(project.org_id).create(
            org_id=project.org_id, project=project, name="Taskwell", domains=["taskwell.example"]
        )


@pytest.fixture
def prompt(project: Project) -> Prompt:
    with org_scope(project.org_id):
        return make_prompt(project, "Which task board is best for a small team?", tags=["discovery"])


@pytest.fixture
def in_org(org: Organization) -> Iterator[Organization]:
    """The whole test runs inside the organization's scope."""
    with org_scope(org):
        yield org
