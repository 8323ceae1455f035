"""What Snowfakery makes up, as SQLite and as CSV, moved into an org by Stevedore, and from that org into a second one.

Each org is then asked over REST, and every record compared: key, values, parents.
"""

import collections
import csv
import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import held

HERE = pathlib.Path(__file__).parent / "snowfakery"
WORK = pathlib.Path(os.environ["WORK"])
COMPANIES = int(os.environ.get("COMPANIES") or 250)

TABLES = ["Campaign", "Account", "Contact", "CampaignMember", "Opportunity", "Case", "Task"]
KEYS = {
    "Campaign": "CMP", "Account": "ACC", "Contact": "CON", "CampaignMember": "MEM",
    "Opportunity": "OPP", "Case": "CAS", "Task": "TSK",
}  # fmt: skip
# What the org calls a column, and how it shows the value.
FIELDS = {
    "Campaign": {"Name": "name", "StartDate": "starts", "BudgetedCost": ("budget", float)},
    "Account": {
        "Name": "name", "BillingStreet": "street", "BillingCity": "city", "Phone": "phone",
        "NumberOfEmployees": ("employees", int), "Annual_Spend__c": ("spend", float), "Description": "notes",
    },
    "Contact": {"FirstName": "first", "LastName": "last", "Email": "email", "Birthdate": "born"},
    "CampaignMember": {"Status": "status"},
    "Opportunity": {"Name": "name", "StageName": "stage", "Amount": ("amount", float), "CloseDate": "closes"},
    "Case": {"Subject": "subject", "Status": "status", "Description": "text"},
    "Task": {"Subject": "subject", "ActivityDate": "due"},
}  # fmt: skip
# Relations: the column, and the table it points to; a task's `about` says which.
PARENTS = {
    "Contact": {"Account": ("account", "Account"), "ReportsTo": ("boss", "Contact")},
    "CampaignMember": {"Campaign": ("campaign", "Campaign"), "Contact": ("contact", "Contact")},
    "Opportunity": {"Account": ("account", "Account")},
    "Case": {"Account": ("account", "Account"), "Contact": ("contact", "Contact")},
    "Task": {"Who": ("contact", "Contact"), "What": ("about_id", None)},
}


def key_field(table):
    return "Contact_External_Id__c" if table == "Contact" else "External_Id__c"


def make_up(*where):
    """Has Snowfakery write this many companies and what belongs to them."""
    command = [os.environ["SNOWFAKERY"], str(HERE / "recipe.yml"), "--reps", str(COMPANIES), *where]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"})


def of_sqlite(file):
    database = sqlite3.connect(file)
    database.row_factory = sqlite3.Row
    return {table: [dict(row) for row in database.execute(f'select * from "{table}"')] for table in TABLES}


def of_csv(folder):
    tables = {}
    for table in TABLES:
        with open(folder / f"{table}.csv", newline="", encoding="utf-8") as file:
            tables[table] = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    return tables


def expected(prefix, tables):
    """By table, each record as a line: key, values, the parents' keys."""
    lines = {}
    for table, rows in tables.items():
        lines[table] = []
        for row in rows:
            line = [f"{prefix}-{KEYS[table]}-{row['id']}"]
            for column in FIELDS[table].values():
                column, kind = column if isinstance(column, tuple) else (column, str)
                line.append(None if row[column] is None else kind(row[column]))
            for column, parent in PARENTS.get(table, {}).values():
                parent = parent or row["about"]
                line.append(f"{prefix}-{KEYS[parent]}-{row[column]}" if row[column] else None)
            lines[table].append(tuple(line))
    return lines


def found(url, token):
    """The same of an org. Parents are told by their ids, and these looked up among its records."""
    records, keys = {}, {}
    for table in TABLES:
        parents = [f"{relation}Id" for relation in PARENTS.get(table, {})]
        fields = ["Id", key_field(table), *FIELDS[table], *parents]
        records[table] = held.held("Id != null", fields, table, "Id", url, token).values()
        keys.update((record["Id"], record[key_field(table)]) for record in records[table])
    lines = {}
    for table in TABLES:
        parents = [f"{relation}Id" for relation in PARENTS.get(table, {})]
        lines[table] = [
            (
                record[key_field(table)],
                *(record[field] for field in FIELDS[table]),
                *(keys[record[parent]] if record[parent] else None for parent in parents),
            )
            for record in records[table]
        ]
    return lines


def compare(what, expected, found):
    for table in TABLES:
        meant, there = collections.Counter(expected[table]), collections.Counter(found[table])
        missing, more = list((meant - there).elements()), list((there - meant).elements())
        if missing or more:
            shown = "\n".join(f"  meant {line}" for line in sorted(missing, key=str)[:3])
            shown += "\n" + "\n".join(f"  held  {line}" for line in sorted(more, key=str)[:3])
            sys.exit(f"{what}, {table}: {len(missing)} records are not as meant\n{shown}")
    print(f"  {what}: {sum(map(len, expected.values()))} records as made up, with their parents")


def stevedore(*arguments):
    """Runs a verb to its end; what it told as JSON."""
    command = [os.environ["STEVEDORE"], *arguments, "--json"]
    ended = subprocess.run(command, cwd=WORK, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"stevedore {' '.join(arguments)} ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return json.loads(ended.stdout)


def migrate(file, records):
    for verb in ["check", "doctor", "compare", "plan"]:
        stevedore(verb, file)
    told = stevedore("run", file)
    assert told["balanced"], told
    moved = [entry for entry in told["objects"] if not entry["name"].endswith("-links")]
    created = sum(entry["created"] for entry in moved)
    assert created == records, f"{created} records were made of {records}: {json.dumps(told, indent=1)}"


def source(prefix, connection, table):
    """The migration file of one source."""
    text = (HERE / "into.yaml").read_text().replace("SOURCE", connection).replace("PREFIX", prefix)
    for name in TABLES:
        text = text.replace(f"FROM({name})", table(name))
    (WORK / f"{prefix}.yaml").write_text(text)
    return f"{prefix}.yaml"


def size(lines):
    return sum(map(len, lines.values()))


make_up("--dburl", f"sqlite:///{WORK}/made.db")
make_up("--output-format", "csv", "--output-folder", str(WORK / "made"))
sqlite = expected("SQL", of_sqlite(WORK / "made.db"))
files = expected("CSV", of_csv(WORK / "made"))
both = {table: sqlite[table] + files[table] for table in TABLES}

first = (os.environ["ORG_URL"], os.environ["ORG_TOKEN"])
second = (os.environ["SECOND_URL"], os.environ["SECOND_TOKEN"])
migrate(source("SQL", f'{{ kind: sqlite, url: "sqlite://{WORK}/made.db" }}', lambda name: f"{{ table: {name} }}"), size(sqlite))
compare("SQLite to an org", sqlite, found(*first))
migrate(source("CSV", f'{{ kind: csv, folder: "{WORK}/made" }}', lambda name: f'{{ file: "{name}.csv" }}'), size(files))
compare("CSV to an org", both, found(*first))
(WORK / "onward.yaml").write_text((HERE / "onward.yaml").read_text())
migrate("onward.yaml", size(both))
compare("org to org", both, found(*second))
