"""The Model Context Protocol's SDK for Python against /mcp, in both eras."""
import asyncio
import json
import os

from mcp import Client
from results import check

URL = os.environ["RAGPOOL_URL"] + "/mcp"


async def talk(mode, expected):
    async with Client(URL, mode=mode) as client:
        check("%s: the version is agreed" % mode, client.protocol_version == expected)
        tools = (await client.list_tools()).tools
        check("%s: tools" % mode, [t.name for t in tools] == ["search", "fetch"])
        found = await client.call_tool("search", {"query": "How is sourdough baked?"})
        results = found.structured_content["results"]
        check("%s: search" % mode, not found.is_error and results[0]["title"] == "Sourdough bread")
        check("%s: as one text" % mode, json.loads(found.content[0].text) == found.structured_content)
        read = await client.call_tool("fetch", {"id": results[0]["id"]})
        check("%s: fetch" % mode, "hot iron pot" in read.structured_content["text"])
        wrong = await client.call_tool("fetch", {"id": "nothing"})
        check("%s: a wrong id is told" % mode, wrong.is_error)


async def main():
    await talk("2026-07-28", "2026-07-28")
    await talk("auto", "2026-07-28")
    await talk("legacy", "2025-11-25")


asyncio.run(main())
print("end")
