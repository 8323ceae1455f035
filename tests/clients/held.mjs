// What the org holds, read with nothing but HTTP, and the comparison with what a client meant to write.
import { strict as assert } from 'node:assert';

const { ORG_URL, ORG_TOKEN } = process.env;
export const KEY = 'External_Id__c';

/** Values that a careless client or org would damage. */
const ODD = ['plain', 'Zoë "quoted", Ltd.', "O'Brien; & Söhne <x>", 'two\nlines', 'tab\there', '日本語 🚢', '#1', '007', 'null'];

export function account(prefix, n) {
  return {
    [KEY]: `${prefix}-${n}`,
    Name: `${ODD[n % ODD.length]} ${n}`,
    Industry: n % 3 === 0 ? null : 'Retail',
    AnnualRevenue: n * 10,
    Annual_Spend__c: n + 0.25,
    NumberOfEmployees: n,
    Description: n % 5 === 0 ? null : `Line one ${n}\n"two", three`,
  };
}

async function call(path) {
  const reply = await fetch(ORG_URL + path, { headers: { authorization: `Bearer ${ORG_TOKEN}` } });
  assert.equal(reply.status, 200, path);
  return reply.json();
}

/** The records whose key begins with a prefix, by their keys. */
export async function held(prefix, fields) {
  const soql = `SELECT ${fields.join(', ')} FROM Account WHERE ${KEY} LIKE '${prefix}-%'`;
  const all = new Map();
  let page = await call(`/services/data/v66.0/query?q=${encodeURIComponent(soql)}`);
  for (;;) {
    for (const record of page.records) {
      delete record.attributes;
      assert.ok(!all.has(record[KEY]), `${record[KEY]} is there twice`);
      all.set(record[KEY], record);
    }
    if (page.done) return all;
    page = await call(page.nextRecordsUrl);
  }
}

/** Compares key and value exactly. */
export async function same(prefix, expected) {
  const found = await held(prefix, Object.keys(expected[0]));
  assert.equal(found.size, expected.length, `${prefix}: number of records`);
  for (const record of expected) assert.deepEqual(found.get(record[KEY]), record, record[KEY]);
  console.log(`  ${prefix}: ${expected.length} records as written`);
}
