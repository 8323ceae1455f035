//! Which keys a table holds, by types of every kind that a key has.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use connector::conformance;

use crate::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_for_keys_of_every_kind() {
    let database = Database::new(
            "create table things (id bigint primary key, code uuid, fixed char(5), at timestamptz, day date, amount numeric, raw bytea, bits bit(3));
             insert into things select n, md5(n::text)::uuid, 'c' || n, timestamptz '2024-01-01 00:00:00.5+00' + n * interval '1 s',
                 date '2024-01-01' + n, n * 1.5, ('\\x0' || n)::bytea, n::bit(3) from generate_series(1, 3) n",
        )
        .await;
    let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let moments = |seconds: [i64; 2]| -> ArrayRef {
        let micros = seconds.map(|s| 1_704_067_200_500_000 + s * 1_000_000);
        Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"))
    };
    let decimals = |values: [i128; 2]| -> ArrayRef {
        let decimals = Decimal128Array::from(values.to_vec()).with_precision_and_scale(20, 2);
        Arc::new(decimals.expect("decimals"))
    };
    let columns: Vec<(&str, ArrayRef, ArrayRef)> = vec![
        (
            "id",
            Arc::new(Int64Array::from(vec![1, 3])),
            Arc::new(Int64Array::from(vec![4, -1])),
        ),
        ("id", text(&["2"]), text(&["22"])),
        (
            "code",
            text(&["c4ca4238-a0b9-2382-0dcc-509a6f75849b"]),
            text(&["00000000-0000-0000-0000-000000000000"]),
        ),
        ("fixed", text(&["c1", "c2"]), text(&["c", "c11", "c1\0"])),
        ("at", moments([1, 2]), moments([4, 5])),
        (
            "day",
            Arc::new(Date32Array::from(vec![19_724])),
            Arc::new(Date32Array::from(vec![0])),
        ),
        ("amount", decimals([150, 450]), decimals([151, 0])),
        (
            "raw",
            Arc::new(BinaryArray::from(vec![&b"\x01"[..]])),
            Arc::new(BinaryArray::from(vec![&b"\x00\x01"[..]])),
        ),
        ("bits", text(&["001", "010"]), text(&["0", "0010"])),
    ];
    for (key, there, absent) in columns {
        conformance::tells_which_keys_are_held(
            database.target.as_ref(),
            "things",
            key,
            there,
            absent,
        )
        .await
        .expect("arrays");
    }
    let several = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 1])) as ArrayRef),
        ("fixed", text(&["c1", "c2"])),
    ]);
    let held = database
        .target
        .held("things", &several.expect("a batch"))
        .await;
    assert_eq!(held.expect("held").there, [true, false]);
}
