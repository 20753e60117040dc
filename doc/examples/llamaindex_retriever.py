"""A tenant of ragpool as a retriever of LlamaIndex.

    pip install llama-index-core openai

    retriever = RagpoolRetriever("http://127.0.0.1:8080", key, "docs", top_k=5)
    nodes = retriever.retrieve("How do I renew a certificate?")
"""
import openai
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode


class RagpoolRetriever(BaseRetriever):
    def __init__(self, url, key, tenant, top_k=5, filters=None):
        super().__init__()
        self._client = openai.OpenAI(base_url=url + "/v1", api_key=key)
        self._tenant = tenant
        self._options = {"max_num_results": top_k}
        if filters is not None:
            self._options["filters"] = filters

    def _retrieve(self, query_bundle):
        page = self._client.vector_stores.search(
            self._tenant, query=query_bundle.query_str, **self._options)
        return [NodeWithScore(score=hit.score, node=TextNode(
            text=hit.content[0].text,
            metadata={"path": hit.filename, "file_id": hit.file_id, **(hit.attributes or {})}))
            for hit in page.data]
