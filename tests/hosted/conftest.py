"""What the tests of the host share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.fixtures import KEY
from tests.fakes.upstream import Upstream
from tests.hosted.hosting import Hosted, Toys, hosted_toys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
async def toys() -> AsyncIterator[Toys]:
    """A host of functions that do what they are asked for."""
    async with hosted_toys() as running:
        yield running


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """What the functions know as the provider `groq`."""
    fake = Upstream()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Hosted]:
    """`make host` of the real template."""
    folder = tmp_path_factory.mktemp("hosted")
    models = folder / "models.json"
    models.write_text(json.dumps({"aliases": {"best": ["groq/demo"]}}))
    running = Hosted(
        folder,
        RESPONSES_MODELS=str(models),
        GROQ_BASE_URL=upstream.base_url,
        GROQ_API_KEY=KEY,
    ).started()
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log
    assert KEY not in running.log


@pytest.fixture(params=["the REST API", "function URLs"])
def base_url(request: pytest.FixtureRequest, hosted: Hosted) -> str:
    """Each way in: events of payload 1.0, and of 2.0."""
    return hosted.base_url if request.param == "the REST API" else hosted.url_base_url
