"""What the functions give: the API's JSON, read by attributes.

One small class shows any object of the API, of today or of next year, as it is on the wire. Members are read
as attributes or by name, as those of LiteLLM's and OpenAI's objects are; nothing can be set.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lambda_responses.wire.json import Json

    Parse: TypeAlias = Callable[[str], Any]


class JsonObject:
    """An object of the API: `answer.usage.input_tokens` is `answer["usage"]["input_tokens"]`."""

    __slots__ = ("_data", "_parse")

    _data: Json
    _parse: Parse | None

    def __init__(self, data: Json, parse: Parse | None = None) -> None:
        """`parse` reads the text of a structured answer."""
        object.__setattr__(self, "_data", data)
        object.__setattr__(self, "_parse", parse)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._data:
            return self._shown(self._data[name])
        raise AttributeError(f"{type(self).__name__} has no {name!r}", name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed", name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed", name=name, obj=self)

    def __getitem__(self, name: str) -> Any:
        return self._shown(self._data[name])

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Names and values, as pydantic's models give them: `dict(answer)` works."""
        return iter(self.items())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JsonObject):
            return self._data == other._data
        return self._data == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({shown})"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._data})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._data,)

    def get(self, name: str, default: Any = None) -> Any:
        """A member by name, `default` where there is none."""
        return self._shown(self._data[name]) if name in self._data else default

    def items(self) -> list[tuple[str, Any]]:
        """All members with their names."""
        return [(name, self._shown(value)) for name, value in self._data.items()]

    def model_dump(
        self,
        *,
        mode: str = "python",
        exclude_none: bool = False,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        by_alias: bool | None = None,
        warnings: bool = True,
    ) -> Json:
        """A plain dict, as on the wire and all the caller's own.

        `exclude_none` leaves out members that are null. The others are pydantic's, and change nothing here.
        """
        return _copied(self._data, exclude_none=exclude_none)

    def model_dump_json(self, *, indent: int | None = None, exclude_none: bool = False, **_same: Any) -> str:
        """The same, as JSON."""
        data = self.model_dump(exclude_none=exclude_none)
        if indent is None:
            return to_bytes(data).decode()
        return json.dumps(data, indent=indent, ensure_ascii=False)

    def _shown(self, value: Any) -> Any:
        if isinstance(value, dict):
            member = cast("Json", value)
            return shown(member, self._parse)
        if isinstance(value, list):
            return [self._shown(each) for each in cast("list[Any]", value)]
        return value


class Response(JsonObject):
    """A response object: https://platform.openai.com/docs/api-reference/responses/object"""

    __slots__ = ("bound", "dropped", "target")

    target: str | None
    """`provider/model` that answered; None of one that was read from the store."""
    dropped: Sequence[str]
    """Settings and tools for which the target's format has no place."""
    bound: str | None
    """The bound that ended a loop of steps, if one did."""

    if TYPE_CHECKING:
        id: str
        object: str
        created_at: int
        completed_at: int | None
        status: str
        model: str
        output: list[Any]
        usage: Any
        error: Any
        incomplete_details: Any
        instructions: Any
        metadata: Any
        previous_response_id: str | None
        tools: list[Any]
        tool_choice: Any
        text: Any
        reasoning: Any

    def __init__(
        self,
        data: Json,
        parse: Parse | None = None,
        *,
        target: str | None = None,
        dropped: Sequence[str] = (),
        bound: str | None = None,
    ) -> None:
        super().__init__(data, parse)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "dropped", tuple(dropped))
        object.__setattr__(self, "bound", bound or data.get("bound"))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._data, self.target, self.dropped, self.bound)

    @property
    def output_text(self) -> str:
        """All text of the answer's messages, in one piece; without messages that were cut and said anew."""
        return "".join(part["text"] for part in self._parts() if part.get("type") == "output_text")

    @property
    def output_parsed(self) -> Any:
        """The answer in the form that `text_format` asked for; None without one, or without such an answer.

        A model that refuses, and an answer that was cut, give None. What `text_format` does not accept
        raises its own error (pydantic's `ValidationError`) here and nowhere else.
        """
        if self._parse is None or self._data.get("status") != "completed":
            return None
        for part in self._parts():
            if part.get("type") == "refusal":
                return None
            if part.get("type") == "output_text" and part["text"]:
                return self._parse(part["text"])
        return None

    @property
    def _hidden_params(self) -> Json:
        """Where programs written for LiteLLM look for who answered; costs are not known here."""
        provider, _, model = (self.target or "").partition("/")
        return {"custom_llm_provider": provider or None, "model_id": model or None, "response_cost": None}

    def _parts(self) -> Iterator[Json]:
        """Those that count: the maker of a stream in the background who dies leaves half a message in it."""
        messages = [item for item in self._data.get("output") or () if item.get("type") == "message"]
        whole = self._data.get("status") == "completed"
        for item in messages:
            if item.get("status") != "incomplete" or (item is messages[-1] and not whole):
                yield from item.get("content") or ()


class TokenCount(JsonObject):
    """How many tokens a request would be: `input_tokens`."""

    __slots__ = ("counter", "target")

    counter: str
    """Who counted: the `provider`, a `tokenizer`, or nobody: an `estimate`."""
    target: str
    """`provider/model` for which it was counted."""

    if TYPE_CHECKING:
        input_tokens: int

    def __init__(self, data: Json, *, counter: str, target: str) -> None:
        super().__init__(data)
        object.__setattr__(self, "counter", counter)
        object.__setattr__(self, "target", target)

    def __reduce__(self) -> tuple[Any, ...]:
        return _counted, (self._data, self.counter, self.target)


class ItemPage(dict[str, Any]):
    """A page of a list: a plain dict, as LiteLLM gives it, whose items can be read by attributes besides."""

    @property
    def data(self) -> list[JsonObject]:
        """The items of this page."""
        return [shown(item) for item in self["data"]]

    @property
    def has_more(self) -> bool:
        """Whether another page follows, after `last_id`."""
        return self["has_more"]

    @property
    def first_id(self) -> str | None:
        """The id of the first item."""
        return self["first_id"]

    @property
    def last_id(self) -> str | None:
        """The id of the last item."""
        return self["last_id"]


def shown(data: Json, parse: Parse | None = None) -> JsonObject:
    """An object of the API, as the class that fits it."""
    return (Response if data.get("object") == "response" else JsonObject)(data, parse)


def plain(value: Any) -> Any:
    """What a program puts into a request, where that is one of these objects, or another package's."""
    if isinstance(value, JsonObject):
        return value.model_dump()
    dump = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return dump(mode="json", exclude_unset=True)
    raise TypeError(f"{type(value).__name__} has no place in a request: it cannot be written as JSON.")


def _restored(data: Json, target: str | None, dropped: Sequence[str], bound: str | None) -> Response:
    return Response(data, target=target, dropped=dropped, bound=bound)


def _counted(data: Json, counter: str, target: str) -> TokenCount:
    return TokenCount(data, counter=counter, target=target)


def _copied(value: Any, *, exclude_none: bool) -> Any:
    if isinstance(value, dict):
        members = cast("Json", value).items()
        return {
            name: _copied(each, exclude_none=exclude_none)
            for name, each in members
            if each is not None or not exclude_none
        }
    if isinstance(value, list):
        return [_copied(each, exclude_none=exclude_none) for each in cast("list[Any]", value)]
    return value
