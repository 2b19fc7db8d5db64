-- Copies in other registries: by which rules they are made, and how far that is. The eleventh part
-- of the schema.

create table replication (
    name        text primary key,
    direction   text not null,                  -- push, pull
    url         text not null,                  -- of the other registry
    kind        text not null default 'plain',  -- plain, ecr, google
    login       text not null default '',       -- a user's name there
    secret      text not null default '',       -- that user's password, sealed by the key
    key         text,
    ca          text not null default '',       -- in PEM, in place of the system's
    pattern     text not null,                  -- of repositories, by their names at the source
    target      text not null default '',       -- what comes before these names at the other end
    tags        text not null default '',       -- patterns of tags, with spaces between
    versions    text not null default '',       -- a range, in place of those
    referrers   integer not null default 1,
    deletions   integer not null default 0,
    rate        integer,                        -- bytes a second; null for no limit
    every       real not null,                  -- seconds between two compares of everything
    paused      integer not null default 0,
    cursor      integer not null,               -- changes up to this one have been put in line
    there       integer,                        -- the same in the log of the other registry, where
                                                -- a rule that pulls follows that; else null
    asked_at    real,                           -- when somebody asked for a compare
    compared_at real,                           -- when the last one that was whole began
    error       text not null default '',       -- of the last compare, or of the rule itself
    created_at  real not null,
    created_by  text not null
) without rowid;
create index replication_key on replication (key);

-- What is to be the same at both ends, or is: one row for each tag of a rule.
create table replication_tag (
    rule        text not null references replication on delete cascade,
    repository  text not null,                  -- its name here
    tag         text not null,
    state       text not null,                  -- waiting, done, conflict
    gone        integer not null default 0,     -- whether the source has it no more
    turn        integer not null default 1,     -- grows with each reason to look again
    digest      text not null default '',       -- that both ends had last
    parts       text not null default '',       -- a digest of all that belonged to it then
    since       real,                           -- when the oldest change that waits was made
    next_at     real,                           -- when it is tried, where it waits
    attempts    integer not null default 0,
    error       text not null default '',
    done_at     real,
    primary key (rule, repository, tag)
) without rowid;
create index replication_tag_next on replication_tag (rule, state, next_at);

-- Tags that are here because another registry's moved: where from, and when it moved there.
create table replicated_tag (
    repository  text not null,
    tag         text not null,
    digest      text not null,
    moved_at    real not null,                  -- here: a tag that moved since is no copy any more
    origin      text not null,
    origin_at   real not null,
    primary key (repository, tag)
) without rowid;

-- What this registry calls itself to others that it copies to.
create table registry_name (
    number      integer primary key,            -- 1
    name        text not null
);
