"""The retriever of doc/examples in LangChain."""
import asyncio
import os

from langchain_core.runnables import RunnableLambda
from langchain_retriever import RagpoolRetriever
from results import check

r = RagpoolRetriever(url=os.environ["RAGPOOL_URL"], key="none", tenant="en", top_k=3)
found = r.invoke("How is sourdough baked?")
check("invoke", found[0].metadata["path"] == "bread.md" and "hot iron pot" in found[0].page_content)
check("batch", [d[0].metadata["path"] for d in r.batch(["bread", "lighthouse"])] == ["bread.md", "lighthouse.md"])
found = asyncio.run(r.ainvoke("lighthouse keeper"))
check("ainvoke", found[0].metadata["path"] == "lighthouse.md")
chain = r | RunnableLambda(lambda documents: len(documents))
check("in a chain", 1 <= chain.invoke("bread") <= 3)
only = RagpoolRetriever(url=os.environ["RAGPOOL_URL"], key="none", tenant="en",
                        filters={"type": "eq", "key": "path", "value": "bicycle.txt"})
check("with a filter", {d.metadata["path"] for d in only.invoke("bread")} <= {"bicycle.txt"})
print("end")
