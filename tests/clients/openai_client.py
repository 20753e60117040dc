"""OpenAI's client for Python against /v1."""
import os

import openai
from results import check, refused

client = openai.OpenAI(base_url=os.environ["RAGPOOL_URL"] + "/v1", api_key="none", max_retries=0)

check("models", [m.id for m in client.models.list()] == ["rag/en"])
check("a model by its id", client.models.retrieve("rag/en").owned_by == "ragpool")
e = refused("no such model", openai.NotFoundError, lambda: client.models.retrieve("nobody"))
check("its code", e is not None and e.code == "model_not_found")

one = client.embeddings.create(model="rag/en", input="sourdough bread")
many = client.embeddings.create(model="rag/en", input=["sourdough bread", "lamp"], encoding_format="float")
check("an embedding, which the client asks for in base64", len(one.data[0].embedding) == len(many.data[0].embedding))
check("and floats are the same", max(abs(a - b) for a, b in
                                     zip(one.data[0].embedding, many.data[0].embedding)) < 1e-6)
check("usage", one.usage.total_tokens > 0)
e = refused("token numbers are refused", openai.UnprocessableEntityError,
            lambda: client.embeddings.create(model="rag/en", input=[1, 2, 3]))
check("the error names the member", e is not None and e.param == "input")

check("vector stores", [s.id for s in client.vector_stores.list(limit=5)] == ["en"])
store = client.vector_stores.retrieve("en")
check("one vector store", store.status == "completed" and store.file_counts.total == 43)
page = client.vector_stores.search("en", query="How is sourdough baked?", max_num_results=3)
check("a search", page.data[0].filename == "bread.md" and page.data[0].content[0].type == "text")
check("scores between 0 and 1", all(0 <= d.score <= 1 for d in page.data))
page = client.vector_stores.search("en", query=["bread", "lamp"], filters={
    "type": "eq", "key": "path", "value": "lighthouse.md"}, ranking_options={"score_threshold": 0.01})
check("a filter", {d.filename for d in page.data} == {"lighthouse.md"})
refused("no such store", openai.NotFoundError, lambda: client.vector_stores.search("nobody", query="x"))
print("end")
