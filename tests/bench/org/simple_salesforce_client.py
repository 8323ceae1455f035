"""simple-salesforce, in jobs of half a million records, as ours: cut by itself it counts letters for bytes and refuses the file; then its results are stored."""

import os
import sys

import requests
from simple_salesforce import Salesforce

session = requests.Session()
session.trust_env = False
session.verify = os.environ["ORG_CA"]
host = os.environ["ORG_URL"].removeprefix("https://")
sf = Salesforce(instance=host, session_id=os.environ["ORG_TOKEN"], session=session, version="59.0")
operation, path = sys.argv[1:]
if operation == "upsert":
    jobs = sf.bulk2.Account.upsert(csv_file=path, external_id_field="External_Id__c", batch_size=500_000)
else:
    jobs = sf.bulk2.Account.insert(csv_file=path, batch_size=500_000)
for job in jobs:
    sf.bulk2.Account.get_successful_records(job["job_id"], file="successful.csv")
    sf.bulk2.Account.get_failed_records(job["job_id"], file="failed.csv")
    sf.bulk2.Account.get_unprocessed_records(job["job_id"], file="unprocessed.csv")
    assert job["numberRecordsFailed"] == 0, job
