"""The whole protocol of background responses under all that can happen to it, in any order.

Real workers, sweepers, cancellers and readers share a store; hypothesis says who takes which step, who stands
still and wakes up too late, who dies, which messages are lost or come twice, and how time passes. Whatever
happens, there is one end, one truth for all readers, and each tool runs once. That this would be noticed is
shown with the mistakes that such protocols are known for, planted one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.mistakes import MISTAKES
from tests.protocol import Protocol, Wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.staged import Process

MOST_CRASHES = 4
"""One attempt more, and a job is rightly given up."""
CHOICES = st.integers(0, 3)
MOMENTS = st.one_of(st.integers(1, 8), st.integers(1, 60))


class Histories(RuleBasedStateMachine):
    """What may happen to one response."""

    protocol: Protocol

    @initialize(streamed=st.booleans())
    def ask(self, streamed: bool) -> None:
        self.protocol = Protocol(streamed=streamed)

    @rule(place=CHOICES, again=st.booleans(), moments=MOMENTS)
    def deliver(self, place: int, again: bool, moments: int) -> None:
        worker = self.protocol.deliver(place, again=again)
        if worker is not None:
            self.protocol.let_on(worker, moments)

    @rule(place=CHOICES, moments=MOMENTS, choice=CHOICES)
    def work_on(self, place: int, moments: int, choice: int) -> None:
        if working := self._standing(self.protocol.workers):
            self.protocol.let_on(working[place % len(working)], moments, choice)

    @rule(place=CHOICES, moments=st.integers(1, 6))
    def others_go_on(self, place: int, moments: int) -> None:
        if others := self._standing(self.protocol.others):
            self.protocol.let_on(others[place % len(others)], moments)

    @precondition(lambda self: self.protocol.crashes < MOST_CRASHES)
    @rule(place=CHOICES)
    def crash(self, place: int) -> None:
        if working := self._standing(self.protocol.workers):
            self.protocol.crash(working[place % len(working)])

    @precondition(lambda self: self.protocol.fences < MOST_CRASHES)
    @rule(moments=MOMENTS, sweeps=st.booleans())
    def take_over(self, moments: int, sweeps: bool) -> None:
        """Nobody who is at work is heard of until somebody else has begun; but they may still be alive."""
        self.protocol.wait(4.5)
        if sweeps:
            self.protocol.play(self.protocol.sweeper())
        self.deliver(0, again=False, moments=moments)

    @rule(place=CHOICES)
    def lose(self, place: int) -> None:
        self.protocol.lose(place)

    @rule(seconds=st.sampled_from([0.3, 1.0, 4.5, 61.0]))
    def wait(self, seconds: float) -> None:
        self.protocol.wait(seconds)

    @rule(moments=st.integers(0, 30))
    def sweep(self, moments: int) -> None:
        self.protocol.let_on(self.protocol.sweeper(), moments)

    @precondition(lambda self: self.protocol.fences and not self.protocol.was_cancelled)
    @rule(moments=st.integers(0, 8), again=CHOICES)
    def cancel(self, moments: int, again: int) -> None:
        for _ in range(1 + again // 2):
            self.protocol.let_on(self.protocol.canceller(), moments)

    @precondition(lambda self: self.protocol.fences > 1)
    @rule(moments=st.integers(0, 8))
    def bury(self, moments: int) -> None:
        self.protocol.let_on(self.protocol.undertaker(), moments)

    @precondition(lambda self: self.protocol.streamed)
    @rule(moments=st.integers(0, 30), after=st.integers(-1, 5))
    def read(self, moments: int, after: int) -> None:
        self.protocol.let_on(self.protocol.reader(after), moments)

    @invariant()
    def nothing_is_wrong(self) -> None:
        if hasattr(self, "protocol"):
            self.protocol.check()

    def teardown(self) -> None:
        if not hasattr(self, "protocol"):
            return
        try:
            self.protocol.finish()
        finally:
            self.protocol.close()

    def _standing(self, processes: list[Process]) -> list[Process]:
        return [each for each in processes if each.waits]


LOAD: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
    "database": None,
}


def test_whatever_happens_there_is_one_end_and_one_truth() -> None:
    run_state_machine_as_test(Histories, settings=settings(max_examples=100, stateful_step_count=30, **LOAD))


# Fixed histories, in which each mistake shows at once


def late_worker(protocol: Protocol) -> None:
    """Somebody who was taken over right before the end wakes up while the next one is speaking."""
    late = protocol.deliver()
    protocol.until(late, "transact ENT" if protocol.streamed else "transact NT")
    protocol.take_over()
    now = protocol.deliver()
    protocol.until(now, "listen")
    protocol.let_on(late, 1)
    protocol.check()
    protocol.play(now)


def death_between_call_and_note(protocol: Protocol) -> None:
    """Somebody dies who has called a tool and has not heard of it."""
    worker = protocol.deliver()
    protocol.until(worker, "hear of charge")
    protocol.crash(worker)


def cancel_at_the_last_moment(protocol: Protocol) -> None:
    """Somebody has seen a response in the making, and cancels it when it has just ended."""
    worker = protocol.deliver()
    protocol.until(worker, "listen")
    canceller = protocol.canceller()
    protocol.until(canceller, "transact NT")
    protocol.play(worker)
    protocol.check()
    protocol.play(canceller)


def lost_message(protocol: Protocol) -> None:
    """Nobody ever hears of a response."""
    protocol.lose()


def failure_in_mid_sentence(protocol: Protocol) -> None:
    """Somebody dies who has told more than was kept of it, and the response is given up."""
    worker = protocol.deliver()
    protocol.until(worker, "transact T")
    protocol.let_on(worker, 4)
    protocol.until(worker, "transact T")
    protocol.crash(worker)
    protocol.wait(4.5)
    protocol.play(protocol.undertaker())


def late_words_after_the_cut(protocol: Protocol) -> None:
    """Words of one who was taken over come into the log after the cut, under the eyes of a reader."""
    late = _late_at_the_log(protocol)
    reader = protocol.reader()
    protocol.let_on(reader, 4)
    protocol.take_over()
    now = protocol.deliver()
    protocol.until(now, "ask")
    protocol.let_on(late, 2)
    protocol.let_on(reader, 8)
    protocol.play(now)


def late_words_before_the_cut(protocol: Protocol) -> None:
    """They come when it has been looked where to cut, and the cut is not made yet."""
    late = _late_at_the_log(protocol)
    protocol.take_over()
    now = protocol.deliver()
    protocol.until(now, "hear of query E")
    protocol.let_on(late, 2)
    reader = protocol.reader()
    protocol.let_on(reader, 8)
    protocol.play(now)


def _late_at_the_log(protocol: Protocol) -> Process:
    """Somebody who has logged something, and stands before the next chunk."""
    late = protocol.deliver()
    protocol.until(late, "hear of put E")
    protocol.let_on(late, 1)
    protocol.until(late, "put E")
    return late


SHOWN_BY = {
    "no_fence": late_worker,
    "no_intent": death_between_call_and_note,
    "unconditional_cancel": cancel_at_the_last_moment,
    "no_sweeper": lost_message,
    "reader_without_second_look": late_words_after_the_cut,
    "reader_before_cut": late_words_before_the_cut,
    "cut_without_look": late_worker,
    "no_announcement": lost_message,
}
FOUND_BY_CHANCE = ["unconditional_cancel", "no_sweeper", "cut_without_look"]
"""For the others chance would have to be very patient."""
STREAMS_ONLY = {late_words_after_the_cut, late_words_before_the_cut}
FIXED = [
    late_worker,
    death_between_call_and_note,
    cancel_at_the_last_moment,
    lost_message,
    failure_in_mid_sentence,
    late_words_after_the_cut,
    late_words_before_the_cut,
]


@pytest.mark.parametrize("streamed", [False, True], ids=["polled", "streamed"])
@pytest.mark.parametrize("history", FIXED, ids=lambda each: each.__name__)
def test_the_known_traps_catch_nobody(history: Callable[[Protocol], None], streamed: bool) -> None:
    if history in STREAMS_ONLY and not streamed:
        pytest.skip("only streams have a log")
    told(history, streamed=streamed)


def test_each_mistake_has_its_history() -> None:
    assert SHOWN_BY.keys() == MISTAKES.keys()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MISTAKES[mistake](monkeypatch)
    with pytest.raises(Wrong):
        told(SHOWN_BY[mistake], streamed=True)


def told(history: Callable[[Protocol], None], *, streamed: bool) -> None:
    """Let it happen, and what then is left."""
    protocol = Protocol(streamed=streamed)
    try:
        history(protocol)
        protocol.check()
        protocol.finish()
    finally:
        protocol.close()


@pytest.mark.parametrize("mistake", FOUND_BY_CHANCE)
def test_chance_finds_a_planted_mistake(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MISTAKES[mistake](monkeypatch)
    search = settings(
        max_examples=200, stateful_step_count=30, phases=[Phase.generate], derandomize=True, **LOAD
    )
    with pytest.raises(Wrong):
        run_state_machine_as_test(Histories, settings=search)
