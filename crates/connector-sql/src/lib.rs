#![doc = include_str!("../README.md")]

mod postgres;
mod sqlite;
mod split;
