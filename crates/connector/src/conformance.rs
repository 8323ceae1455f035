//! What every target has to pass, on a real system that its crate's tests have filled. Panics where the contract is broken.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;

use crate::Target;

/// `Target::held`, of an object whose records have the keys `there`, but none of `absent`. Neither holds a null.
pub async fn tells_which_keys_are_held(
    target: &dyn Target,
    to: &str,
    key: &str,
    there: ArrayRef,
    absent: ArrayRef,
) -> Result<(), ArrowError> {
    let null = arrow::array::new_null_array(there.data_type(), 1);
    // What is asked twice is answered twice.
    let all = [&*absent, &*there, &*null, &*there, &*absent];
    let mut expected = vec![false; absent.len()];
    expected.extend(vec![true; there.len()]);
    expected.push(false);
    expected.extend(vec![true; there.len()]);
    expected.extend(vec![false; absent.len()]);
    for (keys, expected) in [
        (concat(&all)?, expected),
        (arrow::array::new_empty_array(there.data_type()), Vec::new()),
    ] {
        let schema = Schema::new(vec![Field::new(key, keys.data_type().clone(), true)]);
        let keys = RecordBatch::try_new(Arc::new(schema), vec![keys])?;
        let held = target.held(to, &keys).await;
        match held {
            Ok(held) => assert_eq!(held.there, expected, "{to}.{key}"),
            Err(failure) => panic!("{to}.{key}: {failure}"),
        }
    }
    Ok(())
}
