// jsforce 1, which many programs still have, does its usual work with the org: logins, single records, lists, its own
// query language, Bulk 1.0; then every record is read back with plain HTTP and compared, key and value, with what was written.
import { createRequire } from 'node:module';
import { strict as assert } from 'node:assert';
import { KEY, account, held, same } from './held.mjs';

const require = createRequire(`${process.env.CLIENTS}/npm/package.json`);
const jsforce = require('jsforce1');
const { ORG_URL, ORG_USERNAME, ORG_PASSWORD, ORG_CLIENT_ID, ORG_CLIENT_SECRET } = process.env;
const many = (prefix, count) => Array.from({ length: count }, (_, n) => account(prefix, n));

// Logins: by SOAP, and by OAuth with the same name and password.
const soap = new jsforce.Connection({ loginUrl: ORG_URL });
const user = await soap.login(ORG_USERNAME, ORG_PASSWORD);
const oauth2 = { loginUrl: ORG_URL, clientId: ORG_CLIENT_ID, clientSecret: ORG_CLIENT_SECRET, redirectUri: 'http://localhost' };
const conn = new jsforce.Connection({ oauth2 });
assert.equal((await conn.login(ORG_USERNAME, ORG_PASSWORD)).id, user.id);
assert.equal((await conn.identity()).user_id, user.id);
await assert.rejects(soap.login(ORG_USERNAME, 'wrong'), /INVALID_LOGIN/);
const accounts = conn.sobject('Account');

// One record, and a list.
const record = account('j1one', 1);
const { id } = await accounts.create(record);
await accounts.update({ Id: id, Name: 'changed' });
await accounts.upsert({ [KEY]: record[KEY], Industry: 'Energy' }, KEY);
await same('j1one', [{ ...record, Name: 'changed', Industry: 'Energy' }]);
const records = many('j1', 150);
const made = await accounts.create(records);
assert.ok(made.every((one) => one.success));
await same('j1', records);
await assert.rejects(accounts.create({ Industry: 'Retail' }), { errorCode: 'REQUIRED_FIELD_MISSING' });

// Its own words for queries, and what they change and delete.
const found = await accounts.find({ [KEY]: { $like: 'j1-%' }, NumberOfEmployees: { $gte: 100 } }, `${KEY}, Name`).sort({ NumberOfEmployees: -1 }).limit(10).execute();
assert.deepEqual(found.map((one) => one[KEY]), Array.from({ length: 10 }, (_, n) => `j1-${149 - n}`));
await accounts.find({ [KEY]: { $in: ['j1-3', 'j1-4'] } }).update({ Description: 'found' });
for (const n of [3, 4]) records[n].Description = 'found';
await accounts.find({ [KEY]: 'j1-5' }).destroy();
records.splice(5, 1);
await same('j1', records);
const children = await conn.sobject('Contact').create({ LastName: 'Lee', Account: { [KEY]: 'j1-0' } });
const parents = await accounts.find({ [KEY]: 'j1-0' }, KEY).include('Contacts').select('Id, LastName').end().execute();
assert.deepEqual(parents[0].Contacts.records.map((one) => one.Id), [children.id]);

// Bulk 1.0, and a query in bulk.
const bulk = many('j1bulk', 900);
conn.bulk.pollInterval = 200;
conn.bulk.pollTimeout = 60000;
const loaded = await conn.bulk.load('Account', 'upsert', { extIdField: KEY }, bulk);
assert.ok(loaded.every((one) => one.success));
await same('j1bulk', bulk);
const rows = await new Promise((resolve, reject) => {
  const all = [];
  conn.bulk.query(`SELECT ${KEY}, Name FROM Account WHERE ${KEY} LIKE 'j1bulk-%'`)
    .on('record', (row) => all.push(row)).on('error', reject).on('end', () => resolve(all));
});
assert.deepEqual(new Map(rows.map((row) => [row[KEY], row.Name])).size, 900);

// What was found, changed, deleted; what the org is.
const hit = await conn.search('FIND {changed} IN ALL FIELDS RETURNING Account(Id)');
assert.deepEqual(hit.searchRecords.map((one) => one.Id), [id]);
const [start, end] = [new Date(Date.now() - 3600e3), new Date(Date.now() + 60e3)];
assert.ok((await accounts.updated(start, end)).ids.includes(id));
assert.equal((await accounts.deleted(start, end)).deletedRecords.length, 1);
assert.ok((await accounts.describe$()).fields.some((field) => field.name === KEY && field.externalId));
assert.deepEqual(await conn.recent(), []);
assert.equal((await held('j1bulk', [KEY])).size, 900);
const late = new jsforce.Connection({ instanceUrl: ORG_URL, accessToken: conn.accessToken });
await conn.logout();
await assert.rejects(async () => late.query('SELECT Id FROM Account'), { errorCode: 'INVALID_SESSION_ID' });
console.log('jsforce1: all as written');
