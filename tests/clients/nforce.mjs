// nforce does its usual work with the org: a login by name and password, single records by id and by key, queries of several
// pages, a search; then every record is read back with plain HTTP and compared, key and value, with what was written.
import { createRequire } from 'node:module';
import { strict as assert } from 'node:assert';
import { KEY, account, same } from './held.mjs';

const require = createRequire(`${process.env.CLIENTS}/npm/package.json`);
const nforce = require('nforce');
const { ORG_URL, ORG_USERNAME, ORG_PASSWORD, ORG_CLIENT_ID, ORG_CLIENT_SECRET } = process.env;

const org = nforce.createConnection({
  clientId: ORG_CLIENT_ID, clientSecret: ORG_CLIENT_SECRET, redirectUri: 'http://localhost', apiVersion: 'v45.0', mode: 'single',
  loginUri: `${ORG_URL}/services/oauth2/token`,
});
await assert.rejects(org.authenticate({ username: ORG_USERNAME, password: 'wrong' }), /authentication failure/);
const oauth = await org.authenticate({ username: ORG_USERNAME, password: ORG_PASSWORD });
assert.equal((await org.getIdentity({ oauth })).username, ORG_USERNAME);

// One by one, by id and by key. Version 45 answers an update by key with nothing.
const records = Array.from({ length: 40 }, (_, n) => account('nf', n));
const ids = [];
for (const record of records) ids.push((await org.insert({ sobject: nforce.createSObject('Account', { ...record }) })).id);
for (const n of [1, 2]) {
  records[n].Name = `changed ${n}`;
  await org.update({ sobject: nforce.createSObject('Account', { id: ids[n], Name: records[n].Name }) });
}
for (const n of [3, 40]) {
  const record = account('nf', n);
  records[n] = { ...record, Name: `by key ${n}` };
  const { [KEY]: key, ...rest } = records[n];
  const sobject = nforce.createSObject('Account', rest);
  sobject.setExternalId(KEY, key);
  await org.upsert({ sobject });
}
await same('nf', records);
await assert.rejects(org.insert({ sobject: nforce.createSObject('Account', { Industry: 'Retail' }) }), { errorCode: 'REQUIRED_FIELD_MISSING' });

// Queries, in pages too, and a search.
const found = await org.query({ query: `SELECT ${KEY}, Name FROM Account WHERE ${KEY} LIKE 'nf-%'`, fetchAll: true });
assert.deepEqual(
  new Map(found.records.map((one) => [one.get(KEY), one.get('Name')])),
  new Map(records.map((one) => [one[KEY], one.Name])),
);
const one = await org.getRecord({ type: 'Account', id: ids[1], fields: ['Name'] });
assert.equal(one.get('Name'), 'changed 1');
const hits = await org.search({ search: 'FIND {changed} RETURNING Account(Id)' });
assert.deepEqual((hits.searchRecords ?? hits).length, 2);
for (const n of [1, 2]) await org.delete({ sobject: nforce.createSObject('Account', { id: ids[n] }) });
await same('nf', records.filter((_, n) => n !== 1 && n !== 2));
assert.equal((await org.getDescribe({ type: 'Account' })).name, 'Account');
console.log('nforce: all as written');
