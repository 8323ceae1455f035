//! What can't be carried or reached gets an error that says where and what to do.
