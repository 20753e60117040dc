"""A tenant of ragpool as a retriever of LangChain.

    pip install langchain-core openai

    retriever = RagpoolRetriever(url="http://127.0.0.1:8080", key=key, tenant="docs", top_k=5)
    documents = retriever.invoke("How do I renew a certificate?")
"""
from typing import Any, Optional

import openai
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever


class RagpoolRetriever(BaseRetriever):
    url: str
    key: str
    tenant: str
    top_k: int = 5
    filters: Optional[dict] = None
    client: Any = None

    def model_post_init(self, context):
        super().model_post_init(context)
        self.client = openai.OpenAI(base_url=self.url + "/v1", api_key=self.key)

    def _get_relevant_documents(self, query, *, run_manager):
        options = {"filters": self.filters} if self.filters is not None else {}
        page = self.client.vector_stores.search(
            self.tenant, query=query, max_num_results=self.top_k, **options)
        return [Document(
            page_content=hit.content[0].text,
            metadata={"path": hit.filename, "file_id": hit.file_id, "score": hit.score,
                      **(hit.attributes or {})})
            for hit in page.data]
