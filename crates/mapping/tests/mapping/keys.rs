//! Which target keys need a look at the whole object first, what their hashes tell, and who is moved of those that share one.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use mapping::{Duplicates, Mapper, ParentIds, Rival};
use model::Fate;
use model::migration::OnDuplicateKey;

use crate::bed::{Bed, some, texts};

fn compiled(fields: &str, prepare: impl FnOnce(&mut Bed)) -> Mapper {
    let mut bed = Bed::new(fields);
    prepare(&mut bed);
    bed.compile().unwrap_or_else(|failure| panic!("{failure}"))
}

/// Whether keys must be read first, though the source key is unique.
fn needs_a_pass(fields: &str, prepare: impl FnOnce(&mut Bed)) -> bool {
    compiled(fields, prepare).needs_key_pass(true)
}

#[test]
fn a_pass_over_keys_is_spared_only_where_no_two_can_be_the_same() {
    let as_it_is = |_: &mut Bed| {};
    let number = |bed: &mut Bed| bed.target.fields[0].data_type = DataType::Decimal128(18, 0);
    let by_name = |bed: &mut Bed| bed.key = vec!["Name".to_owned()];
    let any_case = |bed: &mut Bed| bed.target.fields[0].case_sensitive = false;
    assert!(!needs_a_pass("Id: id", as_it_is));
    assert!(!needs_a_pass("Id: \"'L_' || id\"", as_it_is));
    assert!(!needs_a_pass("Id: id", number));
    assert!(!needs_a_pass("Id: id", any_case), "numbers have no case");
    assert!(!needs_a_pass("Id: Name", by_name));
    assert!(
        compiled("Id: id", as_it_is).needs_key_pass(false),
        "the source key repeats"
    );
    assert!(needs_a_pass("Id: Name", as_it_is), "Name is not the key");
    assert!(needs_a_pass("Id: \"id / 2\"", as_it_is));
    assert!(needs_a_pass("Id: \"id || Name\"", as_it_is));
    assert!(needs_a_pass(
        "Id: { from: id, values: { 1: one, 2: one } }",
        as_it_is
    ));
    assert!(needs_a_pass("Id: \"lower(Name)\"", by_name));
    assert!(needs_a_pass("Id: Name", |bed| {
        by_name(bed);
        any_case(bed);
    }));
    let parsed = |bed: &mut Bed| {
        by_name(bed);
        number(bed);
    };
    assert!(needs_a_pass("Id: Name", parsed), "7 and 007 are one number");
}

/// The rivals as the control database would tell them.
fn rivals(mapper: &Mapper, batch: &arrow::array::RecordBatch) -> Vec<Rival> {
    let hashes = mapper.key_hashes(batch).unwrap().keys;
    let mut rivals: Vec<Rival> = Vec::new();
    for key in &hashes {
        let twins = hashes.iter().filter(|other| other.hash == key.hash);
        if twins.count() > 1 {
            let same =
                |known: &&Rival| known.source_key == key.source_key && known.hash == key.hash;
            rivals.push(Rival {
                hash: key.hash,
                source_key: key.source_key.clone(),
                occurrence: rivals.iter().filter(same).count() as u64,
                is_here: true,
            });
        }
    }
    rivals
}

#[test]
fn of_records_with_one_target_key_the_policy_picks() {
    let bed = Bed::new("Id: Name");
    let batch = bed.records(&[
        (1, Some("a")),
        (2, Some("b")),
        (3, Some("a")),
        (4, None),
        (5, Some("A")),
    ]);
    let mapper = bed.compile().unwrap();
    let rivals = rivals(&mapper, &batch);
    assert_eq!(
        rivals.len(),
        2,
        "null keys are no duplicates, and case counts"
    );
    let apply = |policy| {
        let duplicates = Duplicates::decide(policy, rivals.clone());
        mapper
            .apply(&batch, &duplicates, &ParentIds::default())
            .unwrap()
    };
    let rejected = apply(OnDuplicateKey::Reject);
    assert_eq!(texts(&rejected, "Id"), some(&["b", "A"]));
    let refused: Vec<_> = rejected
        .refusals
        .iter()
        .map(|refusal| (refusal.key.as_str(), refusal.code.as_str(), refusal.fate))
        .collect();
    let expected = [
        ("1", "duplicate_key", Fate::Rejected),
        ("3", "duplicate_key", Fate::Rejected),
        ("4", "missing_key", Fate::Rejected),
    ];
    assert_eq!(refused, expected);
    assert!(
        rejected.refusals[0]
            .message
            .ends_with("the same target key: 1, 3")
    );
    let kept = apply(OnDuplicateKey::Skip);
    assert_eq!(texts(&kept, "Id"), some(&["a", "b", "A"]));
    let skipped = &kept.refusals[0];
    assert_eq!((skipped.key.as_str(), skipped.fate), ("3", Fate::Skipped));
    assert_eq!(skipped.code, "duplicate_skipped");
}

#[test]
fn keys_that_differ_in_case_are_one_where_the_target_says_so() {
    let mut bed = Bed::new("Id: Name");
    bed.target.fields[0].case_sensitive = false;
    let batch = bed.records(&[(1, Some("Ünal")), (2, Some("ünal")), (3, Some("x"))]);
    let rivals = rivals(&bed.compile().unwrap(), &batch);
    assert_eq!(rivals.len(), 2);
}

#[test]
fn the_latest_is_ranked_by_the_watermark() {
    let rank = |policy: &str, values: ArrayRef| {
        let mut bed = Bed::new("Id: id").column("v", values.data_type().clone());
        bed.objects = bed.objects.replace(
            "to: Thing",
            &format!("to: Thing, watermark: v, on_duplicate_key: {policy}"),
        );
        let keys = bed
            .compile()
            .unwrap()
            .key_hashes(&bed.values(values))
            .unwrap();
        keys.keys
            .into_iter()
            .map(|key| key.rank)
            .collect::<Vec<_>>()
    };
    let numbers = || {
        Arc::new(arrow::array::Float64Array::from(vec![
            -2.0, -1.0, 0.0, 9.5, 10.0,
        ]))
    };
    let ranks = rank("keep_latest", numbers());
    assert!(ranks.is_sorted() && ranks[0].is_some(), "{ranks:?}");
    let texts = Arc::new(StringArray::from(vec![None, Some("2024"), Some("2025")]));
    let ranks = rank("keep_latest", texts);
    assert!(ranks.is_sorted() && ranks[0].is_none(), "{ranks:?}");
    assert_eq!(rank("skip", numbers()), [const { None::<String> }; 5]);
}

#[test]
fn merged_records_fill_up_the_latest() {
    let mut bed =
        Bed::new("Id: \"coalesce(Name, code)\", Code: code").column("code", DataType::Utf8);
    let mut fields: Vec<_> = bed.source.fields().iter().cloned().collect();
    fields.push(Arc::new(arrow::datatypes::Field::new(
        "Name",
        DataType::Utf8,
        true,
    )));
    fields.push(Arc::new(arrow::datatypes::Field::new(
        "city",
        DataType::Utf8,
        true,
    )));
    bed.source = Arc::new(arrow::datatypes::Schema::new(fields));
    bed.target
        .fields
        .push(crate::bed::field("Code", DataType::Utf8));
    bed.target
        .fields
        .push(crate::bed::field("City", DataType::Utf8));
    bed.objects = bed
        .objects
        .replace("Code: code", "Code: code, City: city")
        .replace(
            "to: Thing",
            "to: Thing, watermark: city, on_duplicate_key: merge",
        );
    let batch = |ids: Vec<i64>, columns: [Vec<Option<&str>>; 3]| {
        let mut all: Vec<ArrayRef> = vec![Arc::new(arrow::array::Int64Array::from(ids))];
        all.extend(columns.map(|column| Arc::new(StringArray::from(column)) as ArrayRef));
        bed.batch(all)
    };
    // 1 and 3 are one key, as are 2 and, of another chunk, 9.
    let records = batch(
        vec![1, 2, 3],
        [
            vec![None, Some("b"), Some("a")],
            vec![Some("a"), None, None],
            vec![None, None, Some("Oslo")],
        ],
    );
    let others = batch(vec![9], [vec![Some("b")], vec![None], vec![Some("Bern")]]);
    let mapper = bed.compile().unwrap();
    let hashes = mapper.key_hashes(&records).unwrap().keys;
    assert_eq!(hashes[0].hash, hashes[2].hash);
    let rival = |hash: usize, key: &str, is_here| Rival {
        hash: hashes[hash].hash,
        source_key: key.to_owned(),
        occurrence: 0,
        is_here,
    };
    let rivals = vec![
        rival(0, "1", true),
        rival(0, "3", true),
        rival(1, "2", true),
        rival(1, "9", false),
    ];
    let duplicates = Duplicates::decide(OnDuplicateKey::Merge, rivals);
    let merged = mapper.merge(&records, Some(&others), &duplicates).unwrap();
    let mapped = mapper
        .apply(&merged, &duplicates, &ParentIds::default())
        .unwrap();
    assert_eq!(texts(&mapped, "Id"), some(&["a", "b"]));
    assert_eq!(texts(&mapped, "City"), some(&["Oslo", "Bern"]));
    // A column that the key is computed from is left as it is.
    assert_eq!(texts(&mapped, "Code"), [None, Some("b".to_owned())]);
    assert_eq!(mapped.refusals.len(), 1);
    assert_eq!(
        (mapped.refusals[0].key.as_str(), mapped.refusals[0].fate),
        ("3", Fate::Skipped)
    );
}

#[test]
fn the_pass_needs_what_keys_rules_and_ranks_are_computed_from() {
    let mut bed = Bed::new("Id: \"upper(code)\", Name: note");
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    bed.source = Arc::new(Schema::new(vec![
        text("note", false),
        text("code", true),
        Field::new("id", DataType::Int64, false),
        text("more", true),
        text("at", true),
        text("grade", true),
    ]));
    bed.target
        .fields
        .push(crate::bed::field("Name", DataType::Utf8));
    bed.objects = bed.objects.replace(
        "to: Thing",
        "to: Thing, watermark: at, on_duplicate_key: keep_latest, rules: [{ name: r, require: \"grade < 'c'\" }]",
    );
    let column = |values: [&str; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let records = bed.batch(vec![
        column(["n1", "n2", "n3"]),
        column(["x", "y", "X"]),
        Arc::new(Int64Array::from(vec![1, 2, 3])),
        column(["m1", "m2", "m3"]),
        column(["2024", "2025", "2026"]),
        column(["a", "c", "b"]),
    ]);
    let mapper = bed.compile().unwrap();
    let needed = mapper.key_pass_columns();
    assert_eq!(needed, ["code", "id", "at", "grade"]);
    let schema = records.schema();
    let places = needed.iter().map(|name| schema.index_of(name).unwrap());
    let lean = records.project(&places.collect::<Vec<_>>()).unwrap();
    let hashes = mapper.key_hashes(&lean).unwrap();
    assert_eq!(hashes, mapper.key_hashes(&records).unwrap());
    let [first, third] = &hashes.keys[..] else {
        panic!("the rule refuses the second: {hashes:?}");
    };
    assert_eq!(
        (first.hash, first.rank.as_deref()),
        (third.hash, Some("2024"))
    );
}
