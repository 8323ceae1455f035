"""The least that loads files: a job for each, uploaded, closed, waited for, its results read. No books, no matching, no way back."""

import http.client
import json
import os
import ssl
import sys
import time
import urllib.parse

PAUSE = 0.1
JOBS = "/services/data/v66.0/jobs/ingest"
OPERATION, *FILES = sys.argv[1:]
org = http.client.HTTPSConnection(
    urllib.parse.urlsplit(os.environ["ORG_URL"]).netloc,
    context=ssl.create_default_context(cafile=os.environ["ORG_CA"]),
    blocksize=1 << 18,
)


def call(method, path, body=None, kind="application/json", length=None):
    headers = {"Authorization": f"Bearer {os.environ['ORG_TOKEN']}", "Content-Type": kind}
    if length is not None:
        headers["Content-Length"] = str(length)
    org.request(method, path, body, headers)
    reply = org.getresponse()
    if reply.status >= 300:
        sys.exit(f"{method} {path}: {reply.status} {reply.read(300)}")
    return reply


def ask(method, path, body=None):
    return json.load(call(method, path, body and json.dumps(body)))


for path in FILES:
    wanted = {"object": "Account", "operation": OPERATION, "contentType": "CSV", "lineEnding": "LF"}
    if OPERATION == "upsert":
        wanted["externalIdFieldName"] = "External_Id__c"
    job = f"{JOBS}/{ask('POST', JOBS, wanted)['id']}"
    with open(path, "rb") as file:
        call("PUT", f"{job}/batches", file, "text/csv", os.path.getsize(path)).read()
    ask("PATCH", job, {"state": "UploadComplete"})
    while (found := ask("GET", job))["state"] != "JobComplete":
        if found["state"] in ("Failed", "Aborted"):
            sys.exit(found["errorMessage"])
        time.sleep(PAUSE)
    for results in ("successfulResults", "failedResults", "unprocessedrecords"):
        reply = call("GET", f"{job}/{results}")
        while reply.read(1 << 18):
            pass
