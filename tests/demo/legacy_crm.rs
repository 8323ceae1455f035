//! Writes a legacy CRM into a SQLite file: accounts, contacts and opportunities, with text of many scripts and a known number of dirty
//! records of each kind. The same numbers come out every time.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{Connection, QueryBuilder, Sqlite};

const ACCOUNTS: i64 = 12_000;
const CONTACTS: i64 = 30_000;
const OPPORTUNITIES: i64 = 18_000;

const COMPANIES: [&str; 8] = [
    "Müller & Söhne GmbH",
    "บริษัท สยามเทรดดิ้ง จำกัด",
    "O'Brien \"Quick\" Haulage",
    "Ærø Færgefart A/S",
    "株式会社みなと",
    "Łódź Transport Sp. z o.o.",
    "Société Générale d'Import",
    "Plain Trading Ltd",
];
const NAMES: [&str; 8] = [
    "สมชาย ใจดี",
    "Zoë Brontë",
    "José María Núñez",
    "Ann O'Neil",
    "Иван Петров",
    "李 小龍",
    "Åsa Öberg",
    "John Smith",
];
const STAGES: [&str; 4] = ["Prospecting", "Qualification", "Closed Won", "Closed Lost"];

const SCHEMA: &str = "
    create table accounts (
        id integer primary key, name text not null, industry text, phone text, billing_street text, billing_city text,
        billing_zip text, annual_spend numeric(16,2), modified_at datetime);
    create table contacts (
        legacy_contact_id integer primary key, legacy_account_id integer, manager_id integer, full_name text, email text,
        contact_type text, status text, birthdate date, modified_date datetime);
    create table opportunities (
        opp_no text, account_id integer, title text, stage text, amount numeric(16,2), close_date text, modified_at datetime);
    create index opportunities_by_number on opportunities (opp_no);";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args()
        .nth(1)
        .ok_or_else(|| anyhow::anyhow!("which file?"))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Memory);
    let mut database = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut database).await?;
    sqlx::raw_sql("begin").execute(&mut database).await?;
    accounts(&mut database).await?;
    contacts(&mut database).await?;
    opportunities(&mut database).await?;
    sqlx::raw_sql("commit").execute(&mut database).await?;
    Ok(())
}

async fn accounts(database: &mut SqliteConnection) -> anyhow::Result<()> {
    let ids: Vec<i64> = (1..=ACCOUNTS).collect();
    for page in ids.chunks(500) {
        let mut insert = QueryBuilder::<Sqlite>::new("insert into accounts ");
        insert.push_values(page, |mut row, id| {
            let company = COMPANIES[*id as usize % COMPANIES.len()];
            // 7 names are longer than the org's field.
            let name = match id % 1_700 {
                13 => format!("{company} {}", "x".repeat(260)),
                _ => format!("{company} {id}"),
            };
            row.push_bind(*id)
                .push_bind(name)
                .push_bind((id % 3 != 0).then_some("Transportation"))
                .push_bind(format!("+66 2 {:07}", id % 9_999_999))
                .push_bind(format!("{} Harbour Road\nBuilding \"{}\"", id, id % 40))
                .push_bind(["กรุงเทพฯ", "København", "São Paulo", "Kraków"][*id as usize % 4])
                .push_bind((id % 10 != 0).then(|| format!("{:05}", id % 99_999)));
            // 5 amounts are no numbers: the legacy system checked nothing.
            match id % 2_400 {
                7 => row.push_bind("a lot"),
                _ => row.push_bind((id * 37 % 1_000_000) as f64 / 100.0),
            };
            row.push_bind(moment(*id));
        });
        insert.build().execute(&mut *database).await?;
    }
    Ok(())
}

async fn contacts(database: &mut SqliteConnection) -> anyhow::Result<()> {
    let ids: Vec<i64> = (1..=CONTACTS).collect();
    for page in ids.chunks(500) {
        let mut insert = QueryBuilder::<Sqlite>::new("insert into contacts ");
        insert.push_values(page, |mut row, id| {
            // 10 point to accounts that are not there.
            let account = if id % 3_000 == 11 {
                900_000 + id
            } else {
                id % ACCOUNTS + 1
            };
            // Everybody but the first of ten has that one as manager.
            let manager = (id % 10 != 1).then(|| id - (id - 1) % 10);
            // 6 have no name, 10 a status that nobody knows, 6 a birthday that never was.
            let name = (id % 5_000 != 17).then(|| NAMES[*id as usize % NAMES.len()]);
            let status = match id % 3_000 {
                23 => "X",
                _ if id % 4 == 0 => "I",
                _ => "A",
            };
            let birthdate = match id % 5_000 {
                29 => "1987-02-30".to_owned(),
                _ => format!(
                    "19{:02}-{:02}-{:02}",
                    50 + id % 50,
                    1 + id % 12,
                    1 + id % 28
                ),
            };
            row.push_bind(*id)
                .push_bind(account)
                .push_bind(manager)
                .push_bind(name)
                .push_bind(format!("contact{id}@example.com"))
                .push_bind(if id % 5 == 0 { "VENDOR" } else { "CUSTOMER" })
                .push_bind(status)
                .push_bind(birthdate)
                .push_bind(moment(*id));
        });
        insert.build().execute(&mut *database).await?;
    }
    Ok(())
}

async fn opportunities(database: &mut SqliteConnection) -> anyhow::Result<()> {
    let ids: Vec<i64> = (1..=OPPORTUNITIES).collect();
    for page in ids.chunks(500) {
        let mut insert = QueryBuilder::<Sqlite>::new("insert into opportunities ");
        insert.push_values(page, |mut row, id| {
            // 9 numbers were given out twice: 18 records share them.
            let number = if id % 2_000 == 1_000 { id - 1 } else { *id };
            // 3 have no number at all.
            let number = (id % 6_000 != 31).then(|| format!("OPP-{number:06}"));
            row.push_bind(number)
                .push_bind(id % ACCOUNTS + 1)
                .push_bind(format!(
                    "Deal {id}: \"{}\", net",
                    COMPANIES[*id as usize % COMPANIES.len()]
                ))
                .push_bind(STAGES[*id as usize % STAGES.len()])
                .push_bind((id * 91 % 10_000_000) as f64 / 100.0)
                .push_bind(format!(
                    "20{:02}-{:02}-{:02}",
                    20 + id % 7,
                    1 + id % 12,
                    1 + id % 28
                ))
                .push_bind(moment(*id));
        });
        insert.build().execute(&mut *database).await?;
    }
    Ok(())
}

fn moment(id: i64) -> String {
    format!(
        "2024-{:02}-{:02} {:02}:{:02}:{:02}",
        1 + id % 12,
        1 + id % 28,
        id % 24,
        id % 60,
        id % 59
    )
}
