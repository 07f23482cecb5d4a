"""tuspy, as it is, sends a file in chunks with checksums; half-way another client takes it up from its storage.

Takes one argument, a JSON object: {"endpoint": ..., "file": ..., "storage": ...}.
Prints the address of the upload.
"""

import json
import os
import sys

from tusclient.client import TusClient
from tusclient.fingerprint.fingerprint import Fingerprint
from tusclient.storage.filestorage import FileStorage

TOLD = json.loads(sys.argv[1])
CHUNK = 200_000


def uploader():
    client = TusClient(TOLD["endpoint"])
    return client.uploader(
        TOLD["file"],
        chunk_size=CHUNK,
        metadata={"filename": os.path.basename(TOLD["file"]), "title": "Sent by tuspy"},
        upload_checksum=True,
        store_url=True,
        url_storage=FileStorage(TOLD["storage"]),
        fingerprinter=Fingerprint(),
    )


first = uploader()
first.upload_chunk()
first.upload_chunk()
second = uploader()
assert second.url == first.url and second.offset == 2 * CHUNK, (second.url, second.offset)
second.upload()
assert second.offset == os.path.getsize(TOLD["file"]), second.offset
print(second.url)
