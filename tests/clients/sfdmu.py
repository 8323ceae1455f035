"""SFDMU (an older release, the newest in the npm registry) does its usual work: CSV files into the org, and from one org
into another; then every record is read back with plain HTTP and compared, key and value, with what was meant."""

import csv
import json
import os
import subprocess
import sys

from held import KEY, TOKEN, URL, account, held, same

SF = os.environ["SF"]
WORK = os.environ["WORK"]
SECOND_URL = os.environ["SECOND_URL"]
SECOND_TOKEN = os.environ["SECOND_TOKEN"]
CONTACT_KEY = "Contact_External_Id__c"


def move(name, source, target, objects, files):
    folder = os.path.join(WORK, name)
    os.makedirs(folder, exist_ok=True)
    script = {
        "orgs": [
            {"name": "first@stevedore.invalid", "instanceUrl": URL, "accessToken": TOKEN},
            {"name": "second@stevedore.invalid", "instanceUrl": SECOND_URL, "accessToken": SECOND_TOKEN},
        ],
        "objects": objects,
        "apiVersion": "60.0",
        "pollingIntervalMs": 300,
    }
    with open(os.path.join(folder, "export.json"), "w", encoding="utf-8") as file:
        json.dump(script, file)
    for table, records in files.items():
        with open(os.path.join(folder, f"{table}.csv"), "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
    command = [SF, "sfdmu:run", "--path", folder, "--sourceusername", source, "--targetusername", target, "--noprompt", "--verbose"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"{name}: sfdmu ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


ACCOUNT_FIELDS = [KEY, "Name", "Industry", "AnnualRevenue", "Annual_Spend__c", "NumberOfEmployees", "Description"]
OBJECTS = [
    {
        "query": f"SELECT {', '.join(ACCOUNT_FIELDS)} FROM Account WHERE {KEY} LIKE 'dmu-%'",
        "operation": "Upsert",
        "externalId": KEY,
    },
    {
        "query": f"SELECT {CONTACT_KEY}, LastName, FirstName, AccountId FROM Contact WHERE {CONTACT_KEY} LIKE 'dmu-%'",
        "operation": "Upsert",
        "externalId": CONTACT_KEY,
    },
]

# This release takes line breaks out of CSV values by itself, so none is among them.
accounts = [account("dmu", n) for n in range(700)]
for record in accounts:
    record["Name"] = record["Name"].replace("\n", " ").replace("\t", " ").replace("null", "nil")
    if record["Description"]:
        record["Description"] = record["Description"].replace("\n", " ")
contacts = [
    {CONTACT_KEY: f"dmu-{n}", "LastName": f"Müller {n}", "FirstName": "Änne" if n % 2 else None, "Account": {KEY: f"dmu-{n % 50}"}}
    for n in range(150)
]
flat = [{**{k: v for k, v in c.items() if k != "Account"}, f"Account.{KEY}": c["Account"][KEY]} for c in contacts]

move("csv", "csvfile", "first@stevedore.invalid", OBJECTS, {"Account": accounts, "Contact": flat})
same("dmu", accounts)


def with_parents(**where):
    found = held(f"{CONTACT_KEY} LIKE 'dmu-%'", [CONTACT_KEY, "LastName", "FirstName", f"Account.{KEY}"], entity="Contact", key=CONTACT_KEY, **where)
    for record in found.values():
        record["Account"].pop("attributes")
    assert found == {c[CONTACT_KEY]: c for c in contacts}, f"{len(found)} contacts"
    print(f"  dmu: {len(found)} contacts under their accounts")


with_parents()
second = {"url": SECOND_URL, "token": SECOND_TOKEN}
move("orgs", "first@stevedore.invalid", "second@stevedore.invalid", OBJECTS, {})
same("dmu", accounts, **second)
with_parents(**second)
# Once more: nothing is there twice.
move("again", "first@stevedore.invalid", "second@stevedore.invalid", OBJECTS, {})
same("dmu", accounts, **second)
with_parents(**second)
print("sfdmu: all as meant")
