"""The retriever of doc/examples in LlamaIndex."""
import asyncio
import os

from llamaindex_retriever import RagpoolRetriever
from results import check

r = RagpoolRetriever(os.environ["RAGPOOL_URL"], "none", "en", top_k=3)
nodes = r.retrieve("How is sourdough baked?")
check("retrieve", nodes[0].node.metadata["path"] == "bread.md" and 0 < nodes[0].score <= 1)
check("the passage", "hot iron pot" in nodes[0].node.get_content())
check("at most as many as asked for", 1 <= len(nodes) <= 3)
nodes = asyncio.run(r.aretrieve("lighthouse keeper"))
check("aretrieve", nodes[0].node.metadata["path"] == "lighthouse.md")
print("end")
