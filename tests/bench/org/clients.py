"""How each client is told to load the file: the command that is measured, and what has to be there before."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from watch import resident

HERE = Path(__file__).parent
ROLES = ["coordinator", "extractor", "transformer", "loader", "auditor", "reconciler"]


class Load:
    """One load: which file, in which parts where a client does not cut it by itself, into which org."""

    def __init__(self, tools, folder, org, operation, file, parts):
        self.tools, self.folder, self.operation, self.file, self.parts = tools, folder, operation, file, parts
        self.env = clean(os.environ) | {
            "ORG_URL": org.url,
            "ORG_TOKEN": org.token,
            "ORG_CA": str(org.ca),
            "SSL_CERT_FILE": str(org.ca),
            "NODE_EXTRA_CA_CERTS": str(org.ca),
            "FILES": str(file.parent),
            "HOME": str(folder),
        }


def clean(environment):
    """What a person has set for themselves reaches no client, nor does a proxy stand between programs of one machine."""
    foreign = ("SF_", "SFDX_", "ORG_", "STEVEDORE__", "XDG_", "NODE_OPTIONS", "PYTHON")
    return {name: value for name, value in environment.items() if not name.startswith(foreign) and not name.lower().endswith("_proxy")}


class Client:
    def prepare(self, load):
        """What is done before the clock starts."""

    def command(self, load):
        raise NotImplementedError

    def memory(self):
        """KiB of processes that do the work and are not the command's own."""
        return {}

    def end(self):
        """Leaves nothing behind."""


class BareLoop(Client):
    name = "bare loop"

    def command(self, load):
        return [sys.executable, HERE / "bare_loop.py", load.operation, *load.parts]


class SimpleSalesforce(Client):
    name = "simple-salesforce"

    def command(self, load):
        return [load.tools / "venv/bin/python", HERE / "simple_salesforce_client.py", load.operation, load.file]


class SfCli(Client):
    name = "sf CLI"

    def prepare(self, load):
        load.env |= {
            "PATH": f"{load.tools}/npm/node_modules/node/bin:{load.tools}/npm/node_modules/.bin:{load.env['PATH']}",
            "SF_DISABLE_TELEMETRY": "true",
            "SF_DISABLE_DNS_CHECK": "true",
            "SF_DOMAIN_RETRY": "0",
            "SF_ORG_API_VERSION": "66.0",
            "SF_AUTOUPDATE_DISABLE": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true",
            "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
        }
        login = ["sf", "org", "login", "access-token", "--instance-url", load.env["ORG_URL"], "--no-prompt", "--alias", "org"]
        env = load.env | {"SF_ACCESS_TOKEN": load.env["ORG_TOKEN"]}
        subprocess.run(login, cwd=load.folder, env=env, check=True, capture_output=True)

    def command(self, load):
        verb = ["upsert", "bulk", "--external-id", "External_Id__c"] if load.operation == "upsert" else ["import", "bulk"]
        one = ["sf", "data", *verb, "--sobject", "Account", "--line-ending", "LF", "--wait", "60", "--target-org", "org", "--file"]
        each = " && ".join(f"{' '.join(one)} '{part}'" for part in load.parts)
        return ["sh", "-c", each]


class Stevedore(Client):
    """The embedded line: one process."""

    name = "stevedore"

    def prepare(self, load):
        text = (HERE / "accounts.yaml").read_text(encoding="utf-8").replace("OPERATION", load.operation)
        (load.folder / "accounts.yaml").write_text(text, encoding="utf-8")
        load.env["STEVEDORE__FOLDER"] = str(load.folder / ".stevedore")

    def command(self, load):
        return [load.tools.parent / "release/stevedore", "run", "accounts.yaml", "--json"]


class Services(Stevedore):
    """The distributed line: a process for each role, RabbitMQ, PostgreSQL."""

    name = "stevedore, services"

    def __init__(self):
        self.running, self.env = {}, {}

    def prepare(self, load):
        super().prepare(load)
        self.prefix = f"bench_{uuid.uuid4().hex[:12]}"
        self.server = os.environ["STEVEDORE_TEST_POSTGRES"]
        self.ask(f"create database {self.prefix}")
        head, _ = self.server.rsplit("/", 1)
        listen = "127.0.0.1:17410"
        load.env |= {
            "STEVEDORE__DATABASE__URL": f"{head}/{self.prefix}",
            "STEVEDORE__BROKER__URL": os.environ["STEVEDORE_TEST_RABBITMQ"],
            "STEVEDORE__BROKER__PREFIX": self.prefix,
            "STEVEDORE__API__TOKEN": uuid.uuid4().hex * 2,
            "STEVEDORE__API__LISTEN": listen,
            "STEVEDORE__SERVER": f"http://{listen}",
        }
        self.program = load.tools.parent / "release/stevedore"
        for role in ROLES:
            log = open(load.folder / f"{role}.log", "wb")
            self.running[role] = subprocess.Popen([self.program, "serve", role], cwd=load.folder, env=load.env, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while subprocess.run([self.program, "status"], cwd=load.folder, env=load.env, capture_output=True).returncode:
            assert time.monotonic() < deadline, f"the services do not answer; their logs are in {load.folder}"
            time.sleep(0.2)

    def ask(self, sql):
        subprocess.run(["psql", "-q", self.server, "-c", sql], check=True, capture_output=True)

    def memory(self):
        return {role: resident(service.pid, "VmHWM:") for role, service in self.running.items()}

    def end(self):
        for service in self.running.values():
            service.terminate()
        for service in self.running.values():
            service.wait()
        self.ask(f"drop database {self.prefix} with (force)")


CLIENTS = {"bare": BareLoop, "simple-salesforce": SimpleSalesforce, "sf": SfCli, "stevedore": Stevedore, "services": Services}


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def outcome(log):
    """What `stevedore run --json` ended with."""
    return json.loads(log.read_text(encoding="utf-8"))
