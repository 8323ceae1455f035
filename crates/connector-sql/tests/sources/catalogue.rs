//! What both databases tell of themselves: tables by their names, keys, foreign keys, and what is left out.

use connector::{Catalogue, Listed, Source};

use crate::support::{File, with_database};

fn names(catalogue: &Catalogue) -> Vec<&str> {
    catalogue
        .objects
        .iter()
        .map(|listed| listed.from.describe())
        .collect()
}

fn one<'a>(catalogue: &'a Catalogue, name: &str) -> &'a Listed {
    let mut found = catalogue
        .objects
        .iter()
        .filter(|listed| listed.name == name);
    found.next().unwrap_or_else(|| panic!("{name} is listed"))
}

/// `columns -> parent(columns)` of each parent.
fn parents(listed: &Listed) -> Vec<String> {
    let parents = listed.parents.iter();
    parents
        .map(|parent| {
            format!(
                "{} -> {}({})",
                parent.columns.join(","),
                parent.from.describe(),
                parent.to.join(",")
            )
        })
        .collect()
}

const TABLES: &str = "
    create table customers (id integer primary key, code varchar(9) not null unique, mail varchar(9) unique, boss integer references customers);
    create table lines (doc integer, no integer, customer integer references customers (id), primary key (doc, no));
    create table returns (id integer primary key, doc integer, no integer, foreign key (doc, no) references lines);
    create table keyless (a integer);
    create view v as select * from customers;";

async fn tells(source: &dyn Source) {
    let all = source.catalogue(&[]).await.unwrap();
    assert_eq!(names(&all), ["customers", "keyless", "lines", "returns"]);
    assert_eq!(
        one(&all, "customers").keys,
        [vec!["id"], vec!["code"]],
        "a null is no key"
    );
    assert_eq!(one(&all, "lines").keys, [["doc", "no"]]);
    assert!(one(&all, "keyless").keys.is_empty());
    assert_eq!(parents(one(&all, "customers")), ["boss -> customers(id)"]);
    assert_eq!(parents(one(&all, "lines")), ["customer -> customers(id)"]);
    assert_eq!(parents(one(&all, "returns")), ["doc,no -> lines(doc,no)"]);
    assert_eq!(all.left_out.len(), 1, "{:?}", all.left_out);
    let named = source
        .catalogue(&["V".to_owned(), "lines".to_owned()])
        .await
        .unwrap();
    assert_eq!(names(&named), ["lines", "v"]);
    assert!(
        parents(one(&named, "lines")).is_empty(),
        "its parent was not asked for"
    );
}

#[tokio::test]
async fn postgres_tells_its_tables() {
    with_database(|database| async move {
        database.run(TABLES).await;
        let source = database.source().await;
        tells(source.as_ref()).await;
        database
            .run(
                "create schema other; create table other.lines (id int primary key); create table other.lone (id int primary key);
                 create table parted (id int not null) partition by range (id); create table part partition of parted for values from (1) to (9)",
            )
            .await;
        let all = source.catalogue(&[]).await.unwrap();
        assert_eq!(
            names(&all),
            ["customers", "keyless", "lines", "parted", "returns", "other.lines", "other.lone"],
            "parts are read with their table, and other schemas by theirs"
        );
    })
    .await;
}

#[tokio::test]
async fn sqlite_tells_its_tables() {
    let file = File::new(TABLES).await;
    tells(file.source().as_ref()).await;
}
