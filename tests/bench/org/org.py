"""An org of a client's own for as long as it is measured: started empty, asked for the API calls that it counted, read, and ended."""

import csv
import http.client
import io
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.parse

from rows import FIELDS, Sum

VERSION = "/services/data/v66.0"


class Org:
    def __init__(self, stevedore, folder):
        self.ca = folder / "ca.pem"
        with open(folder / "org.log", "wb") as log:
            self.process = subprocess.Popen(
                [stevedore, "rehearse", "--port", "0", "--tls", self.ca, "--json"], stdout=subprocess.PIPE, stderr=log
            )
        told = ""
        while not told.endswith("\n}\n"):
            line = self.process.stdout.readline().decode()
            assert line, f"the org did not start; {folder}/org.log says why"
            told += line
        told = json.loads(told)
        self.url, self.token = told["url"], told["access_token"]
        self.host = urllib.parse.urlsplit(self.url).netloc
        self.http = None

    def call(self, method, path, body=None):
        if self.http is None:
            self.http = http.client.HTTPSConnection(self.host, context=ssl.create_default_context(cafile=self.ca))
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.http.request(method, path, body and json.dumps(body), headers)
        reply = self.http.getresponse()
        answer = reply.read()
        assert reply.status < 300, f"{method} {path}: {reply.status} {answer[:300]}"
        return reply, answer

    def calls(self):
        """The API calls so far, this one left out."""
        reply, _ = self.call("GET", f"{VERSION}/limits")
        self.leave()
        return int(reply.headers["Sforce-Limit-Info"].split("=")[1].split("/")[0]) - 1

    def leave(self):
        """The org closes what is idle, and clients may take minutes."""
        self.http.close()
        self.http = None

    def seconds(self):
        """Processor time so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def held(self):
        """All accounts, read by a bulk query."""
        query = {"operation": "query", "query": f"SELECT {', '.join(FIELDS)} FROM Account"}
        job = json.loads(self.call("POST", f"{VERSION}/jobs/query", query)[1])["id"]
        while json.loads(self.call("GET", f"{VERSION}/jobs/query/{job}")[1])["state"] != "JobComplete":
            time.sleep(0.05)
        told, locator = Sum(), ""
        while locator != "null":
            more = f"&locator={locator}" if locator else ""
            reply, page = self.call("GET", f"{VERSION}/jobs/query/{job}/results?maxRecords=50000{more}")
            rows = csv.reader(io.StringIO(page.decode(), newline=""))
            assert next(rows) == FIELDS
            for values in rows:
                told.add(values)
            locator = reply.headers["Sforce-Locator"]
        self.leave()
        return told

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
