-- A record is found among the chunks of its object by its key.

alter table ledger add column key_filter bytea;
comment on column ledger.key_filter is 'Whether a key may be in the chunk: a binary fuse filter of nine bits for each key. Null: look.';
-- It does not compress.
alter table ledger alter column key_filter set storage external;
