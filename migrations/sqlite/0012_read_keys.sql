-- Target keys while an object's are being read, packed: a row per chunk and first byte of the hash. The repeated ones go to target_keys.

create table read_keys (
    run_id      text not null,
    object      text not null,
    chunk       integer not null,
    bucket      integer not null,
    keys        blob not null,
    primary key (run_id, object, chunk, bucket)
) strict;
create index read_keys_by_bucket on read_keys (run_id, object, bucket, chunk);
