-- The pass over keys sends what it needs of each record: these columns of the source; all where none is named.

alter table objects add column key_pass_columns text not null default '[]' check (json_valid(key_pass_columns));
