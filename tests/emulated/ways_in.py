"""The two ways into a deployed stack: its REST API, and the function URLs of its streaming doors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.fakes.fronts import Served

if TYPE_CHECKING:
    from infra.emulator.stack import Stack
    from tests.fakes.fronts import Answer, Question


class RestApi(Served):
    """The stack's base URL."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.outputs["BaseUrl"])

    def answer(self, question: Question) -> Answer:
        return super().answer(replace(question, target=question.target.removeprefix("/v1")))


class FunctionUrls(Served):
    """The function URLs, as far as there are any: each is for one operation, whatever is asked there."""

    def __init__(self, stack: Stack) -> None:
        super().__init__("")
        self._create = stack.outputs["CreateResponseUrl"].rstrip("/")
        self._get = stack.outputs["GetResponseUrl"].rstrip("/")

    def answer(self, question: Question) -> Answer:
        self.base_url = self._create if question.method == "POST" else self._get
        return super().answer(question)
