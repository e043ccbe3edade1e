#!/usr/bin/env bash
# One long line of a stream, read with python3-aiohttp's `async for line in response.content`.
#
# Guessed: no limit but memory, as in JavaScript's clients: a stream is made to be read without end, and the limit of
#   8,190 bytes that aiohttp has for a line is one for headers.
# Came: 131,072 bytes with the line break. One byte more raises LineTooLong, after everything that stood before it in
#   the stream has been read. The limit is twice `read_bufsize`, an option of the session that speaks of buffers.
# Matters: token deltas are short, but OpenAI's Responses API repeats instructions, tools and all output in
#   response.completed, and an agent's tools and prompt alone may be 80 KB: the answer arrives whole, and then the
#   client fails at its last event. A server can leave out what the client sent; events may also be written as several
#   data lines, since JSON allows line breaks between its tokens.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs python3-aiohttp 3.8.4-

cat > read.py <<'PY'
import asyncio
import aiohttp
from aiohttp import web

SHORT = b'data: {"delta": "hi"}\n\n'


async def stream(request):
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    await response.write(SHORT)
    head, tail = b'data: {"output": "', b'"}\n'
    line = head + b"x" * (int(request.query["bytes"]) - len(head) - len(tail)) + tail
    for at in range(0, len(line), 4096):  # in pieces, as a server would send it
        await response.write(line[at:at + 4096])
    await response.write(b"\n")
    return response


async def read(url, **options):
    lines = []
    try:
        async with aiohttp.ClientSession(**options) as session, session.get(url) as response:
            async for line in response.content:
                lines.append(len(line))
    except Exception as error:
        lines.append(type(error).__name__)
    return lines


async def main():
    application = web.Application()
    application.router.add_get("/", stream)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/?bytes="
    seen = {}
    print("aiohttp", aiohttp.__version__)
    for size in (131072, 131073, 131074):
        seen[size] = await read(url + str(size))
        print(f"a line of {size} bytes with its line break: {seen[size]}")
    raised = await read(url + "131074", read_bufsize=2**20)
    print("the same with read_bufsize=1048576:", raised)
    await runner.cleanup()
    return seen, raised

seen, raised = asyncio.run(main())
assert seen == {131072: [22, 1, 131072, 1], 131073: [22, 1, "LineTooLong"], 131074: [22, 1, "LineTooLong"]}, seen
assert raised == [22, 1, 131074, 1], raised
PY
/usr/bin/python3 read.py
