"""simple-salesforce does its usual work with the org over TLS, which it insists on: queries, single records, Bulk 1.0 and
Bulk 2.0; then every record is read back with plain HTTP and compared, key and value, with what was written."""

import csv
import io
import os

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from held import KEY, account, same

session = requests.Session()
session.trust_env = False
session.verify = os.environ["ORG_CA"]
host = os.environ["ORG_URL"].removeprefix("https://")
sf = Salesforce(instance=host, session_id=os.environ["ORG_TOKEN"], session=session, version="59.0")


def many(prefix, count):
    return [account(prefix, n) for n in range(count)]


# One record at a time, by id and by key.
record = account("ss_one", 1)
made = sf.Account.create(record)
assert made["success"], made
assert sf.Account.get(made["id"])["Name"] == record["Name"]
assert sf.Account.get_by_custom_id(KEY, record[KEY])["Id"] == made["id"]
record["Name"] = "changed"
assert sf.Account.update(made["id"], {"Name": record["Name"]}) == 204
record["Industry"] = "Energy"
body = {name: value for name, value in record.items() if name != KEY}
assert sf.Account.upsert(f"{KEY}/{record[KEY]}", body) in (200, 201, 204)
same("ss_one", [record])
try:
    sf.Account.create({"Industry": "Retail"})
    raise AssertionError("a record without a name was taken")
except SalesforceMalformedRequest as error:
    assert error.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING", error.content
assert sf.Account.delete(made["id"]) == 204
try:
    sf.Account.get(made["id"])
    raise AssertionError("a deleted record was found")
except SalesforceResourceNotFound:
    pass

# Bulk API 1.0, JSON batches.
records = many("ss_classic", 2500)
results = sf.bulk.Account.upsert(records, KEY, batch_size=1000)
assert len(results) == 2500 and all(result["success"] and result["created"] for result in results), results[:3]
same("ss_classic", records)
rows = sf.bulk.Account.query(f"SELECT Id, {KEY}, Name FROM Account WHERE {KEY} LIKE 'ss_classic-%'")
assert {row[KEY]: row["Name"] for row in rows} == {r[KEY]: r["Name"] for r in records}
wrong = sf.bulk.Account.insert([{"Industry": "Retail"}, account("ss_right", 1)])
assert [result["success"] for result in wrong] == [False, True], wrong
assert wrong[0]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING", wrong
ids = [{"Id": row["Id"]} for row in rows[:300]]
assert all(result["success"] for result in sf.bulk.Account.delete(ids))
kept = {row[KEY] for row in rows[300:]}
same("ss_classic", [r for r in records if r[KEY] in kept])

# Bulk API 2.0, records and files.
records = [{k: v for k, v in r.items() if v is not None} | {"Industry": "Retail", "Description": "d"} for r in many("ss_bulk", 3000)]
done = sf.bulk2.Account.insert(records=records)
assert sum(job["numberRecordsProcessed"] - job["numberRecordsFailed"] for job in done) == 3000, done
same("ss_bulk", records)
changed = [{KEY: r[KEY], "Name": r["Name"] + " again"} for r in records]
done = sf.bulk2.Account.upsert(records=changed, external_id_field=KEY)
assert all(job["numberRecordsFailed"] == 0 for job in done), done
same("ss_bulk", [r | {"Name": r["Name"] + " again"} for r in records])
rows = []
for page in sf.bulk2.Account.query(f"SELECT {KEY}, Name FROM Account WHERE {KEY} LIKE 'ss_bulk-%'", max_records=1000):
    rows += list(csv.DictReader(io.StringIO(page, newline="")))
assert {row[KEY]: row["Name"] for row in rows} == {r[KEY]: r["Name"] for r in changed}
done = sf.bulk2.Account.insert(records=[{"Name": "", "Industry": "Retail"}, {"Name": "good", "Industry": "Retail"}])
assert [(job["numberRecordsProcessed"], job["numberRecordsFailed"]) for job in done] == [(2, 1)], done
failed = list(csv.DictReader(io.StringIO(sf.bulk2.Account.get_failed_records(done[0]["job_id"]))))
assert failed[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:"), failed

# Queries of several pages, and what else is asked for.
everything = sf.query_all(f"SELECT {KEY} FROM Account WHERE {KEY} LIKE 'ss_bulk-%'")
assert len(everything["records"]) == everything["totalSize"] == 3000
assert sum(1 for _ in sf.query_all_iter(f"SELECT Id FROM Account WHERE {KEY} LIKE 'ss_bulk-%'")) == 3000
assert sf.limits()["DailyApiRequests"]["Max"] > 0
assert any(o["name"] == "Account" for o in sf.describe()["sobjects"])
assert sf.Account.describe()["name"] == "Account"
assert sf.toolingexecute("query/?q=SELECT+Id+FROM+ValidationRule")["totalSize"] == 0
print("simple-salesforce: all as written")
