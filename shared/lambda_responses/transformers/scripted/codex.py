"""A coding agent's turn in three acts, as the tools of Codex CLI take it: look, patch, report.

Codex offers its tools in three shapes: a shell function alone, through which `apply_patch` is called; the
shell and a custom tool `apply_patch`; or one custom tool `exec` that runs JavaScript, where the others are
functions.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.transformers.scripted.scene import Scene
    from lambda_responses.transformers.tool_names import OfferedTool

SHELLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "exec_command": lambda command: {"cmd": command},
    "shell_command": lambda command: {"command": command},
    "shell": lambda command: {"command": ["bash", "-lc", command]},
}
"""Codex's shell functions over the years, and what they call a command."""

_LOOK = "ls"
_FILE_WISH = re.compile(r"(?i)\b(?:add|create|make|write)\b.{0,80}?\b([\w-][\w/-]*\.[a-z]\w{0,7})\b")
_CONTENT = re.compile(r"(?is)\b(?:containing|with the (?:content|text)|that says)\b[:\s]*(?P<text>.+)")
_ACTS = 2


def is_coding_agent(tools: Sequence[OfferedTool]) -> bool:
    """Whether these are the tools of a coding agent, which are not to be called by chance."""
    return _javascript(tools) is not None or _shell(tools) is not None


def next_act(scene: Scene) -> tuple[OfferedTool, str] | None:
    """The tool to call now and its input; None where the turn is no work on files, or is done."""
    wish = _FILE_WISH.search(scene.question)
    if not (scene.wishes.codex or wish) or len(scene.outputs) >= _ACTS:
        return None
    path = wish[1] if wish else "hello.txt"
    patch = _render_patch(path, _content(scene.question))
    patching = len(scene.outputs) == 1
    if script := _javascript(scene.tools):
        call = (
            f"apply_patch({json.dumps(patch)})" if patching else f"exec_command({json.dumps({'cmd': _LOOK})})"
        )
        return script, f"text(await tools.{call});\n"
    custom = next((t for t in scene.tools if _is_custom(t, "apply_patch")), None)
    if custom and patching:
        return custom, patch
    if shell := _shell(scene.tools):
        command = f"apply_patch <<'EOF'\n{patch}EOF\n" if patching else _LOOK
        return shell, json.dumps(SHELLS[shell.tool["name"]](command))
    return None


def _javascript(tools: Sequence[OfferedTool]) -> OfferedTool | None:
    return next((t for t in tools if _is_custom(t, "exec") and t.namespace), None)


def _shell(tools: Sequence[OfferedTool]) -> OfferedTool | None:
    return next((t for t in tools if t.tool["type"] == "function" and t.tool["name"] in SHELLS), None)


def _is_custom(offered: OfferedTool, name: str) -> bool:
    return offered.tool["type"] == "custom" and offered.tool["name"] == name


def _content(question: str) -> str:
    found = _CONTENT.search(question)
    return found["text"].strip().strip("'\"`.") if found else "hello"


def _render_patch(path: str, content: str) -> str:
    added = "".join(f"+{line}\n" for line in content.split("\n"))
    return f"*** Begin Patch\n*** Add File: {path}\n{added}*** End Patch\n"
