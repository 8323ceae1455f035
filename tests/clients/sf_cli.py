"""The Salesforce CLI does its usual work with the org: joins it by token, imports, upserts, updates, queries, exports and
deletes in bulk; then every record is read back with plain HTTP and compared, key and value, with what was written."""

import csv
import json
import os
import subprocess
import sys

from held import KEY, TOKEN, URL, account, held, same

SF = os.environ["SF"]
WORK = os.environ["WORK"]


def sf(*arguments, fails=False):
    done = subprocess.run([SF, *arguments, "--json"], capture_output=True, text=True, timeout=300, cwd=WORK)
    try:
        reply = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"sf {' '.join(arguments)}: no JSON\n{done.stdout}\n{done.stderr}")
    if (reply["status"] != 0) != fails:
        sys.exit(f"sf {' '.join(arguments)}: {json.dumps(reply, indent=1)}\n{done.stderr}")
    return reply.get("result", reply)


def write(name, records):
    path = os.path.join(WORK, name)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return path


def many(prefix, count):
    return [account(prefix, n) for n in range(count)]


def org(*arguments):
    return [*arguments, "--target-org", "rehearsal"]


os.environ["SF_ACCESS_TOKEN"] = TOKEN
joined = sf("org", "login", "access-token", "--instance-url", URL, "--no-prompt", "--alias", "rehearsal")
assert joined["username"] == os.environ["ORG_USERNAME"], joined
del os.environ["SF_ACCESS_TOKEN"]

# A file of new records.
records = many("sf_new", 2500)
done = sf(*org("data", "import", "bulk", "--file", write("new.csv", records), "--sobject", "Account", "--line-ending", "LF", "--wait", "5"))
assert int(done["processedRecords"]) == 2500 and int(done["failedRecords"]) == 0, done
same("sf_new", records)

# Upsert: half of them are there.
again = [r | {"Name": r["Name"] + " again"} for r in records[1500:]] + many("sf_more", 500)
done = sf(*org("data", "upsert", "bulk", "--file", write("upsert.csv", again), "--sobject", "Account", "--external-id", KEY, "--line-ending", "LF", "--wait", "5"))
done = done.get("jobInfo", done)
assert int(done["numberRecordsProcessed"]) == 1500 and int(done["numberRecordsFailed"]) == 0, done
# An empty cell leaves what is there, so nothing else has changed.
same("sf_new", records[:1500] + again[:1000])
same("sf_more", again[1000:])

# Update by id.
ids = held(f"{KEY} LIKE 'sf_more-%'", ["Id", KEY])
changed = [{"Id": ids[r[KEY]]["Id"], "Description": f"by id {n}"} for n, r in enumerate(again[1000:])]
done = sf(*org("data", "update", "bulk", "--file", write("update.csv", changed), "--sobject", "Account", "--line-ending", "LF", "--wait", "5"))
same("sf_more", [r | {"Description": f"by id {n}"} for n, r in enumerate(again[1000:])])

# Rows that fail are told, and leave the others alone.
bad = sf(*org("data", "import", "bulk", "--file", write("bad.csv", [{"Name": "", KEY: "sf_bad-1"}, {"Name": "good", KEY: "sf_bad-2"}]), "--sobject", "Account", "--line-ending", "LF", "--wait", "5"), fails=True)
assert "1" in json.dumps(bad), bad
assert list(held(f"{KEY} LIKE 'sf_bad-%'", [KEY])) == ["sf_bad-2"]

# Queries, by page and in bulk.
found = sf(*org("data", "query", "--query", f"SELECT {KEY}, Name, NumberOfEmployees FROM Account WHERE {KEY} LIKE 'sf_new-%'"))
assert {r[KEY]: (r["Name"], r["NumberOfEmployees"]) for r in found["records"]} == {
    r[KEY]: (r["Name"], r["NumberOfEmployees"]) for r in records[:1500] + again[:1000]
}
fields = [KEY, "Name", "Industry", "Annual_Spend__c", "Description"]
out = os.path.join(WORK, "out.csv")
sf(*org("data", "export", "bulk", "--query", f"SELECT {', '.join(fields)} FROM Account WHERE {KEY} LIKE 'sf_new-%'", "--output-file", out, "--result-format", "csv", "--wait", "5"))
with open(out, newline="", encoding="utf-8") as file:
    rows = {row[KEY]: row for row in csv.DictReader(file)}
truth = held(f"{KEY} LIKE 'sf_new-%'", fields)
assert rows.keys() == truth.keys(), f"{len(rows)} rows exported"
for key, record in truth.items():
    row = rows[key]
    assert float(row.pop("Annual_Spend__c")) == record.pop("Annual_Spend__c"), key
    assert row == {name: value or "" for name, value in record.items()}, (row, record)
print(f"  sf_new: {len(rows)} rows exported as held")

# Delete.
done = sf(*org("data", "delete", "bulk", "--file", write("gone.csv", [{"Id": r["Id"]} for r in ids.values()]), "--sobject", "Account", "--line-ending", "LF", "--wait", "5"))
assert held(f"{KEY} LIKE 'sf_more-%'", [KEY]) == {}

# One record, and its tree of children.
made = sf(*org("data", "create", "record", "--sobject", "Account", "--values", f"Name='One here' {KEY}=sf_one-1"))
sf(*org("data", "update", "record", "--sobject", "Account", "--where", f"{KEY}=sf_one-1", "--values", "Name='Another name'"))
one = sf(*org("data", "get", "record", "--sobject", "Account", "--record-id", made["id"]))
assert one["Name"] == "Another name", one
tree = {"records": [{"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Parent", KEY: "sf_tree-1",
                     "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "Child"}]}}]}
with open(os.path.join(WORK, "tree.json"), "w", encoding="utf-8") as file:
    json.dump(tree, file)
sf(*org("data", "import", "tree", "--files", os.path.join(WORK, "tree.json")))
child = held("Account.External_Id__c = 'sf_tree-1'", ["LastName"], entity="Contact", key="LastName")
assert list(child) == ["Child"], child
sf(*org("data", "delete", "record", "--sobject", "Account", "--record-id", made["id"]))
print("sf: all as written")
