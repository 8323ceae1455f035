"""What the org holds, read with nothing but HTTP, and the comparison with what a client meant to write."""

import json
import os
import ssl
import urllib.parse
import urllib.request

URL = os.environ["ORG_URL"]
TOKEN = os.environ["ORG_TOKEN"]
KEY = "External_Id__c"
CONTEXT = ssl.create_default_context(cafile=os.environ["ORG_CA"]) if os.environ.get("ORG_CA") else None

# Values that a careless client or org would damage.
ODD = [
    "plain",
    'Zoë "quoted", Ltd.',
    "O'Brien; & Söhne <x>",
    "two\nlines",
    "tab\there",
    "日本語 🚢",
    "#1",
    "007",
    "null",
]


def account(prefix, n):
    return {
        KEY: f"{prefix}-{n}",
        "Name": f"{ODD[n % len(ODD)]} {n}",
        "Industry": None if n % 3 == 0 else "Retail",
        "AnnualRevenue": n * 10,
        "Annual_Spend__c": n + 0.25,
        "NumberOfEmployees": n,
        "Description": None if n % 5 == 0 else f'Line one {n}\n"two", three',
    }


def call(path, url=URL, token=TOKEN):
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
    # No proxy stands between two programs of one machine.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=CONTEXT)] if CONTEXT else [])
    )
    with opener.open(request, timeout=60) as reply:
        return json.load(reply)


def held(where, fields, entity="Account", key=KEY, url=URL, token=TOKEN):
    """The records that a condition finds, by their keys."""
    soql = f"SELECT {', '.join(fields)} FROM {entity} WHERE {where}"
    page = call("/services/data/v66.0/query?" + urllib.parse.urlencode({"q": soql}), url, token)
    found = {}
    while True:
        for record in page["records"]:
            record.pop("attributes")
            assert record[key] not in found, f"{record[key]} is there twice"
            found[record[key]] = record
        if page["done"]:
            return found
        page = call(page["nextRecordsUrl"], url, token)


def same(prefix, expected, **more):
    """Compares key and value exactly."""
    key = more.get("key", KEY)
    found = held(f"{key} LIKE '{prefix}-%'", list(expected[0]), **more)
    assert len(found) == len(expected), f"{prefix}: {len(found)} records instead of {len(expected)}"
    for record in expected:
        assert found[record[key]] == record, f"{record[key]}:\n  held  {found[record[key]]}\n  meant {record}"
    print(f"  {prefix}: {len(expected)} records as written")
