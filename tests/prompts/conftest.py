import pytest

from prompts import gateway
from tests.prompts.asking import OPENAI, lane_of


@pytest.fixture
def lane(org, simulator):
    """A simulated OpenAI engine of `org`."""
    return lane_of(org, OPENAI)


@pytest.fixture
async def closed_gateway():
    """The gateway's connections of this test's loop are closed in the end."""
    yield
    await gateway.close()
