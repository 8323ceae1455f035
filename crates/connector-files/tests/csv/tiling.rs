//! However a file is cut, every record is read once.

use rand::Rng;
use rand::seq::IndexedRandom;

use crate::folder::{AMPLE, Fields, Folder};

/// Values in which a cut at the wrong place would show.
const AWKWARD: [&str; 9] = [
    "plain",
    "a,b",
    "line\nbreak",
    "\"\"",
    "\r\n\r\n",
    "\",\"\n\"",
    "ไทย ñ 🚀",
    "7",
    "x\n1,2,3\n4",
];

/// A file of random records, and what the `csv` crate reads in it.
fn random_file(records: usize) -> (Vec<u8>, Vec<Fields>) {
    let mut rng = rand::rng();
    let terminator = *[csv::Terminator::CRLF, csv::Terminator::Any(b'\n')]
        .choose(&mut rng)
        .unwrap();
    let mut writer = csv::WriterBuilder::new()
        .terminator(terminator)
        .from_writer(Vec::new());
    writer.write_record(["id", "a", "b"]).unwrap();
    for id in 0..records {
        let mut value = || match rng.random_range(0..4) {
            0 => AWKWARD
                .choose(&mut rng)
                .unwrap()
                .repeat(rng.random_range(1..40)),
            _ => (*AWKWARD.choose(&mut rng).unwrap()).to_owned(),
        };
        writer
            .write_record([id.to_string(), value(), value()])
            .unwrap();
    }
    let content = writer.into_inner().unwrap();
    let expected = csv::Reader::from_reader(content.as_slice())
        .records()
        .map(|record| {
            record
                .unwrap()
                .iter()
                .map(|value| Some(value.to_owned()))
                .collect()
        })
        .collect();
    (content, expected)
}

#[tokio::test]
async fn slices_tile_the_files() {
    for turn in 0..15 {
        let (one, mut expected) = random_file(turn * 70);
        let (two, more) = random_file(300);
        expected.extend(more);
        expected.sort();
        let folder = Folder::new(&[("f1.csv", &one), ("f2.csv", &two)]);
        let described = folder.describe("f*.csv", &["id"]).await.unwrap();
        let slices = folder.plan(&described, 40).await.unwrap();
        assert!(slices.len() > 7, "{}", slices.len());
        for (budget, cuts) in [(AMPLE, false), (2_000, true)] {
            let found = folder.read_slices(&described, slices.clone(), budget).await;
            let mut found = found.unwrap();
            assert_eq!(found.cut > 0, cuts);
            assert!(found.rejected.is_empty());
            found.records.sort();
            assert_eq!(found.records, expected);
        }
        let counted = folder.source().unwrap().count(&described).await.unwrap();
        assert_eq!(counted, expected.len() as u64);
    }
}

#[tokio::test]
async fn records_are_read_again_by_their_keys() {
    let (content, expected) = random_file(500);
    let folder = Folder::new(&[("f.csv", &content)]);
    let described = folder.describe("f.csv", &["id"]).await.unwrap();
    let source = folder.source().unwrap();
    let keys = ["7".to_owned(), "499".to_owned(), "nobody".to_owned()];
    let slice = source.slice_of_keys(&described, &keys).unwrap();
    let found = folder.read_slices(&described, vec![slice], AMPLE).await;
    let wanted = [expected[7].clone(), expected[499].clone()];
    assert_eq!(found.unwrap().records, wanted);
}

#[tokio::test]
async fn records_of_a_composite_key_are_read_again() {
    let folder = Folder::new(&[("f.csv", b"a,b,c\n1,x,p\n1,,q\n1,y,r\n")]);
    let described = folder.describe("f.csv", &["a", "b"]).await.unwrap();
    let source = folder.source().unwrap();
    let keys = [r#"["1",null]"#.to_owned(), r#"["1","y"]"#.to_owned()];
    let slice = source.slice_of_keys(&described, &keys).unwrap();
    let found = folder.read_slices(&described, vec![slice], AMPLE).await;
    let last: Vec<_> = found
        .unwrap()
        .records
        .iter()
        .map(|r| r[2].clone())
        .collect();
    assert_eq!(last, [Some("q".to_owned()), Some("r".to_owned())]);
}

#[tokio::test]
async fn the_first_records_are_shown_and_no_more() {
    let (content, expected) = random_file(50);
    let folder = Folder::new(&[("f.csv", &content)]);
    let described = folder.describe("f.csv", &["id"]).await.unwrap();
    let source = folder.source().unwrap();
    for (most, shown) in [(1, 1), (20, 20), (1_000, expected.len())] {
        let first = source.first(&described, most).await.unwrap();
        assert_eq!(first.unwrap().num_rows(), shown);
    }
}
