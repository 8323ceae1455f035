//! Between two databases whose tables refer to one another in every way.

use super::{codes, done};
use crate::stage::Stage;

/// What drafts stumble over: references to itself, in a circle, by several columns, by a key; names that SQL takes for words; generated columns.
const SHOP: &str = "
    create schema stock;
    create table customers (id bigint primary key, \"Full Name\" text, \"order\" int, updated_at timestamptz, referred_by bigint references customers,
        main_shop bigint);
    create table shops (id bigint primary key, owner bigint not null references customers, name varchar(300));
    alter table customers add foreign key (main_shop) references shops;
    create table order_lines (order_no int, line int, customer_id bigint not null references customers, amount numeric(10, 2),
        doubled numeric(10, 2) generated always as (amount * 2) stored, primary key (order_no, line));
    create table returns (order_no int, line int, why text, primary key (order_no, line), foreign key (order_no, line) references order_lines);
    create table details (customer_id bigint primary key references customers, note text);
    create table keyless (at date, what text);
    create table stock.items (code text primary key, shop bigint references shops);
    create view everything as select * from customers;";

const SHOP_ROWS: &str = "
    alter table customers disable trigger all; alter table shops disable trigger all;
    insert into customers select n, 'Customer ' || n, n, timestamptz '2025-01-01' + n * interval '1 hour', nullif(1001 - n, n), n % 3 + 1
        from generate_series(1, 1000) n;
    insert into shops select n, n, 'Shop ' || n from generate_series(1, 3) n;
    alter table customers enable trigger all; alter table shops enable trigger all;
    insert into order_lines select n / 2, n, n, n * 1.25 from generate_series(1, 900) n;
    insert into returns select n / 2, n, 'broken' from generate_series(1, 90) n;
    insert into details select n, 'x' || n from generate_series(1, 500) n;
    insert into keyless select date '2025-01-01' + n, 'w' || n % 5 from generate_series(1, 50) n;
    insert into stock.items select 'I' || n, n % 3 + 1 from generate_series(1, 40) n";

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_between_two_databases_moves_everything() {
    let stage = Stage::new().await;
    stage.execute("source", &format!("{SHOP}{SHOP_ROWS}")).await;
    stage
        .execute(
            "target",
            &SHOP.replace("name varchar(300)", "name varchar(255)"),
        )
        .await;
    let (source, target) = (stage.url("source"), stage.url("target"));
    let drafted = done(
        &stage,
        &["init", &source, "--target", &target, "-o", "shop.yaml"],
    );
    let text = drafted["text"].as_str().expect("a text");
    assert_eq!(
        std::fs::read_to_string(stage.file("shop.yaml")).expect("a file"),
        text
    );
    // The addresses that were given stand in variables of the environment already: those are named.
    assert_eq!(
        drafted["variables"],
        serde_json::json!(["SOURCE_URL", "TARGET_URL"])
    );
    assert!(!text.contains("postgres://"), "{text}");
    for line in [
        "      \"Full Name\": '\"Full Name\"'",
        "      order: order",
        "      referred_by: { lookup: customers, by: referred_by }",
        "    watermark: updated_at",
        "    from: { table: \"stock.items\" }",
        "    after: order_lines",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    // An owner is needed from the first, so that the circle is broken elsewhere.
    assert!(
        text.contains("owner: { lookup: customers, by: owner }"),
        "{text}"
    );
    assert!(
        codes(&drafted, "shops").contains(&"at_risk".to_owned()),
        "{drafted}"
    );
    assert!(
        drafted["findings"]
            .to_string()
            .contains("everything is a view"),
        "{drafted}"
    );
    done(&stage, &["check", "shop.yaml"]);
    let run = done(&stage, &["run", "shop.yaml"]);
    assert_eq!(run["status"], "completed", "{run}");
    for table in [
        "customers",
        "shops",
        "order_lines",
        "returns",
        "details",
        "keyless",
        "stock.items",
    ] {
        stage.assert_equal(table, table).await;
    }
}
