//! Chinook: SQLite into PostgreSQL, all eleven tables, equal to what its own PostgreSQL script loads.

use std::path::{Path, PathBuf};

use model::RunStatus;

use crate::stage::Stage;

const TABLES: [&str; 11] = [
    "Artist",
    "Genre",
    "MediaType",
    "Playlist",
    "Employee",
    "Album",
    "Customer",
    "Track",
    "Invoice",
    "InvoiceLine",
    "PlaylistTrack",
];

/// The data lies beside a checkout, not in it.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chinook");
    folder.is_dir().then_some(folder)
}

/// `InvoiceLineId` is `invoice_line_id` there.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_uppercase() && place > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// What each table needs to be there before it.
fn after(table: &str) -> &'static [&'static str] {
    match table {
        "Album" => &["Artist"],
        "Customer" => &["Employee"],
        "Track" => &["Album", "Genre", "MediaType"],
        "Invoice" => &["Customer"],
        "InvoiceLine" => &["Invoice", "Track"],
        "PlaylistTrack" => &["Playlist", "Track"],
        _ => &[],
    }
}

/// One city has a space behind it. The PostgreSQL script writes its texts as `N'…'`, which are of type `character` there and lose it when they are stored: a
/// difference that the mapping states, not one to overlook.
fn expression(column: &str) -> String {
    match column {
        "City" | "BillingCity" => format!("rtrim({column})"),
        column => column.to_owned(),
    }
}

async fn migration(sqlite: &Path) -> String {
    use sqlx::{AssertSqlSafe, Connection};
    let url = format!("sqlite://{}?mode=ro&immutable=1", sqlite.display());
    let mut database = sqlx::SqliteConnection::connect(&url)
        .await
        .expect("Chinook");
    let mut objects = String::new();
    for table in TABLES {
        let sql = format!("select name from pragma_table_info('{table}')");
        let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut database)
            .await
            .expect("columns");
        let fields: Vec<_> = columns
            .iter()
            .map(|column| format!("{}: {}", snake(column), expression(column)))
            .collect();
        let after: Vec<_> = after(table).iter().map(|table| snake(table)).collect();
        objects += &format!(
            "  - {{ name: {name}, from: {{ table: {table} }}, to: {name}, operation: upsert, after: [{}], fields: {{ {} }} }}\n",
            after.join(", "),
            fields.join(", "),
            name = snake(table),
        );
    }
    format!(
        "migration: chinook
connections:
  sqlite: {{ kind: sqlite, url: \"sqlite://{}\" }}
  target: {{ kind: postgres, url: \"${{TARGET_URL}}\" }}
source: sqlite
target: target
objects:
{objects}",
        sqlite.display()
    )
}

/// Its own script: whole into the source, the tables alone into the target.
pub(crate) async fn load(stage: &Stage, folder: &Path) {
    let script =
        std::fs::read_to_string(folder.join("Chinook_PostgreSql.sql")).expect("the script");
    let ours = |line: &&str| {
        !line.starts_with("DROP DATABASE")
            && !line.starts_with("CREATE DATABASE")
            && !line.starts_with("\\c")
    };
    let script: String = script.lines().filter(ours).collect::<Vec<_>>().join("\n");
    stage.execute("source", &script).await;
    let schema = script.split("INSERT INTO").next().expect("a schema");
    stage.execute("target", schema).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_chinook_arrives_as_its_own_script_loads_it() {
    let Some(folder) = data() else {
        eprintln!("skipped: Chinook's files are not beside this checkout (../shared/data/chinook)");
        return;
    };
    let mut stage = Stage::new().await;
    load(&stage, &folder).await;
    // A copy, so that the original is opened by nobody for writing.
    let copy = stage.file("chinook.sqlite");
    std::fs::copy(folder.join("Chinook_Sqlite.sqlite"), &copy).expect("copied");
    stage.start_all();
    let run = stage.run(&migration(&copy).await).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced);
    assert!(
        view.objects
            .iter()
            .all(|object| object.books.refused() == 0),
        "{view:?}"
    );
    for table in TABLES {
        let table = snake(table);
        stage.assert_equal(&table, &table).await;
    }
}
