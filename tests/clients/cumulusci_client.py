"""CumulusCI does its usual work with the org over TLS: loads a dataset in bulk and by collections, with lookups and by
a key, extracts it, queries and deletes in bulk; then every record is read back with plain HTTP and compared, key and value,
with what was meant."""

import csv
import os
import sqlite3
import subprocess
import sys

os.environ["REQUESTS_CA_BUNDLE"] = os.environ["ORG_CA"]
os.environ["CUMULUSCI_KEY"] = "0123456789abcdef"
WORK = os.environ["WORK"]
os.chdir(WORK)
# It works only inside a project.
with open("cumulusci.yml", "w", encoding="utf-8") as file:
    file.write("project:\n  name: clients\n  package:\n    name: clients\n    api_version: '60.0'\n")
for command in (
    ["git", "init", "--quiet"],
    ["git", "remote", "add", "origin", "https://github.com/stevedore/clients"],
    ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--allow-empty", "-m", "x"],
):
    subprocess.run(command, check=True)

from cumulusci.cli.runtime import CliRuntime  # noqa: E402
from cumulusci.core.config import OrgConfig, TaskConfig  # noqa: E402
from cumulusci.tasks.bulkdata.delete import DeleteData  # noqa: E402
from cumulusci.tasks.bulkdata.extract import ExtractData  # noqa: E402
from cumulusci.tasks.bulkdata.load import LoadData  # noqa: E402
from cumulusci.tasks.salesforce.SOQLQuery import SOQLQuery  # noqa: E402

from held import KEY, TOKEN, URL, account, held, same  # noqa: E402


class Org(OrgConfig):
    """The org by its token, which there is no flow to renew."""

    def refresh_oauth_token(self, *_, **__):
        pass


config = {"access_token": TOKEN, "instance_url": URL, "username": os.environ["ORG_USERNAME"]}
identity = URL + "/id/" + TOKEN.split("!")[0] + "/005000000000000"
org = Org({**config, "id": identity}, "rehearsal")
project = CliRuntime().project_config


def task(kind, **options):
    done = kind(project, TaskConfig({"options": options}), org)
    done()
    return done.return_values


ACCOUNT = [KEY, "Name", "Industry", "AnnualRevenue", "Annual_Spend__c", "NumberOfEmployees", "Description"]
accounts = [account("cci", n) for n in range(300)]
contacts = [{"Contact_External_Id__c": f"cci-{n}", "LastName": f"Müller {n}", "of": n % 60} for n in range(250)]


def dataset(path, people):
    """A dataset as SQL statements, as CumulusCI keeps it."""
    database = sqlite3.connect(":memory:")
    columns = ", ".join(f'"{name}" VARCHAR(32000)' for name in ACCOUNT)
    database.execute(f"CREATE TABLE Account (id VARCHAR(255) PRIMARY KEY, {columns})")
    marks = ", ".join("?" * (len(ACCOUNT) + 1))
    for n, record in enumerate(accounts):
        values = [None if record[name] is None else str(record[name]) for name in ACCOUNT]
        database.execute(f"INSERT INTO Account VALUES ({marks})", [f"Account-{n}", *values])
    database.execute(
        'CREATE TABLE Contact (id VARCHAR(255) PRIMARY KEY, "Contact_External_Id__c" VARCHAR(255), "LastName" VARCHAR(255), '
        '"AccountId" VARCHAR(255))'
    )
    for n, one in enumerate(people):
        values = [f"Contact-{n}", one["Contact_External_Id__c"], one["LastName"], f"Account-{one['of']}"]
        database.execute("INSERT INTO Contact VALUES (?, ?, ?, ?)", values)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(database.iterdump()))


def mapping(path, api, key):
    fields = "".join(f"    - {name}\n" for name in ACCOUNT)
    action = f"  action: etl_upsert\n  update_key: {KEY}\n" if key else ""
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            f"Accounts:\n  sf_object: Account\n  api: {api}\n{action}  fields:\n{fields}"
            "Contacts:\n  sf_object: Contact\n  api: rest\n  fields:\n    - Contact_External_Id__c\n    - LastName\n"
            "  lookups:\n    AccountId:\n      table: Account\n"
        )


def under_their_accounts():
    fields = ["Contact_External_Id__c", "LastName", f"Account.{KEY}"]
    found = held("Contact_External_Id__c LIKE 'cci-%'", fields, entity="Contact", key="Contact_External_Id__c")
    meant = {c["Contact_External_Id__c"]: (c["LastName"], f"cci-{c['of']}") for c in contacts}
    assert {k: (r["LastName"], r["Account"][KEY]) for k, r in found.items()} == meant, f"{len(found)} contacts"
    print(f"  cci: {len(found)} contacts under their accounts")


# A dataset: parents in bulk, children by collections.
mapping("bulk.yml", "bulk", key=False)
dataset("data.sql", contacts)
task(LoadData, mapping="bulk.yml", sql_path="data.sql")
same("cci", accounts)
under_their_accounts()

# Once more by the key: nothing is there twice.
for record in accounts:
    record["Name"] += " again"
mapping("upsert.yml", "bulk", key=True)
dataset("again.sql", [])
task(LoadData, mapping="upsert.yml", sql_path="again.sql")
same("cci", accounts)
under_their_accounts()

# Out again, into a dataset of its own.
task(ExtractData, mapping="bulk.yml", sql_path="out.sql")
database = sqlite3.connect(":memory:")
with open("out.sql", encoding="utf-8") as file:
    database.executescript(file.read())
extracted = dict(database.execute(f'SELECT "{KEY}", "Name" FROM Account WHERE "{KEY}" LIKE \'cci-%\'').fetchall())
assert extracted == {r[KEY]: r["Name"] for r in accounts}, f"{len(extracted)} accounts extracted"
joined = database.execute(
    f'SELECT c."Contact_External_Id__c", a."{KEY}" FROM Contact c JOIN Account a ON a.id = c."AccountId"'
).fetchall()
assert dict(joined) == {c["Contact_External_Id__c"]: f"cci-{c['of']}" for c in contacts}, f"{len(joined)} contacts extracted"
print(f"  cci: {len(extracted)} accounts and {len(joined)} contacts extracted")

# A bulk query into a file.
task(SOQLQuery, object="Account", query=f"SELECT {KEY}, Name FROM Account WHERE {KEY} LIKE 'cci-%'", result_file="out.csv")
with open("out.csv", newline="", encoding="utf-8") as file:
    rows = {row[KEY]: row["Name"] for row in csv.DictReader(file)}
assert rows == {r[KEY]: r["Name"] for r in accounts}, f"{len(rows)} rows queried"

# Bulk deletes.
task(DeleteData, objects=["Contact"], where="Contact_External_Id__c LIKE 'cci-%'")
assert held("Contact_External_Id__c LIKE 'cci-%'", ["Id"], entity="Contact", key="Id") == {}
same("cci", accounts)
print("cumulusci: all as meant")
sys.stdout.flush()
