//! A look at the first records: of a table with and without a key, of a query, and no more of them than were asked for.

use connector::{Source, SourceObject};

use crate::support::{File, object, with_database};

async fn seen(source: &dyn Source, object: &SourceObject, most: u64) -> usize {
    let first = source.first(object, most).await.expect("a look");
    let first = first.expect("databases show their first records");
    assert_eq!(first.schema(), object.schema);
    first.num_rows()
}

#[tokio::test]
async fn postgres_shows_the_first_records() {
    with_database(|database| async move {
        database
            .run("create table t (id int primary key, name text); insert into t select n, 'x' || n from generate_series(1, 50) n; create table bare (a int)")
            .await;
        let source = database.source().await;
        for from in [("table", "t"), ("query", "select * from t -- all of them")] {
            let described = database.describe(&object(from, &["id"])).await;
            assert_eq!(seen(source.as_ref(), &described, 20).await, 20, "{from:?}");
            assert_eq!(seen(source.as_ref(), &described, 100).await, 50, "{from:?}");
        }
        let bare = database.describe(&object(("table", "bare"), &[])).await;
        assert_eq!(seen(source.as_ref(), &bare, 20).await, 0);
    })
    .await;
}

#[tokio::test]
async fn sqlite_shows_the_first_records() {
    let file = File::new("create table t (id integer primary key, name text); create table bare (a int); insert into t values (1, 'a'), (2, 'b'), (3, 'c'); insert into bare values (7), (8)").await;
    let source = file.source();
    for from in [("table", "t"), ("query", "select * from t -- all of them")] {
        let described = file.describe(&object(from, &["id"])).await;
        assert_eq!(seen(source.as_ref(), &described, 2).await, 2, "{from:?}");
        assert_eq!(seen(source.as_ref(), &described, 9).await, 3, "{from:?}");
    }
    // Without a key it is read by its row numbers; a part of it has none.
    let bare = file.describe(&object(("table", "bare"), &[])).await;
    assert_eq!(seen(source.as_ref(), &bare, 1).await, 1);
}
