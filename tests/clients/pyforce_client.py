"""pyforce does its usual work with the org by the SOAP partner API: single records, lists, queries of several pages,
searches, describes; then every record is read back with plain HTTP and compared, key and value, with what was written."""

import datetime
import os

import pyforce

from held import KEY, URL, account, held, same

server = pyforce.PythonClient(serverUrl=f"{URL}/services/Soap/u/60.0")
server.login(os.environ["ORG_USERNAME"], os.environ["ORG_PASSWORD"])


def sent(record):
    """As the client is given it: what is to be null is empty."""
    return {"type": "Account", **{name: "" if value is None else value for name, value in record.items()}}


# Lists of records, cut by hand into calls of 200.
records = [account("py", n) for n in range(450)]
made = []
for n in range(0, len(records), 200):
    made += server.create([sent(r) for r in records[n : n + 200]])
assert all(one["success"] for one in made), [one for one in made if not one["success"]][:3]
same("py", records)

# By id, by key, and what fails.
for one, record in zip(made[:100], records):
    record["Industry"], record["Phone"] = None, "123"
done = server.update([{"type": "Account", "Id": one["id"], "Industry": "", "Phone": "123"} for one in made[:100]])
assert all(one["success"] for one in done), done[:3]
for record in records[100:]:
    record["Phone"] = None
record = {"type": "Account", KEY: "py-7", "Name": "by key"}
done = server.upsert(KEY, [record, {"type": "Account", KEY: "pynew-1", "Name": "new"}])
assert [one["created"] for one in done] == [False, True], done
records[7]["Name"] = "by key"
same("py", records)
same("pynew", [{KEY: "pynew-1", "Name": "new"}])
bad = server.create([{"type": "Account", "Industry": "Retail"}])
assert not bad[0]["success"] and bad[0]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING", bad

# Queries of several pages, parents and children.
server.batchSize = 200
page = server.query(f"SELECT {KEY}, Name FROM Account WHERE {KEY} LIKE 'py-%'")
rows = list(page)
while not page.done:
    page = server.queryMore(page.queryLocator)
    rows += list(page)
assert {row[KEY]: row["Name"] for row in rows} == {r[KEY]: r["Name"] for r in records}, f"{len(rows)} rows"
child = server.create({"type": "Contact", "LastName": "Lee", "AccountId": made[0]["id"]})[0]
assert child["success"], child
joined = server.query("SELECT LastName, Account.Name FROM Contact")
assert [(row["LastName"], row["Account"]["Name"]) for row in joined] == [("Lee", records[0]["Name"])], joined
try:
    server.query("SELECT Nope FROM Account")
    raise AssertionError("a query for a field that is not there was answered")
except pyforce.SoapFaultError as fault:
    assert "INVALID_FIELD" in str(fault), fault
retrieved = server.retrieve(f"Id,{KEY}", "Account", [made[2]["id"], made[1]["id"]])
assert [row[KEY] for row in retrieved] == ["py-2", "py-1"], retrieved
print(f"  py: {len(rows)} rows in pages, as held")

# What the org is, and what happened in it.
assert any(one.name == "Account" for one in server.describeGlobal()["sobjects"])
described = server.describeSObjects("Contact")[0]
assert described.fields["LastName"].nillable is False
found = server.search("FIND {\"by key\"} RETURNING Account(Id)")
assert made[7]["id"] in str(found), found
assert server.getServerTimestamp()[:2] == "20"
now = datetime.datetime.now(datetime.timezone.utc)
span = now - datetime.timedelta(hours=1), now + datetime.timedelta(minutes=5)
assert {one["id"] for one in made} <= set(server.getUpdated("Account", *span))
done = server.delete([one["id"] for one in made[:200]])
assert all(one["success"] for one in done), done[:3]
gone = server.getDeleted("Account", *span)
assert {one["id"] for one in gone} == {one["id"] for one in made[:200]}, len(gone)
same("py", records[200:])
assert server.logout()
assert held(f"{KEY} LIKE 'pynew-%'", [KEY]).keys() == {"pynew-1"}
print("pyforce: all as written")
