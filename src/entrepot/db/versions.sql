-- What is said of versions, and how they are read. The sixth part of the schema.

-- How the tags of a repository are read, where somebody has said so.
create table version_scheme (
    repository  integer primary key references repository on delete cascade,
    scheme      text,               -- null: it is guessed from the tags
    variants    text                -- JSON, patterns; null: the usual ones
);

-- What somebody wrote of a version. It is about an image: a tag that moves on leaves it behind.
create table version_note (
    repository  integer not null references repository on delete cascade,
    tag         text not null,
    digest      text not null,
    kind        text not null,      -- description or plan
    text        text not null,
    actor       text not null,
    at          real not null,
    primary key (repository, tag, digest, kind)
) without rowid;
