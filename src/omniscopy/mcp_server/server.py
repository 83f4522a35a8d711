"""The tools served through the MCP protocol."""

import base64
import json
import warnings
from functools import partial
from importlib.metadata import version
from typing import Any

from omniscopy.io.libraries import import_library
from omniscopy.mcp_server.bench import Answer, Bench
from omniscopy.mcp_server.tools import Tool, call_tool, tools_of
from omniscopy.mcp_server.watching import Watch
from omniscopy.model.errors import describe_error

_PURPOSE = "serving data to machines"
_INSTRUCTIONS = (
    "Measurements of microscopes and spectrometers, and their analysis. Data stay here: `open` a "
    "file to get handles, `find_operations` and `describe_operation` to choose an analysis, "
    "`run_operation` to get the handle of its result, `picture`, `values` and `statistics` to "
    "look at it, `script` for the Python that repeats it. Every number has the unit that is "
    "stated beside it; parameters are in the units of the axes. Results keep uncertainties "
    "(`<name>_std`) and a `status` for each pixel: say them. {}"
)
_READ_ONLY = "This server is read-only."
_WRITES = "`save` and `report` write new files and never replace one."


def make_server(bench: Bench) -> Any:
    """Return a server of the protocol, of the package `mcp`, for the tools of a bench.

    Parameters
    ----------
    bench : Bench
        The folders that may be read, what is open, and whether anything may be written.

    Returns
    -------
    mcp.server.lowlevel.Server
        Not yet connected; `serve` connects it to standard input and output.

    Raises
    ------
    MissingDependencyError
        The package is not installed; the message names the extra.
    """
    lowlevel = import_library("mcp.server.lowlevel", purpose=_PURPOSE, extra="mcp")
    types = import_library("mcp_types", purpose=_PURPOSE, extra="mcp")
    threads = import_library("anyio", purpose=_PURPOSE, extra="mcp")
    from_thread = import_library("anyio.from_thread", purpose=_PURPOSE, extra="mcp")
    tools = tools_of(bench)
    # One call at a time: drawing is not safe in several threads.
    one = threads.CapacityLimiter(1)

    async def list_tools(context: Any, request: Any) -> Any:  # noqa: ARG001
        return types.ListToolsResult(tools=[_listed(tool, types) for tool in tools.values()])

    async def call(context: Any, request: Any) -> Any:
        def send(done: float, total: float, words: str) -> None:
            from_thread.run(context.session.report_progress, done, total, words)

        # In the thread of the work: it ends where the request was cancelled.
        watch = Watch(send, from_thread.check_cancelled)
        work = partial(answer, bench, tools, request.name, request.arguments, watch)
        facts, picture, failed = await threads.to_thread.run_sync(work, limiter=one)
        text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
        content = [types.TextContent(text=text)]
        if picture is not None:
            coded = base64.b64encode(picture).decode("ascii")
            content.append(types.ImageContent(data=coded, mime_type="image/png"))
        return types.CallToolResult(content=content, structured_content=facts, is_error=failed)

    return lowlevel.Server(
        "omniscopy",
        version=version("omniscopy"),
        instructions=_INSTRUCTIONS.format(_WRITES if bench.allow_write else _READ_ONLY),
        on_list_tools=list_tools,
        on_call_tool=call,
    )


def serve(bench: Bench) -> None:
    """Serve a bench on standard input and output until the client leaves.

    Parameters
    ----------
    bench : Bench
        The folders that may be read, what is open, and whether anything may be written.

    Raises
    ------
    MissingDependencyError
        The package `mcp` is not installed; the message names the extra.
    """
    server = make_server(bench)
    stdio = import_library("mcp.server.stdio", purpose=_PURPOSE, extra="mcp")
    threads = import_library("anyio", purpose=_PURPOSE, extra="mcp")

    async def run() -> None:
        async with stdio.stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    threads.run(run)


def answer(
    bench: Bench, tools: dict[str, Tool], name: str, arguments: Any, watch: Watch | None = None
) -> tuple[dict[str, Any], bytes | None, bool]:
    """Return facts and picture of a call, and whether it failed; then the facts are its error."""
    bench.watch = watch or Watch()
    with warnings.catch_warnings(record=True) as caught, bench.watch.chunks():
        warnings.simplefilter("always")
        try:
            made = call_tool(bench, tools, name, arguments)
        except Exception as error:  # noqa: BLE001 - said to the client, who may mend the call
            made = Answer({"error": bench.root.hide(describe_error(error))})
    notes = {bench.root.hide(str(each.message)) for each in caught}
    facts = {**made.facts, "notes": sorted(notes)} if notes else made.facts
    return facts, made.picture, "error" in made.facts


def _listed(tool: Tool, types: Any) -> Any:
    hints = types.ToolAnnotations(
        read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False
    )
    return types.Tool(
        name=tool.name, description=tool.text, input_schema=dict(tool.schema), annotations=hints
    )
