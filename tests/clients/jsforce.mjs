// jsforce 3 does its usual work with the org: single records, collections, queries of several pages, Bulk 2.0 and
// Bulk 1.0; then every record is read back with plain HTTP and compared, key and value, with what was written.
import { createRequire } from 'node:module';
import { strict as assert } from 'node:assert';
import { KEY, account, held, same } from './held.mjs';

const require = createRequire(`${process.env.CLIENTS}/npm/package.json`);
const jsforce = require('jsforce');
const { ORG_URL, ORG_TOKEN, ORG_USERNAME, ORG_PASSWORD } = process.env;
const many = (prefix, count) => Array.from({ length: count }, (_, n) => account(prefix, n));

const conn = new jsforce.Connection({ instanceUrl: ORG_URL, accessToken: ORG_TOKEN, version: '66.0' });
const accounts = conn.sobject('Account');

// Joining: who is logged in, and a login by SOAP.
const identity = await conn.identity();
assert.equal(identity.username, ORG_USERNAME);
const other = new jsforce.Connection({ loginUrl: ORG_URL, version: '60.0' });
const user = await other.login(ORG_USERNAME, ORG_PASSWORD);
assert.equal(user.organizationId, identity.organization_id);
assert.equal((await other.query('SELECT COUNT() FROM User')).totalSize > 0, true);
await assert.rejects(new jsforce.Connection({ loginUrl: ORG_URL }).login(ORG_USERNAME, 'wrong'), /INVALID_LOGIN/);

// One record at a time.
{
  const record = account('one', 1);
  const { id } = await accounts.create(record);
  assert.deepEqual((await accounts.retrieve(id)).Name, record.Name);
  record.Name = 'changed';
  assert.equal((await accounts.update({ Id: id, Name: record.Name })).success, true);
  record.Industry = 'Energy';
  assert.equal((await accounts.upsert({ [KEY]: record[KEY], Industry: 'Energy' }, KEY)).success, true);
  await same('one', [record]);
  await assert.rejects(accounts.create({ Industry: 'Retail' }), { errorCode: 'REQUIRED_FIELD_MISSING' });
  assert.equal((await accounts.destroy(id)).success, true);
  await assert.rejects(accounts.retrieve(id), { errorCode: /ENTITY_IS_DELETED|NOT_FOUND/ });
}

// Collections, cut by the client into calls of 200.
{
  const records = many('many', 450);
  const created = await accounts.create(records, { allOrNone: true, allowRecursive: true });
  assert.equal(created.every((result) => result.success), true);
  const changed = records.map((record, n) => ({ Id: created[n].id, Description: `changed ${n}` }));
  const updated = await accounts.update(changed, { allowRecursive: true });
  assert.equal(updated.every((result) => result.success), true);
  await same('many', records.map((record, n) => ({ ...record, Description: `changed ${n}` })));
  const bad = await accounts.create([{ Name: 'good' }, { Industry: 'Retail' }]);
  assert.deepEqual(bad.map((result) => result.success), [true, false]);
  assert.equal(bad[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
}

// Bulk API 2.0: what failed is told by row.
{
  const records = many('bulk', 4500);
  conn.bulk2.pollTimeout = 60000;
  conn.bulk2.pollInterval = 200;
  const wrong = { ...account('wrong', 1), Name: null };
  const loaded = await conn.bulk2.loadAndWaitForResults({
    object: 'Account', operation: 'insert', input: [...records, wrong],
  });
  assert.equal(loaded.successfulResults.length, records.length);
  assert.equal(loaded.failedResults.length, 1);
  assert.match(loaded.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.equal(loaded.failedResults[0][KEY], wrong[KEY]);
  await same('bulk', records);
  const upserted = records.slice(0, 1000).map((record) => ({ ...record, Name: `${record.Name} again` }));
  const again = await conn.bulk2.loadAndWaitForResults({
    object: 'Account', operation: 'upsert', externalIdFieldName: KEY, input: upserted,
  });
  assert.equal(again.successfulResults.every((row) => row.sf__Created === 'false'), true);
  await same('bulk', [...upserted, ...records.slice(1000)]);

  const fields = [KEY, 'Name', 'Description', 'Annual_Spend__c'];
  const rows = await (await conn.bulk2.query(`SELECT ${fields.join(', ')} FROM Account WHERE ${KEY} LIKE 'bulk-%'`)).toArray();
  const held_ = await held('bulk', fields);
  assert.equal(rows.length, held_.size);
  for (const row of rows) {
    const record = held_.get(row[KEY]);
    assert.equal(row.Name, record.Name);
    assert.equal(row.Description ?? '', record.Description ?? '');
    assert.equal(Number(row.Annual_Spend__c), record.Annual_Spend__c);
  }
  console.log(`  bulk: ${rows.length} rows of a bulk query as held`);
}

// A query of several pages, by the client's own paging.
{
  const soql = `SELECT ${KEY}, Name FROM Account WHERE ${KEY} LIKE 'bulk-%'`;
  const all = await conn.query(soql, { autoFetch: true, maxFetch: 100000 });
  assert.equal(all.records.length, 4500);
  let page = await conn.query(soql);
  const keys = new Set(page.records.map((record) => record[KEY]));
  while (!page.done) {
    page = await conn.queryMore(page.nextRecordsUrl);
    page.records.forEach((record) => keys.add(record[KEY]));
  }
  assert.equal(keys.size, 4500);
  console.log('  query: 4500 records in pages');
}

// Bulk API 1.0.
{
  const records = many('classic', 700);
  conn.bulk.pollTimeout = 60000;
  conn.bulk.pollInterval = 200;
  const results = await conn.bulk.load('Account', 'upsert', { extIdField: KEY }, records);
  assert.equal(results.every((result) => result.success), true);
  await same('classic', records);
  const rows = await (await conn.bulk.query(`SELECT ${KEY} FROM Account WHERE ${KEY} LIKE 'classic-%'`)).toArray();
  assert.equal(new Set(rows.map((row) => row[KEY])).size, 700);
}

// Parents by key, and describe.
{
  const contacts = Array.from({ length: 300 }, (_, n) => ({
    Contact_External_Id__c: `jc-${n}`, LastName: `Contact ${n}`, 'Account.External_Id__c': `bulk-${n % 7}`,
  }));
  const loaded = await conn.bulk2.loadAndWaitForResults({
    object: 'Contact', operation: 'upsert', externalIdFieldName: 'Contact_External_Id__c', input: contacts,
  });
  assert.equal(loaded.failedResults.length, 0);
  const joined = await conn.query("SELECT Contact_External_Id__c, Account.External_Id__c FROM Contact WHERE Contact_External_Id__c LIKE 'jc-%'");
  for (const record of joined.records) {
    const n = Number(record.Contact_External_Id__c.slice(3));
    assert.equal(record.Account.External_Id__c, `bulk-${n % 7}`);
  }
  assert.equal(joined.totalSize, 300);
  const described = await conn.sobject('Contact').describe();
  assert.equal(described.fields.some((field) => field.name === 'LastName' && field.nillable === false), true);
  console.log('  contacts: 300 under the parents named by key');
}
console.log('jsforce: all as written');
