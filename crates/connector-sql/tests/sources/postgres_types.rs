//! Every type is carried exactly: compared with the text that the database itself gives.
