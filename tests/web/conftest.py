import pytest

from tests import build
from tests.web.pages import Browser


@pytest.fixture
def house(db: None) -> build.House:
    return build.house()


@pytest.fixture
def ada(house: build.House) -> Browser:
    return Browser(house.ada)


@pytest.fixture
def grace(house: build.House) -> Browser:
    return Browser(house.grace)


@pytest.fixture
def mallory(house: build.House) -> Browser:
    """Signed in, and sees another queue only."""
    return Browser(house.mallory)
