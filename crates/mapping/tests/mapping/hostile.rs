//! A migration file is somebody else's: whatever it holds, compiling it ends soon, in bounded memory, with a mapping or an error.

use std::time::{Duration, Instant};

use crate::bed::{Bed, some, texts};

/// On a machine that does other things as well.
const SOON: Duration = Duration::from_secs(20);

/// Compiles and applies on a stack as small as a worker's thread has; the error's code, if there is one.
fn outcome(sql: String) -> Option<String> {
    let began = Instant::now();
    let work = move || {
        let bed = Bed::new(&format!("Id: id, Name: \"{sql}\""));
        match bed.compile() {
            Err(failure) => Some(failure.code),
            Ok(_) => {
                let mapped = bed.apply(&bed.records(&[(1, Some("a")), (2, None)]));
                assert_eq!(mapped.records.num_rows() + mapped.refusals.len(), 2);
                None
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let outcome = thread.spawn(work).unwrap().join().expect("no panic");
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    outcome
}

#[test]
fn expressions_out_of_bounds_are_refused() {
    let invalid = Some("invalid_expression".to_owned());
    for sql in [
        "(".repeat(10_000),
        format!("{}id{}", "(".repeat(500), ")".repeat(500)),
        format!("{}true", "not ".repeat(4_000)),
        format!("{}1", "- ".repeat(5_000)),
        format!("name{}", "||name".repeat(3_000)),
        format!("1{}", "+1".repeat(9_000)),
        format!("{}name{}", "upper(".repeat(30), ")".repeat(30)),
        "case when true then ".repeat(300) + "1" + &" end".repeat(300),
        "x".repeat(20_001),
        "repeat(name, 2000000000)".to_owned(),
        "lpad(name, id)".to_owned(),
        "rpad('x', 4000000000, 'y')".to_owned(),
    ] {
        let shown: String = sql.chars().take(30).collect();
        assert_eq!(outcome(sql), invalid, "{shown}");
    }
}

#[test]
fn large_expressions_within_bounds_work() {
    let listed: Vec<_> = (0..1_500).map(|n| format!("'value {n}'")).collect();
    let whens: String = (0..400)
        .map(|n| format!("when id = {n} then 'n{n}' "))
        .collect();
    for sql in [
        format!("name{}", "||name".repeat(200)),
        format!("name in ({})", listed.join(",")),
        format!("case {whens} else name end"),
        format!("{}name{}", "upper(".repeat(16), ")".repeat(16)),
        "lpad(name, 10, '0')".to_owned(),
        "regexp_replace(name, '(a|aa|aaa)*$', 'x')".to_owned(),
        "1 / 0".to_owned(),
        "cast('x' as int)".to_owned(),
        "power(10, 400)".to_owned(),
        "9223372036854775807 + id".to_owned(),
        "substr(name, -9223372036854775807, 9223372036854775807)".to_owned(),
    ] {
        let shown: String = sql.chars().take(60).collect();
        assert_eq!(outcome(sql), None, "{shown}");
    }
}

#[test]
fn now_is_when_the_run_began() {
    let bed = Bed::new("Id: id, Name: \"cast(cast(now() as date) as text)\"");
    let mapped = bed.apply(&bed.records(&[(1, None)]));
    assert_eq!(texts(&mapped, "Name"), some(&["2026-02-03"]));
}
