"""The tools of a response's servers: what models are offered of them, and which tool a called function is.

A server's list is shown to the client as an item, `mcp_list_tools`, and is read again from there in later
turns. Tools that are deferred are offered once a search has found them: the search's own items say which
those are, so that whoever goes on with a context knows it too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.tools.calls import SEARCH
from lambda_responses.tools.choice import distinct
from lambda_responses.tools.deferral import as_deferred, deferred, inner_names, names_of, ready
from lambda_responses.tools.schemas import parameters_of
from lambda_responses.tools.search import TextIndex
from lambda_responses.tools.servers.server import ListedTool
from lambda_responses.tools.tool_text import cleaned_text, is_usable_name, pin_of
from lambda_responses.wire.json import from_text
from lambda_responses.wire.mcp_names import function_name, function_name_apart, made_up_tool
from lambda_responses.wire.tools import asks_for_search, is_search

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.tools.servers.server import Server, ServerFault
    from lambda_responses.wire.json import Json

MOST_TOOLS = 100
"""So many functions are offered at once, the client's included; with more, those of servers are deferred."""
MOST_BYTES = 40_960
"""The same of the definitions of servers' tools."""
MOST_FOUND = 8
"""So many tools one search finds."""

_MOST_SAID = 200
"""Characters of a server's description that each of its tools is offered with."""
_NAME_WEIGHT = 3
"""How often a tool's name stands in what is searched, for one time of its description."""
_SEARCHES = "Finds more tools, which can be called from then on."
_QUERY: Json = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "What the tool should do, in a few words."},
    },
    "required": ["query"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class ServerList:
    """What is known of one server's tools."""

    server: Server
    tools: tuple[ListedTool, ...] = ()
    """Those that may be offered, see `usable`."""
    fault: ServerFault | None = None
    """Why nobody knows them."""
    shown: bool = False
    """Whether the context has an item of it already."""
    weight: int = field(default=0, compare=False)
    """About how many characters the tools take, or that they are many."""

    @property
    def error(self) -> str | None:
        """What the client is told of the fault."""
        if self.fault is None:
            return None
        return f"Error retrieving tool list from MCP server: '{self.server.label}'. {self.fault.message}"

    @cached_property
    def item(self) -> Json:
        """The item that shows it to the client, finished, without an id."""
        shown: Json = {
            "type": "mcp_list_tools",
            "server_label": self.server.label,
            "tools": [_shown(tool) for tool in self.tools],
        }
        return shown if self.fault is None else {**shown, "error": self.error}

    @cached_property
    def origin(self) -> Json:
        """What is kept beside that item, so that `ListsBefore` can tell that it was made here."""
        return {"server": self.server.digest, "list": _print_of(self.server, self.item["tools"])}


@dataclass(frozen=True, slots=True)
class ListsBefore:
    """The lists that a context has."""

    shown: frozenset[str] = frozenset()
    """Labels of the servers that have an item there."""
    _items: Mapping[str, tuple[Json, Json]] = field(default_factory=dict[str, "tuple[Json, Json]"])
    """The newest of each label that has an origin, with it."""

    @classmethod
    def of(cls, items: Iterable[Json], origins: Mapping[str, Json]) -> ListsBefore:
        """Those among the items. `origins` has what is kept beside them, by id."""
        shown: set[str] = set()
        known: dict[str, tuple[Json, Json]] = {}
        for item in items:
            if item.get("type") == "mcp_list_tools" and not item.get("error"):
                shown.add(item["server_label"])
                if "list" in (origin := origins.get(item.get("id") or "", {})):
                    known[item["server_label"]] = item, origin
        return cls(frozenset(shown), known)

    def item(self, server: Server) -> Json | None:
        """What the context has of a server by that label."""
        item, _ = self._items.get(server.label, (None, None))
        return item

    def tools(self, server: Server) -> tuple[ListedTool, ...] | None:
        """That server's tools, as they were shown; None where this cannot be told.

        A client may write such an item itself, or may mean another server by the label now, or more of its
        tools: so the item must be the one that was made here, of the same server, for the same tools.
        """
        item, origin = self._items.get(server.label, ({}, {}))
        tools: list[Json] = item.get("tools") or []
        if origin.get("server") != server.digest or origin["list"] != _print_of(server, tools):
            return None
        return tuple(
            ListedTool(
                tool["name"],
                tool.get("description"),
                tool["input_schema"],
                tool.get("annotations") or {},
            )
            for tool in tools
        )


def usable(server: Server, tools: Iterable[ListedTool]) -> tuple[tuple[ListedTool, ...], tuple[str, ...]]:
    """Those of a server's cleaned `tools` that may be offered, and the names of those that were dropped: they
    are not what the operator has pinned, or bear a name that cannot be read.

    Tools that are not allowed, and those without a pin on a server that has pins, are neither.
    """
    kept: dict[str, ListedTool] = {}
    dropped: list[str] = []
    for tool in tools:
        if tool.name in kept or not all(allowed.passes(tool) for allowed in server.allowed):
            continue
        if not is_usable_name(tool.name):
            dropped.append(cleaned_text(tool.name))
        elif server.pins is None or server.pins.get(tool.name) == pin_of(tool):
            kept[tool.name] = tool
        elif tool.name in server.pins:
            dropped.append(tool.name)
    return tuple(kept.values()), tuple(dropped)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A function that may be offered: a server's tool, or a client's function that is deferred."""

    definition: Json
    server: Server | None = None
    tool: ListedTool | None = None
    deferred: bool = False

    @property
    def text(self) -> str:
        """What of it is searched."""
        about = self.definition
        inner: Json = (about.get("tools") or [about])[0]
        name = inner["name"] if self.tool is None else self.tool.name
        parameters: Json = inner.get("parameters") or {}
        properties: Json = parameters.get("properties") or {}
        told = [name] * _NAME_WEIGHT + [about["name"], about.get("description"), inner.get("description")]
        return " ".join(map(str, filter(None, (*told, *properties))))


class Catalog:
    """The tools of one response: `lists` of its servers, and the request's own `tools` and `tool_choice`.

    No server's tool has a name that is one of the client's, those included that `arrived` in items. Where it
    is `prompted`, an upstream may know functions of the client's that nobody else does.
    """

    def __init__(
        self,
        lists: Iterable[ServerList],
        *,
        tools: Sequence[Json] = (),
        arrived: Iterable[Json] = (),
        choice: str | Json | None = None,
        prompted: bool = False,
    ) -> None:
        self._lists = {each.server.label: each for each in lists}
        own = [tool for tool in tools if tool.get("type") != "mcp" and not is_search(tool)]
        searched = asks_for_search(tools)
        self._tools = [tool for each in own for tool in ready(each)] if searched else own
        self._entries: dict[str, _Entry] = {}
        self._functions: dict[str, dict[str, str]] = {}
        taken = {name for tool in (*own, *arrived) for name in (*names_of([tool]), *inner_names(tool))}
        self._clients, self._prompted = frozenset(taken), prompted
        self._search_name = SEARCH if SEARCH not in taken else function_name_apart("", SEARCH)
        self._add_servers({*taken, self._search_name})
        self._defer_many(sum(1 for _ in names_of(self._tools)))
        for tool in own if searched else ():
            self._entries |= {name: _Entry(each, deferred=True) for name, each in deferred(tool)}
        self._chosen = list(self._named_by(choice))

    @property
    def lists(self) -> Sequence[ServerList]:
        """What it was made of."""
        return list(self._lists.values())

    @property
    def weight(self) -> int:
        """About how many characters the servers' tools take, or that they are many."""
        return sum(listed.weight for listed in self._lists.values())

    @property
    def functions(self) -> Mapping[str, Mapping[str, str]]:
        """By label and tool, what models call it."""
        return self._functions

    def server(self, label: str) -> Server | None:
        """The server of that label."""
        listed = self._lists.get(label)
        return None if listed is None else listed.server

    def find(self, function: str) -> tuple[Server, ListedTool] | None:
        """The tool that models call so, whether or not it is on offer yet; None for what is no server's.

        Where the client has no functions, a tool may be called by its own name too if no other has that.
        """
        match self._entries.get(function):
            case _Entry(server=server, tool=tool) if server is not None and tool is not None:
                return server, tool
            case None if self._is_alone and not self.is_search(function):
                named = [found for label in self._lists if (found := self.tool(label, function))]
                return named[0] if len(named) == 1 else None
            case _:
                return None

    def made_up(self, function: str) -> tuple[str, str] | None:
        """The server's label and the name of a tool that it does not have, for what a model has made up.

        That is what no function of the client's is called, and what begins as the names of a server's tools
        do; where the client has no functions, whatever no server's tool is called.
        """
        if function in self._clients or self.is_search(function) or self.find(function) is not None:
            return None
        for label in sorted(self._lists, key=len, reverse=True):
            if name := made_up_tool(function, label):
                return label, name
        return (next(iter(self._lists)), function) if function and self._is_alone else None

    @property
    def _is_alone(self) -> bool:
        """Whether all functions there are are tools of servers."""
        return bool(self._lists) and not (self._clients or self._prompted)

    def tool(self, label: str, name: str) -> tuple[Server, ListedTool] | None:
        """That tool of that server; None where it is not, or no longer, among its tools."""
        function = self._functions.get(label, {}).get(name)
        return None if function is None else self.find(function)

    def names(self, label: str, tool: str | None = None) -> list[str]:
        """What models call that tool of the server, or all of its tools."""
        names = self._functions.get(label, {})
        return list(names.values()) if tool is None else [names[tool]] if tool in names else []

    def runs(self, function: str) -> bool:
        """Whether a call of that function is this server's to make, or to answer where nobody can make it."""
        if self.is_search(function) or self.find(function) is not None:
            return True
        return self.made_up(function) is not None

    # What is offered

    @property
    def offered(self) -> list[Json]:
        """The servers' tools, as functions, as far as they are not deferred."""
        return [entry.definition for entry in self._entries.values() if entry.tool and not entry.deferred]

    def tools_for(self, items: Iterable[Json]) -> list[Json]:
        """All tools of a turn with those items before it: the client's own, then the servers' as functions.

        Tools that were searched for, called, or chosen stand behind the others, as they were found: what a
        model has been told before stays as it was.
        """
        at_once = [*self._tools, *self.offered]
        if not self.defers:
            return at_once
        wanted = dict.fromkeys((*self._chosen, *self._found_in(items)))
        late = [each for name in wanted if (each := self._entries.get(name)) and each.deferred]
        return [*at_once, self._search_function(), *(each.definition for each in late)]

    # What is searched for

    @property
    def defers(self) -> bool:
        """Whether any tools are offered only once they were searched for."""
        return any(entry.deferred for entry in self._entries.values())

    def is_search(self, function: str) -> bool:
        """Whether models call the search so."""
        return function == self._search_name and self.defers

    def search(self, call_id: str, arguments: str) -> tuple[Json, Json]:
        """The items, without ids, that tell of a search and of what it found: call and output."""
        query = _query_in(arguments)
        found = self._index.search(query, most=MOST_FOUND)
        common: Json = {"call_id": call_id, "execution": "server", "status": "completed"}
        return (
            {"type": "tool_search_call", **common, "arguments": {"query": query}},
            {
                "type": "tool_search_output",
                **common,
                "tools": [as_deferred(self._entries[name].definition) for name in found],
            },
        )

    @cached_property
    def _index(self) -> TextIndex:
        return TextIndex({name: entry.text for name, entry in self._entries.items() if entry.deferred})

    def _search_function(self) -> Json:
        return {
            "type": "function",
            "name": self._search_name,
            "description": "\n".join((_SEARCHES, *self._waiting())),
            "parameters": _QUERY,
            "strict": False,
        }

    def _waiting(self) -> Iterator[str]:
        """What there is to be found, by server."""
        own = sum(1 for entry in self._entries.values() if entry.deferred and entry.tool is None)
        if own:
            yield f"There are {own} more functions."
        for label, listed in self._lists.items():
            deferred = sum(self._entries[name].deferred for name in self.names(label))
            about = cleaned_text(listed.server.description or "")[:_MOST_SAID]
            if deferred:
                yield f"{label} has {deferred} tools{f': {about}' if about else '.'}"

    def _found_in(self, items: Iterable[Json]) -> Iterator[str]:
        for item in items:
            match item:
                case {"type": "tool_search_output", "execution": "server", "tools": [*tools]}:
                    yield from names_of(tools)
                case {"type": "mcp_call", "server_label": str(label), "name": str(tool)}:
                    yield from self.names(label, tool)
                case {"type": "function_call" | "custom_tool_call", "name": str(name)}:
                    yield f"{item['namespace']}__{name}" if item.get("namespace") else name
                case _:
                    pass

    # How it is made

    def _add_servers(self, taken: set[str]) -> None:
        for listed in self._lists.values():
            server = listed.server
            functions = self._functions[server.label] = {}
            for tool in listed.tools:
                name = function_name(server.label, tool.name)
                if name in taken:
                    name = function_name_apart(server.label, tool.name)
                if name in taken:
                    continue  # made to be taken for it: two hashes that are equal
                taken.add(name)
                functions[tool.name] = name
                self._entries[name] = _Entry(_function(name, server, tool), server, tool, server.deferred)

    def _defer_many(self, others: int) -> None:
        """Defer all servers' tools where they are too many to be read each time."""
        offered = self.offered
        if len(offered) + others > MOST_TOOLS or sum(len(json.dumps(each)) for each in offered) > MOST_BYTES:
            self._entries = {name: replace(each, deferred=True) for name, each in self._entries.items()}

    def _named_by(self, choice: str | Json | None) -> Iterator[str]:
        """The functions that a choice among tools names: what must be called cannot wait to be found."""
        match choice:
            case {"type": "mcp", "server_label": str(label)}:
                yield from self.names(label, choice.get("name"))
            case {"type": "function", "name": str(name)}:
                yield name
            case {"type": "allowed_tools", "tools": [*allowed]}:
                for each in distinct(allowed):
                    yield from self._named_by(each)
            case _:
                pass


def _query_in(arguments: str) -> str:
    """What a search is for, however a model writes it."""
    try:
        asked: Any = from_text(arguments)
    except ValueError:
        asked = arguments
    query = cast("Json", asked).get("query") if isinstance(asked, dict) else asked
    return query if isinstance(query, str) else ""


def _function(name: str, server: Server, tool: ListedTool) -> Json:
    about = cleaned_text(server.description or "")[:_MOST_SAID]
    parts = (tool.description, about and f"Server: {about}")
    return {
        "type": "function",
        "name": name,
        "description": "\n\n".join(part for part in parts if part),
        "parameters": parameters_of(tool.input_schema),
        "strict": False,
    }


def _shown(tool: ListedTool) -> Json:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "annotations": tool.annotations or None,
    }


def _print_of(server: Server, tools: Sequence[Json]) -> str:
    """32 hexadecimal digits for these tools of a server, and for which of its tools were asked for."""
    asked = [(sorted(each.names or ()), each.names is None, each.read_only) for each in server.allowed]
    pins = sorted((server.pins or {}).items())
    told = sha256(json.dumps([asked, pins]).encode())
    for tool in tools:  # one by one, lest other threads wait for a long list
        told.update(json.dumps(tool, sort_keys=True).encode())
    return told.hexdigest()[:32]
