-- A record is found among the chunks of its object by its key: whether it may be in one, by a binary fuse filter. Null: look.

alter table ledger add column key_filter blob;
