"""simple-salesforce with its own defaults: it cuts the file into jobs by itself; then its results are stored."""

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
    jobs = sf.bulk2.Account.upsert(csv_file=path, external_id_field="External_Id__c")
else:
    jobs = sf.bulk2.Account.insert(csv_file=path)
for job in jobs:
    sf.bulk2.Account.get_successful_records(job["job_id"], file="successful.csv")
    sf.bulk2.Account.get_failed_records(job["job_id"], file="failed.csv")
    sf.bulk2.Account.get_unprocessed_records(job["job_id"], file="unprocessed.csv")
    assert job["numberRecordsFailed"] == 0, job
