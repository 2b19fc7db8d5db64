-- Other registries that projects stand for, and what is fetched from them. The tenth part of the
-- schema.

create table upstream (
    project     text primary key,
    url         text not null,
    kind        text not null default 'plain',  -- plain, ecr, google
    login       text not null default '',       -- a user's name there
    secret      text not null default '',       -- that user's password, sealed by the key
    key         text,
    ca          text not null default '',       -- in PEM, in place of the system's
    tag_seconds real not null,                  -- after which a tag is asked for again
    allow       text not null default '',       -- patterns of repositories there, a line each
    deny        text not null default '',
    pinned      text not null default '',       -- patterns of those that are never given up
    largest     integer,                        -- bytes of an image; null for no limit
    everything  integer not null default 0,     -- whether all platforms are fetched with an index
    created_at  real not null,
    created_by  text not null
) without rowid;
create index upstream_key on upstream (key);

-- Names of the registry by which nodes ask, such as docker.io; each means one project.
create table upstream_host (
    host        text primary key,
    project     text not null references upstream on delete cascade
) without rowid;
create index upstream_host_project on upstream_host (project);

-- When a tag was last seen there to be what it is here.
create table upstream_check (
    repository  text not null,                  -- its name here
    tag         text not null,
    checked_at  real not null,
    primary key (repository, tag)
) without rowid;

-- What some process fetches right now, so that no other does.
create table fetching (
    what        text primary key,
    holder      text not null,
    lease_until real not null,
    repository  text not null default '',       -- of a blob of which bytes have come; its name here
    piece       text not null default ''        -- where others can read them, and go on from them
) without rowid;
