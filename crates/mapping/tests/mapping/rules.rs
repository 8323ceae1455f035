//! Rules: what a record has to fulfil to be moved, and what becomes of those that do not.

use model::{FailureKind, Fate};

use crate::bed::{Bed, some, texts};

fn bed(rules: &str) -> Bed {
    let mut bed = Bed::new("Id: Name");
    bed.objects = format!(
        "  - {{ name: things, from: {{ table: things }}, key: id, to: Thing, operation: upsert, external_id: Id, rules: [{rules}], fields: {{ Id: Name }} }}\n"
    );
    bed
}

#[test]
fn a_record_that_does_not_fulfil_a_rule_is_rejected_or_skipped() {
    let bed = bed(
        "{ name: positive, require: \"id >= 0\" }, { name: small, require: \"ID < 3\", otherwise: skip }, \
         { name: even, require: \"id % 2 = 0\", otherwise: reject }",
    );
    let records = [
        (-1, Some("a")),
        (0, Some("b")),
        (1, Some("c")),
        (2, Some("d")),
        (3, None),
    ];
    let mapped = bed.apply(&bed.records(&records));
    assert_eq!(texts(&mapped, "Id"), some(&["b", "d"]));
    let refused: Vec<_> = mapped
        .refusals
        .iter()
        .map(|refusal| (refusal.key.as_str(), refusal.code.as_str(), refusal.fate))
        .collect();
    assert_eq!(
        refused,
        [
            ("-1", "rule_positive", Fate::Rejected),
            ("1", "rule_even", Fate::Rejected),
            ("3", "rule_small", Fate::Skipped),
        ],
        "the first rule decides, before anything else that is wrong"
    );
    let message = &mapped.refusals[0].message;
    assert!(message.contains("`id >= 0`"), "{message}");
    assert_eq!(mapped.refusals[0].data["Name"], "a");
}

#[test]
fn what_is_not_known_passes_and_what_fails_is_rejected() {
    let rule = bed("{ name: named, require: \"length(Name) > 1\" }");
    let mapped = rule.apply(&rule.records(&[(1, Some("ab")), (2, Some("c"))]));
    assert_eq!(texts(&mapped, "Id"), some(&["ab"]));
    let unknown = bed("{ name: r, require: \"nullif(id, 2) < 9\" }");
    let mapped = unknown.apply(&unknown.records(&[(1, Some("a")), (2, Some("b"))]));
    assert_eq!(texts(&mapped, "Id"), some(&["a", "b"]));
    let failing = bed("{ name: r, require: \"1 / (id - 2) < 9\", otherwise: skip }");
    let mapped = failing.apply(&failing.records(&[(1, Some("a")), (2, Some("b"))]));
    assert_eq!(texts(&mapped, "Id"), some(&["a"]));
    let refusal = &mapped.refusals[0];
    assert_eq!(
        (refusal.code.as_str(), refusal.fate),
        ("expression_failed", Fate::Rejected)
    );
}

#[test]
fn a_record_that_a_rule_refuses_is_nobodys_rival() {
    let bed = bed("{ name: live, require: \"id < 10\", otherwise: skip }");
    let mapper = bed.compile().unwrap();
    let records = bed.records(&[(1, Some("same")), (11, Some("same")), (12, Some("x"))]);
    let keys: Vec<_> = mapper
        .key_hashes(&records)
        .unwrap()
        .keys
        .into_iter()
        .map(|key| key.source_key)
        .collect();
    assert_eq!(keys, ["1"]);
}

#[test]
fn what_is_no_rule_is_told() {
    for (rule, part) in [
        ("id", "neither true nor false"),
        ("nmae = 'x'", "no column `nmae`"),
        ("id >", "no SQL expression"),
        ("random() < 0.5", "another value each time"),
    ] {
        let failure = bed(&format!("{{ name: r, require: \"{rule}\" }}"))
            .compile()
            .err()
            .expect(rule);
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Usage, "invalid_rule")
        );
        assert!(failure.message.contains("the rule `r`"), "{failure}");
        assert!(failure.message.contains(part), "{failure}");
        assert!(failure.hint.is_some(), "{failure}");
    }
}
