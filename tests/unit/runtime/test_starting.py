from __future__ import annotations

import gc

import pytest

from lambda_responses.runtime.starting import starting


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def own_heap():
    yield
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_while_a_process_starts_and_all_is_afterwards():
    with starting():
        assert not gc.isenabled()
        with starting():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_made_at_the_start_is_never_looked_at_again():
    with starting():
        made = Ring()
    assert gc.get_freeze_count() > 0
    assert not any(each is made for each in gc.get_objects())


def test_a_start_that_fails_lets_the_collector_go_on():
    with pytest.raises(OSError, match="no"), starting():
        raise OSError("no")
    assert gc.isenabled()
