"""Objects of a test on the API server, and off it again."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from tests.cluster.api import Api, Document, RefusedError
from tests.processes import until


@contextmanager
def applied(api: Api, documents: Sequence[Document]) -> Generator[None]:
    """Apply objects in their order, and take them away in the other once the context is left."""
    try:
        for document in documents:
            api.apply(document)
        yield
    finally:
        remove(api, documents)


def remove(api: Api, documents: Sequence[Document]) -> None:
    """Delete what is there of these objects, last first, and wait until it is gone; a namespace empties itself."""
    for document in reversed(documents):
        if exists(api, document):
            metadata = document["metadata"]
            api.delete(_kind(document), metadata["name"], metadata.get("namespace", ""))
    for document in documents:
        name = document["metadata"]["name"]
        until(lambda each=document: not exists(api, each), f"end of {_kind(document)} {name}", 90)


def exists(api: Api, document: Document) -> bool:
    """Whether the API server has an object of that kind and name."""
    try:
        stored(api, document)
    except RefusedError as refused:
        if refused.status != 404:
            raise
        return False
    return True


def stored(api: Api, document: Document) -> Document:
    """The object as the API server keeps it; raises RefusedError."""
    metadata = document["metadata"]
    return api.get(_kind(document), metadata["name"], metadata.get("namespace", ""))


def _kind(document: Document) -> str:
    return f"{document['apiVersion']} {document['kind']}"
