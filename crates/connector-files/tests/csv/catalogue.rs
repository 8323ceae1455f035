//! The files of a folder as objects.

use model::migration::From;

use crate::folder::Folder;

async fn listed(folder: &Folder, only: &[&str]) -> Vec<(String, String)> {
    let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    let catalogue = folder.source().unwrap().catalogue(&only).await.unwrap();
    let pair = |listed: &connector::Listed| match &listed.from {
        From::File(pattern) => (listed.name.clone(), pattern.clone()),
        other => panic!("{other:?} is no file"),
    };
    catalogue.objects.iter().map(pair).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, file)| ((*name).to_owned(), (*file).to_owned()))
        .collect()
}

#[tokio::test]
async fn parts_of_one_table_are_one_object() {
    let folder = Folder::new(&[
        ("accounts-1.csv", b"id,name\n1,a\n"),
        ("accounts-2.csv", b"id,name\n2,b\n"),
        ("orders_1.csv", b"id\n1\n"),
        ("orders_2.csv", b"number\n1\n"),
        ("People.CSV", b"id\n1\n"),
        ("readme.txt", b"nothing"),
    ]);
    let all = [
        ("People", "People.CSV"),
        ("accounts", "accounts-*.csv"),
        ("orders_1", "orders_1.csv"),
        ("orders_2", "orders_2.csv"),
    ];
    assert_eq!(
        listed(&folder, &[]).await,
        pairs(&all),
        "other columns are another table"
    );
    assert_eq!(listed(&folder, &["ACCOUNTS"]).await, pairs(&all[1..2]));
    let pattern = [("orders", "orders_*.csv"), ("People", "People.CSV")];
    assert_eq!(
        listed(&folder, &["orders_*.csv", "People.CSV"]).await,
        pairs(&pattern)
    );
    let left_out = folder
        .source()
        .unwrap()
        .catalogue(&[])
        .await
        .unwrap()
        .left_out;
    assert!(left_out[0].what.contains("readme.txt"), "{left_out:?}");
    let missing = folder
        .source()
        .unwrap()
        .catalogue(&["no*.csv".to_owned()])
        .await;
    assert_eq!(missing.unwrap_err().code, "unknown_file");
}

#[tokio::test]
async fn numbers_that_only_look_like_parts_are_none() {
    // The pattern would take in what is no part.
    let folder = Folder::new(&[
        ("a-1.csv", b"id\n1\n"),
        ("a-2.csv", b"id\n1\n"),
        ("a-old.csv", b"id\n1\n"),
    ]);
    let names = ["a-1", "a-2", "a-old"];
    let expected: Vec<_> = names
        .iter()
        .map(|name| ((*name).to_owned(), format!("{name}.csv")))
        .collect();
    assert_eq!(listed(&folder, &[]).await, expected);
}
