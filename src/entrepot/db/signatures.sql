-- Who signs, and where signatures are demanded. The eighth part of the schema. Signatures themselves
-- are manifests of their repository; what they are worth is found from them, and not kept.

create table signer (
    project     text not null references project on delete cascade,
    name        text not null,
    pattern     text not null,      -- the repositories of the project that they sign for
    kind        text not null,      -- key, identity or notation
    terms       text not null,      -- JSON: what a signature must show to be theirs
    created_at  real not null,
    created_by  text not null,
    primary key (project, name)
) without rowid;

-- What may be pulled by those who may not push: what one of these signed.
create table demand (
    project     text not null references project on delete cascade,
    pattern     text not null,
    signers     text not null,      -- JSON: names
    created_at  real not null,
    created_by  text not null,
    primary key (project, pattern)
) without rowid;
