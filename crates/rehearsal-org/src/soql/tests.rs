//! Queries over the store itself: what indexes find is what a look at all records finds, and what is too much for
//! memory comes out as if it were not.
#![allow(clippy::unwrap_used)]

use super::matching::Matching;
use super::order::Sorter;
use super::parser::parse;
use super::plan::{Output, Plan, plan};
use super::run::{Answer, run};
use crate::ids::RecordId;
use crate::schema::Schema;
use crate::schema::catalogue::Catalogue;
use crate::store::database::Database;
use crate::store::{Row, Store};
use crate::values::Value;

struct Org {
    catalogue: Catalogue,
    records: Database,
}

/// Three hundred accounts in a tree, every seventh deleted, and as many contacts of them.
fn org() -> Org {
    let catalogue = Catalogue::compile(&Schema::standard()).unwrap();
    let records = Database::open(&catalogue, None).unwrap();
    let account = catalogue.object("Account").unwrap();
    let contact = catalogue.object("Contact").unwrap();
    let account_id = |serial| {
        Value::Ref(RecordId {
            object: account.index,
            serial,
        })
    };
    let mut store = records.write();
    for number in 1..=300_u32 {
        let mut row = Row::new(i64::from(number), 4);
        row.deleted = number % 7 == 0;
        let mut set = |name, value| row.set(account.field(name).unwrap(), value);
        set("External_Id__c", Value::text(&format!("A{number}")));
        set(
            "Name",
            Value::text(["b", "B\u{0}", "a", "", "Ä"][number as usize % 5]),
        );
        set("NumberOfEmployees", Value::Int(150 - number as i32 % 10));
        set("AnnualRevenue", Value::Number(i64::from(number % 3) - 1));
        if number > 20 {
            set("ParentId", account_id(number / 20));
        }
        store.insert(&catalogue, account.index, row);
        let mut row = Row::new(1, 2);
        row.set(contact.field("LastName").unwrap(), Value::text("x"));
        row.set(
            contact.field("AccountId").unwrap(),
            account_id(number / 2 + 1),
        );
        store.insert(&catalogue, contact.index, row);
    }
    drop(store);
    Org { catalogue, records }
}

impl Org {
    fn ids(&self, soql: &str) -> Vec<u32> {
        match run(&self.catalogue, &self.records.read(), soql, false).unwrap() {
            Answer::Records { ids, .. } => ids.into_iter().map(|id| id.serial).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn planned<T>(&self, soql: &str, with: impl FnOnce(&Store, &Plan<'_>) -> T) -> T {
        let query = parse(soql).unwrap();
        let store = self.records.read();
        with(
            &store,
            &plan(&self.catalogue, &store, &query, false).unwrap(),
        )
    }

    fn id(&self, object: &str, serial: u32) -> String {
        let object = self.catalogue.object(object).unwrap().index;
        self.catalogue.id_text(RecordId { object, serial })
    }
}

#[test]
fn indexes_find_what_a_look_at_all_finds() {
    let org = org();
    let (a, b) = (org.id("Account", 2), org.id("Account", 9));
    let check = |object: &str, condition: &str, found: usize, indexed: bool| {
        let soql = format!("SELECT Id FROM {object} WHERE {condition}");
        let by_index = org.ids(&soql);
        // A negation is answered by no index.
        let by_scan = org.ids(&format!(
            "SELECT Id FROM {object} WHERE NOT (NOT ({condition}))"
        ));
        assert_eq!(by_index, by_scan, "{condition}");
        assert_eq!(by_index.len(), found, "{condition}");
        org.planned(&soql, |store, plan| {
            let matching = Matching::new(&org.catalogue, store, plan);
            let candidates = matching.candidates(plan.filter.as_ref().unwrap());
            assert_eq!(candidates.is_some(), indexed, "{condition}");
        });
    };
    check("Account", &format!("Id = '{a}'"), 1, true);
    check("Account", &format!("Id IN ('{a}', '{b}', '{a}')"), 2, true);
    check("Account", "External_Id__c = 'a5'", 1, true);
    check("Account", "External_Id__c = 'a7'", 0, true);
    check(
        "Account",
        "External_Id__c IN ('a5', 'A6', 'A7', 'none')",
        2,
        true,
    );
    check("Account", &format!("ParentId = '{a}'"), 17, true);
    check(
        "Account",
        &format!("Name = 'b' AND ParentId IN ('{a}', '{b}')"),
        8,
        true,
    );
    check("Account", &format!("Parent.Id = '{a}'"), 17, true);
    check("Account", "Parent.External_Id__c = 'A2'", 17, true);
    check(
        "Account",
        &format!("External_Id__c = 'A1' OR ParentId = '{a}'"),
        18,
        true,
    );
    check("Contact", "Account.External_Id__c IN ('A2', 'A3')", 4, true);
    let inner = "SELECT Id FROM Account WHERE External_Id__c = 'A2'";
    check("Contact", &format!("AccountId IN ({inner})"), 2, true);
    check("Contact", "Account.Parent.External_Id__c = 'A2'", 40, false);
    check("Account", "ParentId = null AND Name = 'a'", 3, false);
    check(
        "Account",
        "External_Id__c = 'A1' OR Name = 'none'",
        1,
        false,
    );
}

#[test]
fn sorting_in_stretches_is_sorting() {
    let org = org();
    for order in [
        "Name",
        "Name DESC NULLS LAST, Id DESC",
        "NumberOfEmployees DESC, Name NULLS LAST",
        "AnnualRevenue, CreatedDate DESC",
        "Parent.Name, IsDeleted, External_Id__c",
    ] {
        let soql = format!("SELECT Id FROM Account ORDER BY {order}");
        let whole = org.ids(&soql);
        assert_eq!(whole.len(), 300 - 42);
        let cut = org.ids(&format!("{soql} LIMIT 20 OFFSET 5"));
        assert_eq!(cut, whole[5..25], "{order}");
        org.planned(&soql, |store, plan| {
            let matching = Matching::new(&org.catalogue, store, plan);
            for most in [usize::MAX, 25] {
                let mut sorter = Sorter::new(&plan.order, most).in_bytes(4000);
                matching.each(&mut |record| sorter.add(record));
                let ids = sorter.finish(plan.object.index).unwrap();
                let serials: Vec<u32> = ids.into_iter().map(|id| id.serial).collect();
                assert_eq!(serials, whole[..most.min(whole.len())], "{order}");
            }
        });
    }
    let names = org.ids("SELECT Id FROM Account ORDER BY Name NULLS LAST, CreatedDate LIMIT 110");
    let remainders: Vec<u32> = names.iter().map(|serial| serial % 5).collect();
    // a, b, b with a zero after it, ä.
    assert!(
        remainders.is_sorted_by_key(|r| [1, 2, 0, 4, 3][*r as usize]),
        "{remainders:?}"
    );
}

#[test]
fn groups_one_by_one_are_groups() {
    let org = org();
    for soql in [
        "SELECT External_Id__c, COUNT(Id) n FROM Account GROUP BY External_Id__c ORDER BY External_Id__c LIMIT 40",
        "SELECT ParentId, COUNT_DISTINCT(Name) n FROM Account GROUP BY ParentId HAVING COUNT(Id) > 16 ORDER BY ParentId",
        "SELECT COUNT(Id), SUM(NumberOfEmployees), MIN(Name) FROM Account",
    ] {
        let texts = [10, 1000].map(|at_once| {
            org.planned(soql, |store, plan| {
                let matching = Matching::new(&org.catalogue, store, plan);
                let Output::Groups(grouping) = &plan.output else {
                    panic!("no groups");
                };
                let text = grouping.run_with(&org.catalogue, &matching, 1, plan.limit, at_once);
                text.unwrap().1
            })
        });
        assert_eq!(texts[0], texts[1], "{soql}");
    }
}
