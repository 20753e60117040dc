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
# ---- files and vector stores, written ----
yak, gnu = b"# Yak\n\nThe yak grunts on the plateau.\n", b"The gnu gallops through the savannah.\n"
file = client.files.create(file=("yak.md", yak), purpose="assistants")
check("a file", file.bytes == len(yak) and file.filename == "yak.md" and file.status == "processed")
check("asked for", client.files.retrieve(file.id).id == file.id)
check("its content", client.files.content(file.id).read() == yak)
short = client.files.create(file=("gnu.txt", gnu), purpose="user_data",
                            expires_after={"anchor": "created_at", "seconds": 3600})
check("one that expires", short.expires_at == short.created_at + 3600)
check("files, the newest first", [f.id for f in client.files.list()][:2] == [short.id, file.id])
check("of one purpose, page by page",
      [f.id for f in client.files.list(limit=1, order="asc", purpose="assistants")] == [file.id])
e = refused("a purpose that is none of ours", openai.UnprocessableEntityError,
            lambda: client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune"))
check("the error names it", e is not None and e.param == "purpose")

store = client.vector_stores.create(
    name="animals", metadata={"team": "zoo"}, file_ids=[file.id],
    chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 300, "chunk_overlap_tokens": 30}})
check("a store", store.name == "animals" and store.status == "in_progress" and store.metadata == {"team": "zoo"})
first = client.vector_stores.files.poll(file.id, vector_store_id=store.id)
check("its file is searchable", first.status == "completed" and first.last_error is None)
check("cut as asked", first.chunking_strategy.static.max_chunk_size_tokens == 300)
store = client.vector_stores.update(store.id, name="beasts", metadata={"team": "park"})
check("renamed", store.name == "beasts" and store.metadata == {"team": "park"})
check("listed", store.id in [s.id for s in client.vector_stores.list()])
e = refused("expiry of a store", openai.UnprocessableEntityError, lambda: client.vector_stores.create(
    name="x", expires_after={"anchor": "last_active_at", "days": 1}))
check("the error names that", e is not None and e.param == "expires_after")

made = client.vector_stores.files.create_and_poll(short.id, vector_store_id=store.id,
                                                  attributes={"habitat": "savannah", "legs": 4, "shy": True})
check("create_and_poll", made.status == "completed" and made.attributes["legs"] == 4)
again = client.vector_stores.files.create(store.id, file_id=short.id,
                                          attributes={"habitat": "savannah", "legs": 4, "shy": True})
check("attached twice", again.status == "completed")
up = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("emu.txt", b"The emu sprints."))
check("upload_and_poll", up.status == "completed")
batch = client.vector_stores.file_batches.upload_and_poll(
    vector_store_id=store.id, files=[("a.txt", b"The asp hisses."), ("b.txt", b"The bat hangs."), ("c.zip", b"PK\x01\x02")])
check("file_batches.upload_and_poll", batch.status == "completed" and batch.file_counts.completed == 2 and
      batch.file_counts.failed == 1 and batch.file_counts.total == 3)
failed = list(client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed"))
check("what failed says why", len(failed) == 1 and failed[0].last_error.code == "unsupported_file")
batch = client.vector_stores.file_batches.create_and_poll(store.id, file_ids=[file.id, short.id])
check("file_batches.create_and_poll", batch.status == "completed" and batch.file_counts.completed == 2)
check("a batch by its id", client.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store.id).id == batch.id)
late = client.files.create(file=("late.txt", b"The late one."), purpose="assistants")
batch = client.vector_stores.file_batches.create(store.id, files=[{"file_id": late.id, "attributes": {"n": 1}}])
batch = client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id)
check("cancelled", batch.status == "cancelled" and batch.file_counts.cancelled == 1)
names = {f.id for f in client.vector_stores.files.list(store.id, limit=2)}
check("files of a store, page by page", len(names) == 6 and {file.id, short.id, up.id} < names)
page = client.vector_stores.search(store.id, query="Who gallops?", filters={"type": "and", "filters": [
    {"type": "eq", "key": "shy", "value": True}, {"type": "gte", "key": "legs", "value": 4}]})
check("a search by attributes", [d.file_id for d in page.data] == [short.id] and page.data[0].filename == "gnu.txt")
page = client.vector_stores.search(store.id, query="Who gallops?", max_num_results=1, rewrite_query=True,
                                   ranking_options={"ranker": "auto", "score_threshold": 0.0})
check("its options", len(page.data) == 1 and page.data[0].file_id == short.id)
page = client.vector_stores.search(store.id, query="Who gallops?", ranking_options={"score_threshold": 1.0})
check("a threshold", len(page.data) <= 1 and all(d.score == 1 for d in page.data))
check("the text of a file", "grunts" in client.vector_stores.files.content(
    file.id, vector_store_id=store.id).data[0].text)
changed = client.vector_stores.files.update(short.id, vector_store_id=store.id, attributes={"habitat": "zoo"})
check("other attributes", changed.attributes == {"habitat": "zoo"})
check("detached", client.vector_stores.files.delete(up.id, vector_store_id=store.id).deleted)
refused("is not there any more", openai.NotFoundError,
        lambda: client.vector_stores.files.retrieve(up.id, vector_store_id=store.id))
check("a file is deleted", client.files.delete(file.id).deleted)
refused("everywhere", openai.NotFoundError,
        lambda: client.vector_stores.files.retrieve(file.id, vector_store_id=store.id))
check("the store is deleted", client.vector_stores.delete(store.id).deleted)
refused("and gone", openai.NotFoundError, lambda: client.vector_stores.retrieve(store.id))
refused("an operator's store stays", openai.PermissionDeniedError, lambda: client.vector_stores.delete("en"))
refused("no such store", openai.NotFoundError, lambda: client.vector_stores.search("nobody", query="x"))
print("end")
